"""The payloads that Slack sends to an app.

https://docs.slack.dev/reference/interaction-payloads
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from bot.sandbox.model.core import Core
from bot.sandbox.model.functions import Execution, Parameter
from bot.sandbox.model.render import message_json, view_json
from bot.sandbox.model.state import App, Channel, StoredMessage, View
from bot.sandbox.model.texts import JsonObject
from bot.sandbox.model.workspace import TEAM_DOMAIN, TEAM_ID, Workspace, new_id

VERIFICATION_TOKEN = "sandbox-verification-token"

# Slack's client turns these into links in typed text: addresses, and names that end in a well-known domain.
_ADDRESS = re.compile(r"https?://[^\s<>|]+")
_BARE_HOST = re.compile(
    r"(?<![\w@./|<:-])(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|es|eu|de|uk|info|cloud|app)(?::\d+)?(?:/[^\s<>|]*)?(?![\w.-])",
    re.IGNORECASE,
)


def slash_command(core: Core, *, command: str, text: str, user: str, channel: str) -> JsonObject:
    """The payload of a slash command, with a new trigger and response URL."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": TEAM_ID,
        "team_domain": TEAM_DOMAIN,
        "channel_id": channel,
        "channel_name": conversation_name(core.workspace.channels[channel]),
        "user_id": user,
        "user_name": core.workspace.users[user].name,
        "command": command,
        "text": text,
        "api_app_id": core.app.app_id,
        "is_enterprise_install": "false",
        "response_url": core.url + core.grants.response_url(user, channel),
        "trigger_id": core.grants.trigger(user),
    }


def conversation_name(channel: Channel) -> str:
    """The name of a conversation in payloads."""
    return channel.name if channel.im_user is None else "directmessage"


def interaction(core: Core, kind: str, user: str) -> JsonObject:
    """The common fields of every interaction."""
    return {
        "type": kind,
        "user": {
            "id": user,
            "username": core.workspace.users[user].name,
            "name": core.workspace.users[user].name,
            "team_id": TEAM_ID,
        },
        "api_app_id": core.app.app_id,
        "token": VERIFICATION_TOKEN,
        "team": {"id": TEAM_ID, "domain": TEAM_DOMAIN},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def interaction_source(core: Core, where: StoredMessage | View, state: JsonObject | None = None) -> JsonObject:
    """The fields for the source of an interaction: a message of a channel, or a view."""
    if isinstance(where, View):
        container: JsonObject = {"type": "view", "view_id": where.id}
        return {"container": container, "view": view_json(core, where, state)}
    channel = core.workspace.channels[where.channel]
    container = {
        "type": "message",
        "message_ts": where.ts,
        "channel_id": where.channel,
        "is_ephemeral": where.only_for is not None,
    }
    if where.thread_ts:
        container["thread_ts"] = where.thread_ts
    return {
        "container": container,
        "channel": {"id": channel.id, "name": conversation_name(channel)},
        "message": message_json(core, where, metadata=True),
        "state": {"values": state or {}},
    }


def block_actions(
    core: Core, where: StoredMessage | View, user: str, action: JsonObject, state: JsonObject | None
) -> JsonObject:
    """A press, a choice or a typed value with a trigger and, in a message, a response URL."""
    payload = interaction(core, "block_actions", user) | interaction_source(core, where, state)
    payload |= {"trigger_id": core.grants.trigger(user), "actions": [{**action, "action_ts": f"{time.time():.6f}"}]}
    if isinstance(where, StoredMessage):
        path = core.grants.response_url(user, where.channel, ts=where.ts, thread_ts=where.thread_ts)
        payload["response_url"] = core.url + path
    return payload


def view_submission(core: Core, view: View, user: str, state: JsonObject) -> JsonObject:
    """A person submits a form."""
    return interaction(core, "view_submission", user) | {
        "trigger_id": core.grants.trigger(user),
        "view": view_json(core, view, state),
        "response_urls": [],
    }


def view_closed(core: Core, view: View, user: str, *, cleared: bool) -> JsonObject:
    """A person closes a form with `notify_on_close`."""
    return interaction(core, "view_closed", user) | {"view": view_json(core, view), "is_cleared": cleared}


def event(core: Core, inner: JsonObject) -> JsonObject:
    """The envelope of the Events API around an event."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": TEAM_ID,
        "api_app_id": core.app.app_id,
        "event": inner,
        "type": "event_callback",
        "event_id": new_id("Ev0"),
        "event_time": int(core.workspace.clock()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": TEAM_ID,
                "user_id": core.app.bot_user,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
    }


def function_executed(core: Core, execution: Execution, inputs: Mapping[str, str]) -> JsonObject:
    """A workflow executes a custom step of the app."""
    function = execution.function
    return event(
        core,
        {
            "type": "function_executed",
            "function": {
                "id": "Fn0EGRESS",
                "callback_id": function.callback_id,
                "title": function.title,
                "type": "app",
                "input_parameters": _parameters(function.inputs),
                "output_parameters": _parameters(function.outputs),
                "app_id": core.app.app_id,
            },
            "inputs": dict(inputs),
            "function_execution_id": execution.id,
            "workflow_execution_id": new_id("Wx0"),
            "event_ts": core.workspace.new_ts(),
            "bot_access_token": "xwfp-sandbox-token",
        },
    )


def _parameters(found: Mapping[str, Parameter]) -> list[JsonObject]:
    return [{"name": name, "type": each.type, "is_required": each.required} for name, each in found.items()]


def as_typed(workspace: Workspace, app: App, text: str) -> str:
    """Typed text as Slack's client sends it: escaped; mentions, channels and links as tokens."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = _ADDRESS.sub(lambda found: f"<{found[0]}>", escaped)
    escaped = _BARE_HOST.sub(lambda found: f"<http://{found[0]}|{found[0]}>", escaped)
    names = {f"@{user.name}": f"<@{user.id}>" for user in workspace.users.values()}
    names |= {f"@{group.handle}": f"<!subteam^{group.id}>" for group in workspace.groups.values()}
    names |= {f"#{channel.name}": f"<#{channel.id}|{channel.name}>" for channel in workspace.channels.values()}
    names[f"@{app.name}"] = f"<@{app.bot_user}>"
    for name, token in sorted(names.items(), key=lambda pair: -len(pair[0])):
        escaped = re.sub(rf"(?<![\w<]){re.escape(name)}(?![\w-])", token, escaped)
    return escaped
