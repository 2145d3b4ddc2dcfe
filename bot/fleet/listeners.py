"""Listeners for digests, handoffs and mutes: commands, forms and buttons."""

import logging
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from slack_bolt import Ack, App, BoltContext

from bot.access.rules import check_access
from bot.fleet import forms as fleet_forms
from bot.fleet.handoff_messages import TAKE_HANDOFF
from bot.grammar.fleet_commands import (
    DigestAdd,
    DigestList,
    DigestNow,
    DigestRemove,
    FleetCommand,
    HandOver,
    MuteFault,
    Unmute,
)
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.messages import answers
from bot.messages.blocks import Message
from bot.messages.diagnose_form import form_values
from bot.slack.client import SlackRefusal
from checks.config.configuration import Permission
from checks.model.recurrence import BadRecurrence, Recurrence, recurrence
from workers.client import Unavailable
from workers.fleet.handoff import Handoff, HandoffOrder
from workers.fleet.records import Mute
from workers.fleet.schedule import Schedule, clusters_of
from workers.runs.records import Target

log = logging.getLogger(__name__)


def register_fleet(app: App, handler: InteractionHandler) -> None:
    """Register the listeners for the buttons and forms of digests and handoffs."""

    def pressed(name: str, do: Callable[[InteractionHandler, str, Interaction], Message | None]) -> None:
        @app.action(re.compile(rf"^{name}(/.*)?$"))
        def listen(ack: Ack, body: dict[str, Any], action: dict[str, Any], context: BoltContext) -> None:
            ack()
            context["acknowledged"] = True
            interaction, value = _pressed(body, action), str(action.get("value", ""))
            handler.once(interaction, f"button {name}", value, lambda: do(handler, value, interaction))

    pressed(TAKE_HANDOFF, take_over)
    pressed(fleet_forms.REMOVE_DIGEST, remove_digest)

    @app.action(re.compile(r"^(next|note|clusters|time|days|zone|show)$"))
    def filled(ack: Ack) -> None:
        ack()

    @app.view(fleet_forms.DIGEST_CALLBACK)
    def added(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        _added(handler, ack, body, view)

    @app.view(fleet_forms.HANDOFF_CALLBACK)
    def handed_over(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        ack()
        about = fleet_forms.metadata_of(view)
        interaction = _filled(body, view, str(about.get("channel", "")))
        filled_in = form_values(view)
        span = timedelta(seconds=float(about.get("span", 0)))
        command = HandOver(span, filled_in.get("next", ""), filled_in.get("note", ""))
        # The handoff takes its id from the form, so that a form delivered twice posts one handoff.
        handoff_id = re.sub(r"\W", "", str(view.get("id", "")))
        handler.once(interaction, "form handoff", "", lambda: post_handoff(handler, command, interaction, handoff_id))


def run_fleet_command(handler: InteractionHandler, command: FleetCommand, interaction: Interaction) -> Message | None:
    """Carry out a command. None if its result is posted in the channel."""
    try:
        match command:
            case HandOver():
                return _draft(handler, command, interaction)
            case DigestList():
                return _list(handler, interaction)
            case DigestAdd():
                return _add(handler, interaction)
            case DigestRemove(which):
                return _remove(handler, which, interaction)
            case DigestNow():
                return _now(handler, interaction)
            case MuteFault():
                return _mute(handler, command, interaction)
            case Unmute():
                return _unmute(handler, command, interaction)
    except Unavailable:
        return answers.unavailable()


def _permitted_clusters(
    handler: InteractionHandler, interaction: Interaction, permission: Permission
) -> tuple[tuple[str, ...], str]:
    """The clusters for which the person has the permission in this channel.

    The second value is the reason for a refusal.
    """
    requester = handler.requester(interaction)
    found = [(c.name, check_access(handler.config, requester, permission, c.name)) for c in handler.config.clusters]
    reason = next((each.reason for _, each in found if not each.allowed), "No cluster is configured.")
    return tuple(name for name, each in found if each.allowed), reason


# handoffs


def _draft(handler: InteractionHandler, command: HandOver, interaction: Interaction) -> Message | None:
    clusters, reason = _permitted_clusters(handler, interaction, "handoff")
    if not clusters:
        return answers.access_denied(reason)
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


def _order(command: HandOver, interaction: Interaction, clusters: tuple[str, ...], handoff_id: str) -> HandoffOrder:
    now = datetime.now(UTC)
    return HandoffOrder(
        handoff_id, interaction.channel, interaction.user, now, command.span, clusters, command.to, command.note
    )


def _preview(
    handler: InteractionHandler, command: HandOver, interaction: Interaction, clusters: tuple[str, ...]
) -> Handoff:
    order = _order(command, interaction, clusters, "draft")
    return handler.client.preview_handoff(order)


def post_handoff(
    handler: InteractionHandler, command: HandOver, interaction: Interaction, handoff_id: str
) -> Message | None:
    """Post the handoff in the channel."""
    clusters, reason = _permitted_clusters(handler, interaction, "handoff")
    if not clusters or not handoff_id:
        return answers.access_denied(reason)
    order = _order(command, interaction, clusters, handoff_id)
    handler.client.hand_over(order)
    return None


def take_over(handler: InteractionHandler, handoff_id: str, interaction: Interaction) -> Message | None:
    """Make the person the owner of the handoff's open problems and watches."""
    client = handler.client
    found = client.handoff(handoff_id)
    if found is None:
        return answers.run_expired()
    clusters, reason = _permitted_clusters(handler, interaction, "handoff")
    if not set(clusters) & set(found.order.clusters):
        return answers.access_denied(reason)
    taken = client.take_handoff(handoff_id, interaction.user)
    if taken is None:
        return answers.run_expired()
    if taken.taken_by != interaction.user:
        return fleet_forms.short_answer("taken", "Another person has already taken over; the handoff shows who.")
    return None


# digests


def _here(handler: InteractionHandler, interaction: Interaction) -> list[Schedule]:
    return [each for each in handler.client.schedules() if each.channel == interaction.channel]


def _list(handler: InteractionHandler, interaction: Interaction) -> Message:
    now = datetime.now(UTC)
    return fleet_forms.digest_list([(each, each.recurrence.next(now).at) for each in _here(handler, interaction)])


def _add(handler: InteractionHandler, interaction: Interaction) -> Message | None:
    clusters, reason = _permitted_clusters(handler, interaction, "digest")
    if not clusters:
        return answers.access_denied(reason)
    zone = next((each.recurrence.zone for each in _here(handler, interaction)), "UTC")
    try:
        handler.slack.open_view(interaction.trigger, fleet_forms.digest_form(interaction.channel, clusters, zone))
    except SlackRefusal as refused:
        log.warning("the form of a digest did not open: %s", refused)
        return fleet_forms.short_answer("no-form", "The form did not open. Run the command again.")
    return None


def _added(handler: InteractionHandler, ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
    about = fleet_forms.metadata_of(view)
    interaction = _filled(body, view, str(about.get("channel", "")))
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
        schedule_id, interaction.channel, patterns, when, filled.get("show", "changes"), interaction.user
    )
    now = datetime.now(UTC)
    try:
        handler.client.add_schedule(schedule)
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
    allowed, reason = _permitted_clusters(handler, interaction, "digest")
    if not allowed:
        return reason
    probe = Schedule("", "", patterns, recurrence("09:00"))
    named, unmatched = clusters_of(probe, [c.name for c in handler.config.clusters])
    if unmatched:
        return f"No cluster matches {', '.join(unmatched)}. Available: {', '.join(allowed[:12])}"
    if refused := [name for name in named if name not in allowed]:
        return f"You don't have permission to post digests for {', '.join(refused[:6])} in this channel."
    return ""


def _sentence(wrong: Exception) -> str:
    text = str(wrong)
    return (text[:1].upper() + text[1:])[:150]


def _remove(handler: InteractionHandler, which: str, interaction: Interaction) -> Message | None:
    here = _here(handler, interaction)
    if not which:
        return _list(handler, interaction)
    chosen = here[int(which) - 1] if which.isdecimal() and 0 < int(which) <= len(here) else None
    return remove_digest(handler, chosen.id if chosen is not None else which, interaction)


def remove_digest(handler: InteractionHandler, schedule_id: str, interaction: Interaction) -> Message | None:
    """Remove a digest of this channel."""
    found = next((each for each in _here(handler, interaction) if each.id == schedule_id), None)
    if found is None:
        return fleet_forms.short_answer("no-digest", "This channel has no such digest. See `/egress-diag digest list`.")
    clusters, reason = _permitted_clusters(handler, interaction, "digest")
    if not clusters:
        return answers.access_denied(reason)
    if found.configured:
        return fleet_forms.short_answer(
            "configured", "This digest is defined in the configuration file. Remove it there."
        )
    handler.client.remove_schedule(schedule_id)
    return fleet_forms.digest_removed(str(found.recurrence))


def _now(handler: InteractionHandler, interaction: Interaction) -> Message | None:
    clusters, reason = _permitted_clusters(handler, interaction, "digest")
    if not clusters:
        return answers.access_denied(reason)
    schedule = next(iter(_here(handler, interaction)), None)
    if schedule is not None:
        named, _ = clusters_of(schedule, clusters)
        clusters = named or clusters
    handler.client.request_digest(interaction.channel, interaction.user, clusters, schedule)
    return fleet_forms.short_answer(
        "digest-now", "A fleet check has started. The digest is posted in this channel when it ends."
    )


# mutes


def _mute(handler: InteractionHandler, command: MuteFault, interaction: Interaction) -> Message:
    target = command.target
    decision = check_access(handler.config, handler.requester(interaction), "digest", target.cluster, target.gateway)
    if not decision.allowed:
        return answers.access_denied(decision.reason)
    name = _full_name(handler, target)
    if not name:
        return _ambiguous(target)
    now = datetime.now(UTC)
    mute = Mute(target.cluster, name, command.check, interaction.user, command.reason, now, now + command.span)
    handler.client.mute(mute)
    return fleet_forms.mute_added(mute)


def _unmute(handler: InteractionHandler, command: Unmute, interaction: Interaction) -> Message:
    target = command.target
    decision = check_access(handler.config, handler.requester(interaction), "digest", target.cluster, target.gateway)
    if not decision.allowed:
        return answers.access_denied(decision.reason)
    ended = handler.client.unmute(target.cluster, _full_name(handler, target), command.check)
    return fleet_forms.short_answer("unmuted", "The mute has ended." if ended else "This fault was not muted.")


def _full_name(handler: InteractionHandler, target: Target) -> str:
    """`namespace/name`; empty if the name alone does not identify a gateway."""
    if target.namespace:
        return f"{target.namespace}/{target.gateway}"
    seen = {*handler.client.checked_gateways(target.cluster), *handler.known_gateways(target.cluster)}
    found = [name for name in seen if name.split("/", 1)[1] == target.gateway]
    return found[0] if len(found) == 1 else ""


def _ambiguous(target: Target) -> Message:
    words = f'"{target.gateway}" does not identify a gateway on {target.cluster}. Write namespace/name.'
    return fleet_forms.short_answer("mistake", words)


def _pressed(body: dict[str, Any], action: dict[str, Any]) -> Interaction:
    user, channel = str((body.get("user") or {}).get("id", "")), str((body.get("channel") or {}).get("id", ""))
    stamp = (body.get("container") or {}).get("message_ts", "")
    return Interaction(
        user=user,
        channel=channel,
        team=str((body.get("team") or {}).get("id", "")),
        key=f"press/{stamp}/{action.get('action_id', '')}/{action.get('action_ts', '')}/{user}",
        response_url=str(body.get("response_url", "")),
        trigger=str(body.get("trigger_id", "")),
    )


def _filled(body: dict[str, Any], view: dict[str, Any], channel: str) -> Interaction:
    return Interaction(
        user=str((body.get("user") or {}).get("id", "")),
        channel=channel,
        team=str((body.get("team") or {}).get("id", "")),
        key=f"form/{view.get('id', '')}/{view.get('hash', '')}",
    )
