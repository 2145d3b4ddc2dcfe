"""The digests of a channel: listed, added by a form, removed, and posted now."""

import logging
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from slack_bolt import Ack

from bot.access.record_permissions import check_record
from bot.fleet import fleet_forms
from bot.fleet.permission import permitted_clusters
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.messages import answers
from bot.messages.blocks import Message
from bot.messages.diagnose_form import form_values
from bot.slack.web_api import SlackRefusal
from checks.model.recurrence import BadRecurrence, Recurrence, recurrence
from workers.client import Unavailable
from workers.records.digest import DigestOrder
from workers.records.schedule import Schedule, selected_clusters

log = logging.getLogger(__name__)


def _here(handler: InteractionHandler, interaction: Interaction) -> list[Schedule]:
    return list(handler.visible(Schedule, interaction))


def list_digests(handler: InteractionHandler, interaction: Interaction) -> Message:
    """The digests of this channel, each with its next time."""
    now = datetime.now(UTC)
    return fleet_forms.digest_list([(each, each.recurrence.next(now).at) for each in _here(handler, interaction)])


def open_digest_form(handler: InteractionHandler, interaction: Interaction) -> Message | None:
    """Open the form of a new digest."""
    clusters, reason = permitted_clusters(handler, interaction, "digest")
    if not clusters:
        return answers.access_denied(reason)
    zone = next((each.recurrence.zone for each in _here(handler, interaction)), "UTC")
    try:
        handler.slack.open_view(interaction.trigger, fleet_forms.digest_form(interaction.channel, clusters, zone))
    except SlackRefusal as refused:
        log.warning("the form of a digest did not open: %s", refused)
        return fleet_forms.short_answer("no-form", "The form did not open. Run the command again.")
    return None


def add_digest(handler: InteractionHandler, ack: Ack, interaction: Interaction, view: dict[str, Any]) -> None:
    """Add the digest of a sent form, or show the errors of its fields."""
    filled = form_values(view)
    when, errors = _when(filled)
    patterns = tuple(re.split(r"[,\s]+", filled.get("clusters", "*").strip()))
    if wrong := _wrong_clusters(handler, interaction, patterns):
        errors["clusters"] = wrong
    if errors or when is None:
        ack(response_action="errors", errors=errors)
        return
    schedule_id = "s" + re.sub(r"\W", "", str(view.get("id", "")))[-11:].lower()
    schedule = Schedule(
        schedule_id,
        interaction.channel,
        patterns,
        when,
        filled.get("show", "changes"),
        interaction.user,
        groups=tuple(handler.requester(interaction).groups),
    )
    now = datetime.now(UTC)
    try:
        handler.client.request(schedule)
    except BadRecurrence as wrong_time:
        ack(response_action="errors", errors={"time": _sentence(wrong_time)})
        return
    except Unavailable:
        ack(response_action="errors", errors={"time": "No digest was added: the queue (Redis) cannot be reached."})
        return
    ack()
    message = fleet_forms.digest_added(schedule, when.next(now).at)
    handler.record(interaction, "form digest", str(when), message)
    handler.reply(interaction, message)


def _when(filled: dict[str, str]) -> tuple[Recurrence | None, dict[str, str]]:
    """The recurrence of the form, or the errors by field."""
    errors: dict[str, str] = {}
    tries: dict[str, Callable[[], Recurrence]] = {
        "time": lambda: recurrence(filled.get("time", ""), "daily", "UTC"),
        "days": lambda: recurrence("09:00", filled.get("days", ""), "UTC"),
        "zone": lambda: recurrence("09:00", "daily", filled.get("zone", "")),
    }
    for field, attempt in tries.items():
        try:
            attempt()
        except BadRecurrence as wrong:
            errors[field] = _sentence(wrong)
    if errors:
        return None, errors
    return recurrence(filled["time"], filled["days"], filled["zone"]), {}


def _wrong_clusters(handler: InteractionHandler, interaction: Interaction, patterns: tuple[str, ...]) -> str:
    allowed, reason = permitted_clusters(handler, interaction, "digest")
    if not allowed:
        return reason
    shown, _ = permitted_clusters(handler, interaction, "diagnose")
    if refused := [each for each in patterns if each in shown and each not in allowed]:
        return f"You don't have permission to post digests for {', '.join(refused[:6])} in this channel."
    # A pattern selects only clusters that the person may use: others are not named.
    _, unmatched = selected_clusters(patterns, allowed)
    return f"No cluster matches {', '.join(unmatched)}. Available: {', '.join(allowed[:12])}" if unmatched else ""


def _sentence(wrong: Exception) -> str:
    text = str(wrong)
    return (text[:1].upper() + text[1:])[:150]


def remove_numbered_digest(handler: InteractionHandler, which: str, interaction: Interaction) -> Message | None:
    """Remove the digest with this number in the list of the channel, or with this id."""
    here = _here(handler, interaction)
    if not which:
        return list_digests(handler, interaction)
    chosen = here[int(which) - 1] if which.isdecimal() and 0 < int(which) <= len(here) else None
    return remove_digest(handler, chosen.id if chosen is not None else which, interaction)


def remove_digest(handler: InteractionHandler, schedule_id: str, interaction: Interaction) -> Message | None:
    """Remove a digest of this channel."""
    found = next((each for each in _here(handler, interaction) if each.id == schedule_id), None)
    if found is None:
        return fleet_forms.short_answer("no-digest", "This channel has no such digest. See `/egress-diag digest list`.")
    decision = check_record(handler.config, handler.requester(interaction), found)
    if decision is None or not decision.allowed:
        return answers.access_denied(decision.reason) if decision is not None else answers.run_expired()
    if found.configured:
        return fleet_forms.short_answer(
            "configured", "This digest is defined in the configuration file. Remove it there."
        )
    handler.client.stop(found, interaction.user)
    return fleet_forms.digest_removed(str(found.recurrence))


def post_digest_now(handler: InteractionHandler, interaction: Interaction) -> Message | None:
    """Request a digest of this channel now."""
    clusters, reason = permitted_clusters(handler, interaction, "digest")
    if not clusters:
        return answers.access_denied(reason)
    schedule = next(iter(_here(handler, interaction)), None)
    if schedule is not None:
        named, _ = selected_clusters(schedule.clusters, clusters)
        clusters = named or clusters
    handler.client.request(
        DigestOrder(
            id=secrets.token_hex(6),
            channel=interaction.channel,
            clusters=clusters,
            due=datetime.now(UTC),
            when=str(schedule.recurrence) if schedule is not None else "",
            zone=schedule.recurrence.zone if schedule is not None else "UTC",
            show="full",
            user=interaction.user,
            groups=tuple(handler.requester(interaction).groups),
        )
    )
    return fleet_forms.short_answer(
        "digest-now", "A fleet check has started. The digest is posted in this channel when it ends."
    )
