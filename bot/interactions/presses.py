"""Presses of buttons and menus: the person, the channel and the thread."""

from typing import Any

from bot.interactions.interaction import Interaction


def interaction_of(body: dict[str, Any], action: dict[str, Any]) -> Interaction:
    """The interaction of a press."""
    container = body.get("container") or {}
    message = body.get("message") or {}
    private = bool(container.get("is_ephemeral"))
    thread = message.get("thread_ts") or container.get("thread_ts")
    # Slack does not allow replies under an ephemeral message, only in the same thread or channel.
    head = None if private else message.get("ts") or container.get("message_ts")
    channel = str((body.get("channel") or {}).get("id", "") or container.get("channel_id", ""))
    pressed = (action.get("action_id", ""), container.get("message_ts", ""), action.get("action_ts", ""))
    return Interaction(
        user=str((body.get("user") or {}).get("id", "")),
        channel=channel,
        team=str((body.get("team") or {}).get("id", "")),
        key="/".join(str(each) for each in ("press", channel, *pressed)),
        response_url=str(body.get("response_url", "")),
        thread=str(thread or head or "") or None,
        trigger=str(body.get("trigger_id", "")),
    )
