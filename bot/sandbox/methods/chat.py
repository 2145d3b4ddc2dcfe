"""chat.* and reactions.add."""

from __future__ import annotations

import json

from bot.sandbox.model.core import TEXT_LIMIT, ApiError, Args, Core, Method, blocks_of
from bot.sandbox.model.render import message_json
from bot.sandbox.model.state import StoredMessage
from bot.sandbox.model.texts import JsonObject
from bot.sandbox.model.workspace import with_ids

# Not documented; Slack answers metadata_too_large somewhere above this.
METADATA_BYTES = 16_000


def post_message(core: Core, args: Args) -> JsonObject:
    """chat.postMessage"""
    channel = core.writable_channel(args.required("channel"))
    text, blocks = _content(core, args)
    thread_ts = thread_of(core, channel.id, args)
    message = core.workspace.post(
        StoredMessage(
            channel=channel.id,
            ts=core.workspace.new_ts(),
            author=core.app.bot_user,
            text=text,
            blocks=with_ids(blocks or ()),
            thread_ts=thread_ts,
            metadata=_metadata(args),
            broadcast=args.flag("reply_broadcast"),
        )
    )
    return {"channel": channel.id, "ts": message.ts, "message": message_json(core, message, metadata=True)}


def post_ephemeral(core: Core, args: Args) -> JsonObject:
    """chat.postEphemeral"""
    channel = core.writable_channel(args.required("channel"))
    user = args.required("user")
    if user not in channel.members:
        raise ApiError("user_not_in_channel")
    text, blocks = _content(core, args)
    message = core.workspace.post(
        StoredMessage(
            channel=channel.id,
            ts=core.workspace.new_ts(),
            author=core.app.bot_user,
            text=text,
            blocks=with_ids(blocks or ()),
            thread_ts=thread_of(core, channel.id, args),
            only_for=user,
        )
    )
    return {"message_ts": message.ts}


def update(core: Core, args: Args) -> JsonObject:
    """chat.update: text without blocks removes the blocks.

    With blocks, the message is not marked as edited.
    """
    channel = core.writable_channel(args.required("channel"))
    message = core.own_message(channel.id, args.required("ts"), "cant_update_message")
    text, blocks = _content(core, args)
    metadata = _metadata(args) if "metadata" in args else message.metadata
    new = core.workspace.update(
        message,
        edited=not blocks,
        text=text if "text" in args else message.text,
        blocks=with_ids(blocks or ()),
        metadata=metadata or None,
    )
    shown = message_json(core, new, metadata=True)
    return {"channel": channel.id, "ts": new.ts, "text": new.text, "message": shown}


def delete(core: Core, args: Args) -> JsonObject:
    """chat.delete"""
    channel = core.channel(args.required("channel"))
    message = core.own_message(channel.id, args.required("ts"), "cant_delete_message")
    core.workspace.delete(message)
    return {"channel": channel.id, "ts": message.ts}


def get_permalink(core: Core, args: Args) -> JsonObject:
    """chat.getPermalink"""
    channel = core.channel(args.required("channel"))
    message = core.workspace.message(channel.id, args.required("message_ts"))
    if message is None or message.only_for is not None:
        raise ApiError("message_not_found")
    return {"channel": channel.id, "permalink": permalink(core, message)}


def permalink(core: Core, message: StoredMessage) -> str:
    """The permalink of a message; for a reply it includes the thread."""
    address = f"{core.url}/archives/{message.channel}/p{message.ts.replace('.', '')}"
    return f"{address}?thread_ts={message.thread_ts}&cid={message.channel}" if message.is_reply else address


def add_reaction(core: Core, args: Args) -> JsonObject:
    """reactions.add"""
    channel = core.writable_channel(args.required("channel"))
    message = core.workspace.message(channel.id, args.required("timestamp"))
    if message is None or message.only_for is not None:
        raise ApiError("message_not_found")
    reaction = (args.required("name").strip(":"), core.app.bot_user)
    if reaction in message.reactions:
        raise ApiError("already_reacted")
    core.workspace.react(message, reaction)
    return {}


def _content(core: Core, args: Args) -> tuple[str, list[JsonObject] | None]:
    blocks = blocks_of(core, args)
    text = args.text("text")
    if not text and not blocks:
        raise ApiError("no_text")
    if len(text) > TEXT_LIMIT:
        raise ApiError("msg_too_long")
    return text, blocks


def thread_of(core: Core, channel: str, args: Args) -> str | None:
    """The thread of a reply, or None for a message in the channel itself.

    Raises ApiError if the thread does not exist.
    """
    thread_ts = args.text("thread_ts")
    if not thread_ts:
        return None
    parent = core.workspace.message(channel, thread_ts)
    if parent is None or parent.only_for is not None:
        raise ApiError("thread_not_found")
    if parent.is_reply:
        raise ApiError("cannot_reply_to_message")
    return thread_ts


def _metadata(args: Args) -> JsonObject | None:
    metadata = args.json("metadata", "invalid_metadata_format")
    if not metadata:
        return None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_payload"), dict):
        raise ApiError("invalid_metadata_format")
    if not isinstance(metadata.get("event_type"), str) or not metadata["event_type"]:
        raise ApiError("invalid_metadata_format")
    if len(json.dumps(metadata)) > METADATA_BYTES:
        raise ApiError("metadata_too_large")
    return metadata


CHAT_METHODS = {
    "chat.postMessage": Method(post_message, ("chat:write",)),
    "chat.postEphemeral": Method(post_ephemeral, ("chat:write",)),
    "chat.update": Method(update, ("chat:write",)),
    "chat.delete": Method(delete, ("chat:write",)),
    "chat.getPermalink": Method(get_permalink),
    "reactions.add": Method(add_reaction, ("reactions:write",)),
}
