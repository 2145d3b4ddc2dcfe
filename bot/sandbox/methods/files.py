"""The three steps of files_upload_v2: get an upload URL, send the content, share the file."""

from __future__ import annotations

import secrets
from dataclasses import replace

from bot.sandbox.methods.chat import thread_of
from bot.sandbox.model.core import ApiError, Args, Core, Method, blocks_of
from bot.sandbox.model.render import file_json
from bot.sandbox.model.state import StoredFile, StoredMessage
from bot.sandbox.model.texts import JsonObject
from bot.sandbox.model.workspace import new_id, with_ids


def get_upload_url(core: Core, args: Args) -> JsonObject:
    """files.getUploadURLExternal"""
    name, size = args.required("filename"), args.number("length", 0)
    if size <= 0:
        raise ApiError("invalid_arguments", response_metadata={"messages": ["[ERROR] length must be positive"]})
    file = StoredFile(
        id=new_id("F0"),
        name=name,
        size=size,
        alt_text=args.text("alt_txt") or args.text("alt_text"),
        owner=core.app.bot_user,
        created=core.workspace.clock(),
    )
    core.workspace.put_file(file)
    token = secrets.token_urlsafe(18)
    core.uploads[token] = file.id
    return {"upload_url": f"{core.url}/upload/v1/{token}", "file_id": file.id}


def receive(core: Core, token: str, content: bytes) -> str | None:
    """Store the content that was sent to an upload URL. Return an error text, or None."""
    file = core.workspace.file(core.uploads.pop(token, ""))
    if file is None:
        return "the upload URL is unknown or was already used"
    if len(content) != file.size:
        return f"expected {file.size} bytes, received {len(content)}"
    core.workspace.put_file(replace(file, content=content))
    return None


def complete_upload(core: Core, args: Args) -> JsonObject:
    """files.completeUploadExternal: shares uploaded files in a channel or thread, or in none."""
    files = _uploaded(core, args)
    place = args.text("channel_id") or args.text("channels")
    if place:
        channel = core.writable_channel(place)
        thread_ts = thread_of(core, channel.id, args)
        files = [replace(file, channels=(*file.channels, channel.id)) for file in files]
        core.workspace.post(
            StoredMessage(
                channel=channel.id,
                ts=core.workspace.new_ts(),
                author=core.app.bot_user,
                text=args.text("initial_comment"),
                blocks=with_ids(blocks_of(core, args) or ()),
                thread_ts=thread_ts,
                files=tuple(file.id for file in files),
            )
        )
    return {"files": [file_json(core, core.workspace.put_file(file)) for file in files]}


def _uploaded(core: Core, args: Args) -> list[StoredFile]:
    wanted = args.json("files", "invalid_arguments")
    if not isinstance(wanted, list) or not wanted:
        raise ApiError("invalid_arguments", response_metadata={"messages": ["[ERROR] missing required field: files"]})
    found: list[StoredFile] = []
    for item in wanted:
        file = core.workspace.file(str(item.get("id"))) if isinstance(item, dict) else None
        if file is None or file.content is None:
            raise ApiError("file_not_found")
        found.append(replace(file, title=str(item.get("title") or file.name)))
    return found


FILE_METHODS = {
    "files.getUploadURLExternal": Method(get_upload_url, ("files:write",)),
    "files.completeUploadExternal": Method(complete_upload, ("files:write",)),
}
