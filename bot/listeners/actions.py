"""Buttons. They carry a run's id, are checked for permission at the press, and work on old messages and twice."""

import re
from dataclasses import replace
from typing import Any

from slack_bolt import Ack, App, BoltContext

from bot.asked import Diagnose, Mistake
from bot.grammar import parse
from bot.listeners.desk import Desk, Press
from bot.messages import answers
from bot.messages.blocks import Message
from workers.client import Unavailable
from workers.records import Run


def register(app: App, desk: Desk) -> None:
    """Listens to the buttons of runs and answers."""

    def listen(action_id: str, handle: Any) -> None:
        @app.action(re.compile(rf"^{action_id}(/\d+)?$"))
        def pressed(ack: Ack, body: dict[str, Any], action: dict[str, Any], context: BoltContext) -> None:
            ack()
            context["acknowledged"] = True
            press = _press(body, action)
            answer = handle(desk, str(action.get("value", "")), press)
            if answer is not None:
                desk.tell(press, answer)

    listen("check_again", check_again)
    listen("stop", stop)
    listen("choose", choose)
    listen("suggestion", suggestion)


def check_again(desk: Desk, run_id: str, press: Press) -> Message | None:
    """The same question once more, in the same thread."""
    run = _known(desk, run_id)
    if not isinstance(run, Run):
        return run
    thread = press.thread or run.order.thread
    return desk.diagnose(Diagnose(run.order.target), replace(press, thread=thread), after=run.id)


def stop(desk: Desk, run_id: str, press: Press) -> Message | None:
    """Stops a run; whoever may start it may stop it."""
    run = _known(desk, run_id)
    if not isinstance(run, Run):
        return run
    decision = desk.allowed(press, run.order.target.cluster, run.order.target.gateway)
    if not decision.allowed:
        return answers.refused(decision.reason)
    try:
        return None if desk.client.cancel(run, press.user) else answers.ended_already(run)
    except Unavailable:
        return answers.unavailable()


def choose(desk: Desk, value: str, press: Press) -> Message | None:
    """One of the gateways that an ambiguous name fitted."""
    run_id, _, number = value.partition("/")
    run = _known(desk, run_id)
    if not isinstance(run, Run):
        return run
    if not number.isdigit() or int(number) >= len(run.choices):
        return answers.too_old()
    namespace, _, name = run.choices[int(number)].partition("/")
    target = replace(run.order.target, namespace=namespace, gateway=name)
    return desk.diagnose(Diagnose(target), press, after=run.id)


def suggestion(desk: Desk, text: str, press: Press) -> Message | None:
    """A whole command that a mistake offered. It is parsed and checked like one that was typed; the name is taken as it
    stands, since what is known of the cluster may be out of date."""
    from bot.listeners.commands import respond

    command = parse(text, desk.config)
    match command:
        case Diagnose():
            return desk.diagnose(command, press)
        case Mistake():
            return answers.mistake(command)
        case _:
            return respond(desk, text, press)


def _known(desk: Desk, run_id: str) -> Run | Message:
    try:
        return desk.client.run(run_id) or answers.too_old()
    except Unavailable:
        return answers.unavailable()


def _press(body: dict[str, Any], action: dict[str, Any]) -> Press:
    container = body.get("container") or {}
    message = body.get("message") or {}
    return Press(
        user=str((body.get("user") or {}).get("id", "")),
        channel=str((body.get("channel") or {}).get("id", "") or container.get("channel_id", "")),
        team=str((body.get("team") or {}).get("id", "")),
        # A double press has another trigger but the same message state; Slack repeats with the same action_ts.
        key=f"press/{action.get('action_id', '')}/{container.get('message_ts', '')}/{action.get('action_ts', '')}",
        response_url=str(body.get("response_url", "")),
        thread=str(message.get("thread_ts") or container.get("thread_ts") or message.get("ts") or "") or None,
    )
