"""`/egress-diag …`."""

from typing import Any

from slack_bolt import Ack, App, BoltContext

from bot.access import visible_clusters
from bot.asked import Cancel, Diagnose, Help, ListClusters, ListGateways, Mistake
from bot.grammar import parse
from bot.listeners.desk import Desk, Press
from bot.messages import answers
from bot.messages.blocks import Message
from bot.metrics import COMMANDS
from workers.client import Unavailable


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
        )

        def acknowledge(answer: Message | None) -> None:
            context["acknowledged"] = True
            if answer is None:
                ack()
            else:
                ack(text=answer.text, blocks=list(answer.blocks), response_type="ephemeral")

        desk.in_time.answer(
            lambda: respond(desk, str(command.get("text", "")), press),
            acknowledge,
            lambda late: desk.tell(press, late),
        )


def respond(desk: Desk, text: str, press: Press) -> Message | None:
    """Does what was typed. None where the channel itself will show what comes of it."""
    command = parse(text, desk.config, desk.known)
    match command:
        case Diagnose():
            return desk.diagnose(command, press)
        case Mistake():
            COMMANDS.labels("mistake").inc()
            return answers.mistake(command)
        case Help():
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


def _cancel(desk: Desk, press: Press) -> Message:
    try:
        mine = desk.client.active(channel=press.channel, user=press.user)
        return answers.stopped(sum(desk.client.cancel(run, press.user) for run in mine))
    except Unavailable:
        return answers.unavailable()
