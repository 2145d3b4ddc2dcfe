"""conversations.*"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from bot.sandbox.model.core import ApiError, Args, Core, Method
from bot.sandbox.model.render import channel_json, message_json
from bot.sandbox.model.state import StoredMessage
from bot.sandbox.model.texts import JsonObject

_KINDS = ("channels", "groups", "mpim", "im")
_READ = tuple(f"{kind}:read" for kind in _KINDS)
_HISTORY = tuple(f"{kind}:history" for kind in _KINDS)
_TYPES = {"public_channel": "channels", "private_channel": "groups", "im": "im", "mpim": "mpim"}


def conversation_replies(core: Core, args: Args) -> JsonObject:
    """conversations.replies: the parent first, then the replies, oldest first."""
    channel = core.readable_channel(args.required("channel"), "history")
    found = core.workspace.message(channel.id, args.required("ts"))
    if found is None or found.only_for is not None:
        raise ApiError("thread_not_found")
    parent = core.workspace.message(channel.id, found.thread_ts) if found.thread_ts else found
    if parent is None:
        raise ApiError("thread_not_found")
    inside = [reply for reply in core.workspace.replies(channel.id, parent.ts) if _is_between(reply, args)]
    return _page(core, args, [parent, *inside])


def history(core: Core, args: Args) -> JsonObject:
    """conversations.history: newest first, without replies."""
    channel = core.readable_channel(args.required("channel"), "history")
    found = [
        message
        for message in reversed(core.workspace.messages(channel.id))
        if message.only_for is None and (not message.is_reply or message.broadcast) and _is_between(message, args)
    ]
    return _page(core, args, found) | {"pin_count": 0}


def info(core: Core, args: Args) -> JsonObject:
    """conversations.info"""
    channel = core.channel(args.required("channel"))
    core.need_scope(f"{channel.kind}:read")
    return {"channel": channel_json(core, channel)}


def open_direct(core: Core, args: Args) -> JsonObject:
    """conversations.open, for a direct message with one person."""
    if "channel" in args:
        channel = core.channel(args.text("channel"))
    else:
        user = args.text("users")
        if not user:
            raise ApiError("users_list_not_supplied")
        if user not in core.workspace.users:
            raise ApiError("user_not_found")
        channel = core.workspace.direct_channel(user)
    return {"no_op": False, "already_open": True, "channel": {"id": channel.id}}


def list_all(core: Core, args: Args) -> JsonObject:
    """conversations.list"""
    wanted = {_TYPES[word] for word in args.text("types", "public_channel").split(",") if word in _TYPES}
    for kind in wanted:
        core.need_scope(f"{kind}:read")
    found = [
        channel_json(core, channel)
        for channel in core.workspace.channels.values()
        if channel.kind in wanted
        and not (channel.is_archived and args.flag("exclude_archived"))
        and (not channel.is_private or core.app.bot_user in channel.members)
    ]
    start, end, cursor = _slice(args, len(found))
    return {"channels": found[start:end], "response_metadata": {"next_cursor": cursor}}


def _is_between(message: StoredMessage, args: Args) -> bool:
    oldest, latest = args.text("oldest", "0"), args.text("latest") or "9" * 12
    try:
        moment, low, high = float(message.ts), float(oldest), float(latest)
    except ValueError:
        raise ApiError("invalid_ts_latest") from None
    return low <= moment <= high if args.flag("inclusive") else low < moment < high


def _page(core: Core, args: Args, found: Sequence[StoredMessage]) -> JsonObject:
    start, end, cursor = _slice(args, len(found))
    metadata = args.flag("include_all_metadata")
    messages = [message_json(core, message, metadata=metadata) for message in found[start:end]]
    return {"messages": messages, "has_more": bool(cursor), "response_metadata": {"next_cursor": cursor}}


def _slice(args: Args, total: int) -> tuple[int, int, str]:
    """The start and end of the requested page, and the cursor of the next page."""
    limit = args.number("limit", 100)
    if not 1 <= limit <= 1000:
        raise ApiError("invalid_limit")
    start = 0
    if args.text("cursor"):
        try:
            start = int(base64.b64decode(args.text("cursor")).decode().removeprefix("next:"))
        except (binascii.Error, ValueError):
            raise ApiError("invalid_cursor") from None
    end = start + limit
    return start, end, base64.b64encode(f"next:{end}".encode()).decode() if end < total else ""


CONVERSATION_METHODS = {
    "conversations.replies": Method(conversation_replies, _HISTORY),
    "conversations.history": Method(history, _HISTORY),
    "conversations.info": Method(info, _READ),
    "conversations.list": Method(list_all, _READ),
    "conversations.open": Method(open_direct, ("im:write", "channels:manage", "groups:write", "mpim:write")),
}
