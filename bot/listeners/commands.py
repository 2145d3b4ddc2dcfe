"""`/egress-diag …`."""

from typing import Any

from slack_bolt import Ack, App, BoltContext

from bot.access.rules import visible_clusters
from bot.desk.desk import Desk, Press
from bot.fleet import listeners as fleet
from bot.grammar.asked import (
    Cancel,
    Diagnose,
    Form,
    GatewayCommand,
    Help,
    ListClusters,
    ListGateways,
    Mistake,
    Past,
    Watch,
)
from bot.grammar.commands import parse
from bot.grammar.fleet_asked import FleetCommand
from bot.listeners.forms import open_form
from bot.messages import answers, private
from bot.messages.blocks import Message
from workers.client import Unavailable
from workers.runs.records import Target


def register(app: App, desk: Desk) -> None:
    """Listens to the slash command."""

    @app.command("/egress-diag")
    def typed(ack: Ack, command: dict[str, Any], context: BoltContext) -> None:
        press = Press(
            user=str(command.get("user_id", "")),
            channel=str(command.get("channel_id", "")),
            team=str(command.get("team_id", "")),
            key=f"command/{command.get('trigger_id', '')}",
            response_url=str(command.get("response_url", "")),
            trigger=str(command.get("trigger_id", "")),
        )
        text = str(command.get("text", ""))

        def acknowledge(answer: Message | None) -> None:
            context["acknowledged"] = True
            if answer is None:
                ack()
            else:
                ack(text=answer.text, blocks=list(answer.blocks), response_type="ephemeral")

        if not text.strip():
            acknowledge(None)
            desk.once(press, "command", "", lambda: open_form(desk, press))
            return
        desk.in_time.answer(lambda: _noted(desk, text, press), acknowledge, lambda late: desk.tell(press, late))


def _noted(desk: Desk, text: str, press: Press) -> Message | None:
    answer = respond(desk, text, press)
    desk.note(press, "command", text, answer)
    return answer


def respond(desk: Desk, text: str, press: Press) -> Message | None:
    """Does what was typed. None where the channel itself will show what comes of it."""
    command = parse(text, desk.config, desk.known)
    if isinstance(command, FleetCommand):
        return fleet.respond(desk, command, press)
    return _respond(desk, command, press)


def _respond(desk: Desk, command: GatewayCommand, press: Press) -> Message | None:
    match command:
        case Diagnose():
            return desk.diagnose(command, press)
        case Watch(target, span):
            return desk.watch(target, press, span)
        case Past(target):
            return _past(desk, target, press)
        case Mistake():
            return answers.mistake(command)
        case Help() | Form():
            return answers.help_text()
        case ListClusters():
            return answers.clusters(desk.config, visible_clusters(desk.config, desk.asker(press)))
        case ListGateways(cluster):
            return _list(desk, cluster, press)
        case Cancel():
            return _cancel(desk, press)


def _list(desk: Desk, cluster: str, press: Press) -> Message | None:
    decision = desk.allowed(press, cluster, None)
    if not decision.allowed:
        return answers.refused(decision.reason)
    try:
        desk.client.list_gateways(cluster, press.user, press.channel, press.response_url)
    except Unavailable:
        return answers.unavailable()
    return None


def _past(desk: Desk, target: Target, press: Press) -> Message:
    decision = desk.allowed(press, target.cluster, target.gateway)
    if not decision.allowed:
        return answers.refused(decision.reason)
    try:
        names = [f"{target.namespace}/{target.gateway}"] if target.namespace else _named(desk, target)
        if len(names) > 1:
            which = f'"{target.gateway}" fits {len(names)} gateways: {", ".join(names)}.'
            return answers.mistake(Mistake(which, tuple(f"history {target.cluster} {name}" for name in names)))
        name = names[0] if names else target.gateway
        past = desk.client.past_runs(target.cluster, name)
        return private.past(target.cluster, name, past, desk.client.gateway_state(target.cluster, name))
    except Unavailable:
        return answers.unavailable()


def _named(desk: Desk, target: Target) -> list[str]:
    """The full names of gateways of this name that have been checked."""
    seen = desk.client.verdicts(target.cluster)
    return sorted(name for name in seen if name.split("/", 1)[1].lower() == target.gateway.lower())


def _cancel(desk: Desk, press: Press) -> Message:
    try:
        mine = desk.client.active_runs(channel=press.channel, user=press.user)
        stopped = sum(desk.client.cancel(run, press.user) for run in mine if not run.order.watch)
        return answers.stopped(stopped)
    except Unavailable:
        return answers.unavailable()
