"""Buttons and menus: acknowledged at once, done once however often Slack delivers them, answered to whoever pressed."""

import re
from typing import Any

from slack_bolt import Ack, App, BoltContext

from bot.desk.desk import Desk, Press
from bot.grammar.asked import Diagnose, Mistake
from bot.grammar.commands import parse
from bot.listeners import presses
from bot.listeners.commands import respond
from bot.listeners.forms import open_wrong
from bot.listeners.home import show_home
from bot.messages import answers
from bot.messages.blocks import Message


def register(app: App, desk: Desk) -> None:
    """Listens to the buttons of runs, watches and answers."""
    buttons = {**presses.BUTTONS, "suggestion": suggestion}
    listened = "|".join([*buttons, "more", "home"])

    @app.action(re.compile(rf"^({listened})(/.*)?$"))
    def pressed(ack: Ack, body: dict[str, Any], action: dict[str, Any], context: BoltContext) -> None:
        ack()
        context["acknowledged"] = True
        press = press_of(body, action)
        name, value = str(action.get("action_id", "")).split("/", 1)[0], str(action.get("value", ""))
        if name == "more":
            name, _, value = str((action.get("selected_option") or {}).get("value", "")).partition("/")
        if name == "home":
            show_home(desk, press.user)
        elif name == "wrong":
            desk.once(press, f"press {name}", value, lambda: open_wrong(desk, value, press))
        elif (do := buttons.get(name) or presses.MENU.get(name)) is not None:
            desk.once(press, f"press {name}", value, lambda: do(desk, value, press))
        else:
            desk.tell(press, answers.too_old())


def suggestion(desk: Desk, text: str, press: Press) -> Message | None:
    """A whole command that a mistake offered. It is parsed and checked like one that was typed; the name is taken as it
    stands, since what is known of the cluster may be out of date."""
    command = parse(text, desk.config)
    match command:
        case Diagnose():
            return desk.diagnose(command, press)
        case Mistake():
            return answers.mistake(command)
        case _:
            return respond(desk, text, press)


def press_of(body: dict[str, Any], action: dict[str, Any]) -> Press:
    """Who pressed what, where."""
    container = body.get("container") or {}
    message = body.get("message") or {}
    private = bool(container.get("is_ephemeral"))
    thread = message.get("thread_ts") or container.get("thread_ts")
    # Under a message that only one person sees nobody can be answered; beside it one can.
    head = None if private else message.get("ts") or container.get("message_ts")
    return Press(
        user=str((body.get("user") or {}).get("id", "")),
        channel=str((body.get("channel") or {}).get("id", "") or container.get("channel_id", "")),
        team=str((body.get("team") or {}).get("id", "")),
        key=f"press/{action.get('action_id', '')}/{container.get('message_ts', '')}/{action.get('action_ts', '')}",
        response_url=str(body.get("response_url", "")),
        thread=str(thread or head or "") or None,
        trigger=str(body.get("trigger_id", "")),
    )
