"""The sandbox's values as JSON, as in Slack's answers."""

from __future__ import annotations

import mimetypes

from bot.sandbox.model.core import Core
from bot.sandbox.model.state import Channel, StoredFile, StoredMessage, User, View
from bot.sandbox.model.texts import JsonObject
from bot.sandbox.model.workspace import TEAM_ID


def message_json(core: Core, message: StoredMessage, *, metadata: bool = False) -> JsonObject:
    """A message as in conversations.history and conversations.replies."""
    found: JsonObject = {
        "type": "message",
        "user": message.author,
        "ts": message.ts,
        "team": TEAM_ID,
        "text": message.text,
    }
    if message.author == core.app.bot_user:
        found |= {"bot_id": core.app.bot_id, "app_id": core.app.app_id}
    if message.author in core.workspace.users and core.workspace.users[message.author].is_bot:
        found |= {"subtype": "bot_message", "bot_id": f"B{message.author[1:]}"}
    if message.attachments:
        found["attachments"] = list(message.attachments)
    if message.blocks:
        found["blocks"] = list(message.blocks)
    if message.edited_ts:
        found["edited"] = {"user": message.author, "ts": message.edited_ts}
    if message.files:
        found["files"] = [file_json(core, file) for file in core.workspace.files() if file.id in message.files]
    if message.reactions:
        found["reactions"] = reactions_json(message)
    if metadata and message.metadata:
        found["metadata"] = message.metadata
    return found | _thread_json(core, message)


def reactions_json(message: StoredMessage) -> list[JsonObject]:
    """The reactions by name."""
    names = dict.fromkeys(name for name, _ in message.reactions)
    users = {name: [user for reaction, user in message.reactions if reaction == name] for name in names}
    return [{"name": name, "users": users[name], "count": len(users[name])} for name in names]


def _thread_json(core: Core, message: StoredMessage) -> JsonObject:
    if message.is_reply:
        parent = core.workspace.message(message.channel, message.thread_ts or "")
        return {"thread_ts": message.thread_ts, "parent_user_id": parent.author if parent else ""}
    replies = core.workspace.replies(message.channel, message.ts)
    if not replies:
        return {}
    people = list(dict.fromkeys(reply.author for reply in replies))
    return {
        "thread_ts": message.ts,
        "reply_count": len(replies),
        "reply_users": people,
        "reply_users_count": len(people),
        "latest_reply": replies[-1].ts,
        "subscribed": False,
    }


def channel_json(core: Core, channel: Channel) -> JsonObject:
    """A conversation as in conversations.info."""
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": channel.kind == "channels",
        "is_group": channel.kind == "groups",
        "is_im": channel.kind == "im",
        "is_private": channel.is_private,
        "is_archived": channel.is_archived,
        "is_member": core.app.bot_user in channel.members,
        "num_members": len(channel.members),
        "context_team_id": TEAM_ID,
        "topic": {"value": channel.topic},
    } | ({"user": channel.im_user} if channel.im_user else {})


def user_json(user: User) -> JsonObject:
    """A member as in users.info."""
    return {
        "id": user.id,
        "team_id": TEAM_ID,
        "name": user.name,
        "real_name": user.real_name,
        "deleted": False,
        "is_bot": user.is_bot,
        "tz": user.tz,
        "profile": {"real_name": user.real_name, "display_name": user.name},
    }


def file_json(core: Core, file: StoredFile) -> JsonObject:
    """A file as in files.completeUploadExternal."""
    address = f"{core.url}/files/{file.id}/{file.name}"
    return {
        "id": file.id,
        "name": file.name,
        "title": file.title or file.name,
        "alt_txt": file.alt_text,
        "mimetype": mimetypes.guess_type(file.name)[0] or "application/octet-stream",
        "filetype": file.name.rpartition(".")[2] or "binary",
        "size": file.size,
        "user": file.owner,
        "created": int(file.created),
        "channels": list(file.channels),
        "url_private": address,
        "url_private_download": address,
        "permalink": address,
    }


def view_json(core: Core, view: View, state: JsonObject | None = None) -> JsonObject:
    """A view as in views.open and in interactions."""
    body = view.body
    return {
        "id": view.id,
        "team_id": TEAM_ID,
        "type": view.type,
        "blocks": body["blocks"],
        "private_metadata": view.private_metadata,
        "callback_id": view.callback_id,
        "state": {"values": state if state is not None else view.answers or {}},
        "hash": view.hash,
        "title": body.get("title"),
        "clear_on_close": body.get("clear_on_close", False),
        "notify_on_close": body.get("notify_on_close", False),
        "close": body.get("close"),
        "submit": body.get("submit"),
        "previous_view_id": view.previous_id,
        "root_view_id": view.root_id,
        "app_id": core.app.app_id,
        "external_id": body.get("external_id", ""),
        "app_installed_team_id": TEAM_ID,
        "bot_id": core.app.bot_id,
    }
