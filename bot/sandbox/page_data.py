"""The data of the page in the browser.

It is the workspace as one person sees it, and each change of it.
"""

from __future__ import annotations

from bot.sandbox.model.core import Core
from bot.sandbox.model.render import file_json, reactions_json, view_json
from bot.sandbox.model.state import Channel, StoredMessage, WorkspaceChange
from bot.sandbox.model.texts import JsonObject


def page_state(core: Core, user: str) -> JsonObject:
    """Everything that the page shows to a person when it is loaded."""
    workspace, app = core.workspace, core.app
    return {
        "me": user,
        "app": {"name": app.name, "user": app.bot_user, "command": app.command},
        "users": [
            {"id": u.id, "name": u.name, "real_name": u.real_name, "is_bot": u.is_bot} for u in workspace.users.values()
        ],
        "groups": [{"id": group.id, "handle": group.handle} for group in workspace.groups.values()],
        "channels": [_channel_json(core, channel) for channel in workspace.channels.values()],
        "messages": [_message_json(m) for m in workspace.all_messages() if _sees(core, user, m)],
        "files": _files_json(core),
        **_views_json(core, user),
    }


def change_json(core: Core, change: WorkspaceChange, user: str) -> JsonObject | None:
    """A change as the page receives it; None if this person does not see it."""
    message = change.message
    if message is not None:
        if not _sees(core, user, message):
            return None
        return {"kind": change.kind, "message": _message_json(message), "files": _files_json(core)}
    match change.kind:
        case "view":
            return {"kind": "view", **_views_json(core, user)} if change.subject == user else None
        case "channel":
            return {"kind": "channel", "channel": _channel_json(core, core.workspace.channels[change.subject])}
        case _:
            return {"kind": "file", "files": _files_json(core)}


def _sees(core: Core, user: str, message: StoredMessage) -> bool:
    channel = core.workspace.channels[message.channel]
    return user in channel.members and message.only_for in {None, user}


def _channel_json(core: Core, channel: Channel) -> JsonObject:
    return {
        "prompts": {ts: list(prompts) for (place, ts), prompts in core.prompts.items() if place == channel.id},
        "id": channel.id,
        "name": channel.name,
        "topic": channel.topic,
        "members": sorted(channel.members),
        "archived": channel.is_archived,
        "private": channel.is_private,
        "im": channel.im_user,
    }


def _message_json(message: StoredMessage) -> JsonObject:
    return {
        "channel": message.channel,
        "ts": message.ts,
        "author": message.author,
        "text": message.text,
        "blocks": list(message.blocks),
        "attachments": list(message.attachments),
        "thread_ts": message.thread_ts if message.is_reply else None,
        "only_for": message.only_for,
        "edited": message.edited_ts is not None,
        "broadcast": message.broadcast,
        "files": list(message.files),
        "reactions": reactions_json(message),
    }


def _views_json(core: Core, user: str) -> JsonObject:
    workspace = core.workspace
    home = workspace.home(user)
    return {
        "views": [view_json(core, view) for view in workspace.stack(user)],
        "home": view_json(core, home) if home else None,
    }


def _files_json(core: Core) -> list[JsonObject]:
    return [file_json(core, file) for file in core.workspace.files() if file.channels]
