"""The listener for the slash command `/egress-diag`."""

import secrets
from dataclasses import replace
from typing import Any

from slack_bolt import Ack, App, BoltContext

from bot.fleet import fleet_listeners as fleet
from bot.fleet.permission import permitted_clusters
from bot.grammar.commands import (
    CancelRuns,
    Diagnose,
    ExplainTerm,
    GatewayCommand,
    ListClusters,
    ListGateways,
    Mistake,
    OpenForm,
    RequestStep,
    ShowHelp,
    ShowHistory,
    WatchGateway,
)
from bot.grammar.fleet_commands import FleetCommand
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.listeners.active_steps import order_step
from bot.listeners.forms import open_diagnose_form
from bot.messages import answers, private_answers
from bot.messages.blocks import Message
from bot.messages.term_answers import term_explained
from bot.slack.outgoing import without_secrets
from checks.knowledge.terms import term_named
from workers.client import Unavailable, redis_problem
from workers.records.listing import Listing
from workers.records.run import Target


def register_commands(app: App, handler: InteractionHandler) -> None:
    """Register the listener for the slash command."""

    @app.command("/egress-diag")
    def typed(ack: Ack, command: dict[str, Any], context: BoltContext) -> None:
        interaction = Interaction(
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
                ack(**without_secrets({"text": answer.text, "blocks": answer.blocks}), response_type="ephemeral")

        if not text.strip():
            acknowledge(None)
            handler.once(interaction, "command", "", lambda: open_diagnose_form(handler, interaction))
            return
        handler.deadline.answer(
            lambda: _run_and_record(handler, text, interaction),
            acknowledge,
            lambda late: handler.reply(interaction, late),
        )


def _run_and_record(handler: InteractionHandler, text: str, interaction: Interaction) -> Message | None:
    answer = run_command(handler, text, interaction)
    handler.record(interaction, "command", text, answer)
    return answer


def run_command(handler: InteractionHandler, text: str, interaction: Interaction) -> Message | None:
    """Carry out a command. None if its result is posted in the channel."""
    command = handler.parsed(text, interaction)
    if isinstance(command, FleetCommand):
        return fleet.run_fleet_command(handler, command, interaction)
    if isinstance(command, RequestStep):
        return order_step(handler, command.kind, command.target, interaction, deployment=command.deployment)
    if isinstance(command, ExplainTerm):
        return explain_term(command)
    return _respond(handler, command, interaction)


def _respond(handler: InteractionHandler, command: GatewayCommand, interaction: Interaction) -> Message | None:
    match command:
        case Diagnose():
            return handler.diagnose(command, interaction)
        case WatchGateway(target, span):
            return handler.watch(target, interaction, span)
        case ShowHistory(target):
            return _history(handler, target, interaction)
        case Mistake():
            return answers.mistake(command)
        case ShowHelp() | OpenForm():
            return answers.help_text()
        case ListClusters():
            return answers.cluster_list(handler.config, permitted_clusters(handler, interaction, "diagnose")[0])
        case ListGateways(cluster):
            return _list(handler, cluster, interaction)
        case CancelRuns():
            return _cancel(handler, interaction)


def explain_term(asked: ExplainTerm) -> Message:
    """The explanation of a term."""
    term = term_named(asked.term)
    return term_explained(term) if term is not None else answers.help_text()


def _list(handler: InteractionHandler, cluster: str, interaction: Interaction) -> Message | None:
    decision = handler.access_somewhere(interaction, cluster)
    if not decision.allowed:
        return answers.access_denied(decision.reason)
    requester = handler.requester(interaction)
    try:
        handler.client.request(
            Listing(
                id=secrets.token_hex(6),
                cluster=cluster,
                user=requester.user,
                channel=requester.channel,
                response_url=interaction.response_url,
                groups=tuple(requester.groups),
            )
        )
    except Unavailable as error:
        return answers.unavailable(redis_problem(error))
    return None


def _history(handler: InteractionHandler, target: Target, interaction: Interaction) -> Message:
    decision = handler.access(interaction, target.cluster, target.gateway)
    if not decision.allowed:
        return answers.access_denied(decision.reason)
    try:
        names = (
            [f"{target.namespace}/{target.gateway}"] if target.namespace else _full_names(handler, target, interaction)
        )
        if len(names) > 1:
            which = f'"{target.gateway}" matches {len(names)} gateways: {", ".join(names)}.'
            return answers.mistake(Mistake(which, tuple(f"history {target.cluster} {name}" for name in names)))
        name = names[0] if names else target.gateway
        history = handler.client.gateways.history(target.cluster, name)
        # The names of users in other channels are not shown in this one.
        past = [each if each.channel == interaction.channel else replace(each, user="") for each in history.past]
        return private_answers.history_message(target.cluster, name, past, history.state, history.canary)
    except Unavailable as error:
        return answers.unavailable(redis_problem(error))


def _full_names(handler: InteractionHandler, target: Target, interaction: Interaction) -> list[str]:
    """The full names of the checked gateways with this name."""
    seen = handler.checked_gateways(interaction, "diagnose", target.cluster)
    return sorted(name for name in seen if name.split("/", 1)[1].lower() == target.gateway.lower())


def _cancel(handler: InteractionHandler, interaction: Interaction) -> Message:
    try:
        mine = handler.own_runs(interaction)
        stopped = sum(handler.client.stop(run, interaction.user) for run in mine if not run.order.watch)
        return answers.stopped(stopped)
    except Unavailable as error:
        return answers.unavailable(redis_problem(error))
