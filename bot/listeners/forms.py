"""The listeners for the forms to check a gateway and to report a wrong result."""

import logging
import re
from typing import Any

from slack_bolt import Ack, App, BoltContext

from bot.fleet.permission import permitted_clusters
from bot.grammar.commands import Diagnose
from bot.interactions.form_submissions import form_interaction, submitted_metadata
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.listeners import buttons
from bot.messages import answers, diagnose_form
from bot.messages.blocks import Message
from bot.messages.interaction_values import GatewayFormMetadata, OutdatedValue, WrongResultMetadata
from bot.slack.web_api import SlackRefusal
from checks.model.question import BadQuestion, parse_client, parse_gateway_name
from checks.model.requested_host import parse_host
from workers.client import Unavailable
from workers.records.run import Run, Target

log = logging.getLogger(__name__)


def register_forms(app: App, handler: InteractionHandler) -> None:
    """Register the listeners for the forms."""

    @app.action("cluster")
    def chosen(ack: Ack, body: dict[str, Any], context: BoltContext) -> None:
        ack()
        context["acknowledged"] = True
        try:
            _cluster_chosen(handler, body)
        except SlackRefusal as refused:
            log.info("a form was not updated: %s", refused)

    @app.action(re.compile(r"^(gateway|host|from|comment)$"))
    def filled(ack: Ack) -> None:
        ack()

    @app.options("gateway")
    def typed(ack: Ack, payload: dict[str, Any], body: dict[str, Any]) -> None:
        ack(options=_suggestions(handler, body, str(payload.get("value", ""))))

    @app.view(diagnose_form.CALLBACK)
    def submitted(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        if (metadata := submitted_metadata(ack, GatewayFormMetadata, view)) is not None:
            _submitted(handler, ack, form_interaction(body, metadata.channel), view)

    @app.view("wrong")
    def wrong(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        if (metadata := submitted_metadata(ack, WrongResultMetadata, view)) is not None:
            ack()
            interaction, run_id = form_interaction(body, metadata.channel), metadata.run
            comment = diagnose_form.form_values(view).get("comment", "")
            handler.once(interaction, "form wrong", run_id, lambda: _remark(handler, run_id, interaction, comment))


def _cluster_chosen(handler: InteractionHandler, body: dict[str, Any]) -> None:
    """Fill the form for the cluster that was chosen in it. Raises SlackRefusal."""
    view = body.get("view") or {}
    view_id = str(view.get("id", ""))
    try:
        metadata = GatewayFormMetadata.decode(str(view.get("private_metadata", "")))
    except OutdatedValue:
        handler.slack.update_view(view_id, diagnose_form.outdated_form())
        return
    chosen = diagnose_form.form_values(view).get("cluster")
    _fill(handler, form_interaction(body, metadata.channel), view_id, chosen)


def _suggestions(handler: InteractionHandler, body: dict[str, Any], typed: str) -> list[dict[str, Any]]:
    """The options of the gateway field; none in a form that an earlier version has opened."""
    try:
        metadata = GatewayFormMetadata.decode(str((body.get("view") or {}).get("private_metadata", "")))
    except OutdatedValue:
        return []
    known = handler.known_gateways(form_interaction(body, metadata.channel), metadata.cluster)
    return diagnose_form.gateway_options(known, typed)


def open_diagnose_form(handler: InteractionHandler, interaction: Interaction) -> Message | None:
    """Open the form empty, because its trigger expires after three seconds, then fill it."""
    try:
        view = handler.slack.open_view(interaction.trigger, diagnose_form.loading_form(interaction.channel))
        _fill(handler, interaction, view, None)
    except SlackRefusal as refused:
        log.warning("the form did not open: %s", refused)
        return answers.form_failed()
    return None


def open_wrong_result_form(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Open the form to report a wrong result."""
    run = buttons.permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    try:
        handler.slack.open_view(interaction.trigger, diagnose_form.wrong_result_form(interaction.channel, run.id))
    except SlackRefusal as refused:
        log.warning("the form did not open: %s", refused)
        return answers.form_failed()
    return None


def _fill(handler: InteractionHandler, interaction: Interaction, view: str, chosen: str | None) -> None:
    clusters, _ = permitted_clusters(handler, interaction, "diagnose")
    if not clusters:
        ask = f" Ask {handler.config.ask} for access." if handler.config.ask else ""
        handler.slack.update_view(
            view,
            diagnose_form.form_notice(
                interaction.channel, f"You don't have permission to check any cluster in this channel.{ask}"
            ),
        )
        return
    try:
        last = handler.last_target(interaction)
        chosen = chosen if chosen in clusters else None
        cluster = chosen or (last.cluster if last is not None and last.cluster in clusters else clusters[0])
        handler.client.gateways.refresh(cluster)
    except Unavailable:
        last = None
    handler.slack.update_view(view, diagnose_form.diagnose_form(interaction.channel, clusters, chosen, last))


def _submitted(handler: InteractionHandler, ack: Ack, interaction: Interaction, view: dict[str, Any]) -> None:
    given = diagnose_form.form_values(view)
    target, errors = _target(given, view)
    if target is None:
        ack(response_action="errors", errors=errors)
        return

    def acknowledge(answer: Message | None) -> None:
        if answer is None or answer.slot == "joined":
            ack()
        else:
            ack(response_action="errors", errors={"cluster": _plain_text(answer)})
        if answer is not None and answer.slot == "joined":
            handler.reply(interaction, answer)

    def start() -> Message | None:
        answer = handler.diagnose(Diagnose(target), interaction)
        handler.record(interaction, "form diagnose", str(target), answer)
        return answer

    handler.deadline.answer(start, acknowledge, lambda late: handler.reply(interaction, late))


def _target(given: dict[str, str], view: dict[str, Any]) -> tuple[Target | None, dict[str, str]]:
    errors: dict[str, str] = {}
    name, host, client = None, None, None
    try:
        name = parse_gateway_name(given.get("gateway", ""))
    except BadQuestion as wrong:
        errors[diagnose_form.block_of(view, "gateway")] = f"{wrong}."
    try:
        host = parse_host(given["host"]) if "host" in given else None
    except BadQuestion as wrong:
        errors["host"] = f"{wrong}."
    try:
        client = parse_client(given["from"]) if "from" in given else None
    except BadQuestion as wrong:
        errors["from"] = f"{wrong}."
    if errors or name is None:
        return None, errors
    return Target(given.get("cluster", ""), name.name, name.namespace, host, client), {}


def _remark(handler: InteractionHandler, run_id: str, interaction: Interaction, comment: str) -> Message | None:
    run = buttons.permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    handler.client.remark(run, interaction.user, comment)
    return answers.report_received()


def _plain_text(answer: Message) -> str:
    return answer.text.replace("\u2060", "")[:150]
