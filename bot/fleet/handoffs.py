"""Handoffs: the draft in a form, the handoff in the channel, and its takeover."""

import logging
import secrets
from datetime import UTC, datetime

from bot.fleet import fleet_forms
from bot.fleet.permission import permitted_clusters
from bot.grammar.fleet_commands import HandOver
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.messages import answers
from bot.messages.blocks import Message
from bot.messages.term_answers import handoff_draft
from bot.slack.web_api import SlackRefusal
from workers.records.handoff import Handoff, HandoffOrder

log = logging.getLogger(__name__)


def draft_handoff(handler: InteractionHandler, command: HandOver, interaction: Interaction) -> Message | None:
    """Open the form with a draft of the handoff. Without the form, post it directly."""
    clusters, reason = permitted_clusters(handler, interaction, "handoff")
    if not clusters:
        return answers.access_denied(reason)
    if not interaction.trigger:  # a mention: Slack opens a form only after a command or a press
        return handoff_draft(_typed(command))
    span = command.span.total_seconds()
    try:
        view = handler.slack.open_view(
            interaction.trigger, fleet_forms.handoff_form(interaction.channel, span, None, command.to, command.note)
        )
        shift = _preview(handler, command, interaction, clusters)
        handler.slack.update_view(
            view, fleet_forms.handoff_form(interaction.channel, span, shift, command.to, command.note)
        )
    except SlackRefusal as refused:
        # Without the form, the handoff is posted directly: the shift must not end without one.
        log.warning("the draft of a handoff did not open: %s", refused)
        return post_handoff(handler, command, interaction, secrets.token_hex(6))
    return None


def _typed(command: HandOver) -> str:
    """The command that opens the same draft."""
    hours, minutes = divmod(round(command.span.total_seconds() / 60), 60)
    span = f"{hours * 60 + minutes}m" if minutes else f"{hours}h"
    return " ".join(part for part in ("handoff", span, f"<@{command.to}>" if command.to else "", command.note) if part)


def _order(
    handler: InteractionHandler,
    command: HandOver,
    interaction: Interaction,
    clusters: tuple[str, ...],
    handoff_id: str,
) -> HandoffOrder:
    return HandoffOrder(
        handoff_id,
        interaction.channel,
        interaction.user,
        datetime.now(UTC),
        command.span,
        clusters,
        command.to,
        command.note,
        tuple(handler.requester(interaction).groups),
    )


def _preview(
    handler: InteractionHandler, command: HandOver, interaction: Interaction, clusters: tuple[str, ...]
) -> Handoff:
    order = _order(handler, command, interaction, clusters, "draft")
    return handler.client.fleet.preview_handoff(order)


def post_handoff(
    handler: InteractionHandler, command: HandOver, interaction: Interaction, handoff_id: str
) -> Message | None:
    """Post the handoff in the channel."""
    clusters, reason = permitted_clusters(handler, interaction, "handoff")
    if not clusters or not handoff_id:
        return answers.access_denied(reason)
    order = _order(handler, command, interaction, clusters, handoff_id)
    handler.client.request(order)
    return None


def take_over(handler: InteractionHandler, handoff_id: str, interaction: Interaction) -> Message | None:
    """Make the person the owner of the handoff's open problems and watches."""
    found = handler.find(Handoff, handoff_id, interaction)
    if not isinstance(found, Handoff):
        return found
    if found.taken_by == interaction.user:
        return fleet_forms.short_answer("taken", "You have already taken over this handoff.")
    groups = tuple(handler.requester(interaction).groups)
    taken = handler.client.fleet.take_handoff(handoff_id, interaction.user, groups)
    if taken is None:
        return answers.run_expired()
    if taken.taken_by != interaction.user:
        return fleet_forms.short_answer("taken", "Another person has already taken over; the handoff shows who.")
    return None
