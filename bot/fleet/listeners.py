"""Digests, handoffs and mutes: what is typed, filled in and pressed."""

import logging
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from slack_bolt import Ack, App, BoltContext

from bot.access.rules import decide
from bot.desk.desk import Desk, Press
from bot.fleet import forms as fleet_forms
from bot.fleet.handoff_messages import TAKE
from bot.grammar.fleet_asked import (
    DigestAdd,
    DigestList,
    DigestNow,
    DigestRemove,
    FleetCommand,
    HandOver,
    MuteFault,
    Unmute,
)
from bot.messages import answers
from bot.messages.blocks import Message
from bot.slack.client import SlackRefusal
from checks.config.configuration import Permission
from checks.model.recurrence import BadRecurrence, Recurrence, recurrence
from workers.client import Unavailable
from workers.fleet.handoff import Handoff, HandoffOrder
from workers.fleet.records import Mute
from workers.fleet.schedule import Schedule, clusters_of
from workers.runs.records import Target

log = logging.getLogger(__name__)


def register(app: App, desk: Desk) -> None:
    """Listens to the buttons and forms of digests and handoffs."""

    def pressed(name: str, do: Callable[[Desk, str, Press], Message | None]) -> None:
        @app.action(re.compile(rf"^{name}(/.*)?$"))
        def listen(ack: Ack, body: dict[str, Any], action: dict[str, Any], context: BoltContext) -> None:
            ack()
            context["acknowledged"] = True
            press, value = _pressed(body, action), str(action.get("value", ""))
            desk.once(press, f"button {name}", value, lambda: do(desk, value, press))

    pressed(TAKE, take)
    pressed(fleet_forms.REMOVE, remove)

    @app.action(re.compile(r"^(next|note|clusters|time|days|zone|show)$"))
    def filled(ack: Ack) -> None:
        ack()

    @app.view(fleet_forms.DIGEST)
    def added(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        _added(desk, ack, body, view)

    @app.view(fleet_forms.HANDOFF)
    def handed(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        ack()
        about = fleet_forms.metadata_of(view)
        press = _filled(body, view, str(about.get("channel", "")))
        filled_in = fleet_forms.given(view)
        span = timedelta(seconds=float(about.get("span", 0)))
        command = HandOver(span, filled_in.get("next", ""), filled_in.get("note", ""))
        # One form is one handoff, however often it is delivered.
        handoff_id = re.sub(r"\W", "", str(view.get("id", "")))
        desk.once(press, "form handoff", "", lambda: hand_over(desk, command, press, handoff_id))


def respond(desk: Desk, command: FleetCommand, press: Press) -> Message | None:
    """Does what was typed. None where the channel itself will show what comes of it."""
    try:
        match command:
            case HandOver():
                return _draft(desk, command, press)
            case DigestList():
                return _list(desk, press)
            case DigestAdd():
                return _add(desk, press)
            case DigestRemove(which):
                return _remove(desk, which, press)
            case DigestNow():
                return _now(desk, press)
            case MuteFault():
                return _mute(desk, command, press)
            case Unmute():
                return _unmute(desk, command, press)
    except Unavailable:
        return answers.unavailable()


def _may(desk: Desk, press: Press, permission: Permission) -> tuple[tuple[str, ...], str]:
    """The clusters for which somebody may do this here, and why not where there are none."""
    asker = desk.asker(press)
    found = [(c.name, decide(desk.config, asker, permission, c.name)) for c in desk.config.clusters]
    reason = next((each.reason for _, each in found if not each.allowed), "No cluster is configured.")
    return tuple(name for name, each in found if each.allowed), reason


# handoffs


def _draft(desk: Desk, command: HandOver, press: Press) -> Message | None:
    clusters, reason = _may(desk, press, "handoff")
    if not clusters:
        return answers.refused(reason)
    span = command.span.total_seconds()
    try:
        view = desk.slack.open_view(
            press.trigger, fleet_forms.handoff_form(press.channel, span, None, command.to, command.note)
        )
        shift = _preview(desk, command, press, clusters)
        desk.slack.update_view(view, fleet_forms.handoff_form(press.channel, span, shift, command.to, command.note))
    except SlackRefusal as refused:
        # A form that does not open must not keep a tired person from handing over.
        log.warning("the draft of a handoff did not open: %s", refused)
        return hand_over(desk, command, press, secrets.token_hex(6))
    return None


def _order(command: HandOver, press: Press, clusters: tuple[str, ...], handoff_id: str) -> HandoffOrder:
    now = datetime.now(UTC)
    return HandoffOrder(handoff_id, press.channel, press.user, now, command.span, clusters, command.to, command.note)


def _preview(desk: Desk, command: HandOver, press: Press, clusters: tuple[str, ...]) -> Handoff:
    order = _order(command, press, clusters, "draft")
    return desk.client.preview_handoff(order)


def hand_over(desk: Desk, command: HandOver, press: Press, handoff_id: str) -> Message | None:
    """Posts the handoff. None where the channel itself shows it."""
    clusters, reason = _may(desk, press, "handoff")
    if not clusters or not handoff_id:
        return answers.refused(reason)
    order = _order(command, press, clusters, handoff_id)
    desk.client.hand_over(order)
    return None


def take(desk: Desk, handoff_id: str, press: Press) -> Message | None:
    """ "I have it": what is open and watched is theirs from now on."""
    client = desk.client
    found = client.handoff(handoff_id)
    if found is None:
        return answers.too_old()
    clusters, reason = _may(desk, press, "handoff")
    if not set(clusters) & set(found.order.clusters):
        return answers.refused(reason)
    taken = client.take_handoff(handoff_id, press.user)
    if taken is None:
        return answers.too_old()
    if taken.taken_by != press.user:
        return fleet_forms.said("taken", "Somebody else has it already: the message says who.")
    return None


# digests


def _here(desk: Desk, press: Press) -> list[Schedule]:
    return [each for each in desk.client.schedules() if each.channel == press.channel]


def _list(desk: Desk, press: Press) -> Message:
    now = datetime.now(UTC)
    return fleet_forms.schedules([(each, each.recurrence.next(now).at) for each in _here(desk, press)])


def _add(desk: Desk, press: Press) -> Message | None:
    clusters, reason = _may(desk, press, "digest")
    if not clusters:
        return answers.refused(reason)
    zone = next((each.recurrence.zone for each in _here(desk, press)), "UTC")
    try:
        desk.slack.open_view(press.trigger, fleet_forms.digest_form(press.channel, clusters, zone))
    except SlackRefusal as refused:
        log.warning("the form of a digest did not open: %s", refused)
        return fleet_forms.said("no-form", "The form did not open. Type the command once more.")
    return None


def _added(desk: Desk, ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
    about = fleet_forms.metadata_of(view)
    press = _filled(body, view, str(about.get("channel", "")))
    filled = fleet_forms.given(view)
    when, errors = _when(filled)
    patterns = tuple(re.split(r"[,\s]+", filled.get("clusters", "*").strip()))
    if wrong := _wrong_clusters(desk, press, patterns):
        errors["clusters"] = wrong
    if errors or when is None:
        ack(response_action="errors", errors=errors)
        return
    schedule_id = "s" + re.sub(r"\W", "", str(view.get("id", "")))[-11:].lower()
    schedule = Schedule(schedule_id, press.channel, patterns, when, filled.get("show", "changes"), press.user)
    now = datetime.now(UTC)
    try:
        desk.client.add_schedule(schedule)
    except BadRecurrence as wrong_time:
        ack(response_action="errors", errors={"time": _sentence(wrong_time)})
        return
    except Unavailable:
        ack(response_action="errors", errors={"time": "Nothing was added: the queue (Redis) cannot be reached."})
        return
    ack()
    message = fleet_forms.added(schedule, when.next(now).at)
    desk.note(press, "form digest", str(when), message)
    desk.tell(press, message)


def _when(filled: dict[str, str]) -> tuple[Recurrence | None, dict[str, str]]:
    """The recurrence, or by field what is wrong with it."""
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


def _wrong_clusters(desk: Desk, press: Press, patterns: tuple[str, ...]) -> str:
    allowed, reason = _may(desk, press, "digest")
    if not allowed:
        return reason
    probe = Schedule("", "", patterns, recurrence("09:00"))
    named, gone = clusters_of(probe, [c.name for c in desk.config.clusters])
    if gone:
        return f"No cluster fits {', '.join(gone)}. Configured: {', '.join(allowed[:12])}"
    if refused := [name for name in named if name not in allowed]:
        return f"You may not have digests of {', '.join(refused[:6])} here."
    return ""


def _sentence(wrong: Exception) -> str:
    said = str(wrong)
    return (said[:1].upper() + said[1:])[:150]


def _remove(desk: Desk, which: str, press: Press) -> Message | None:
    here = _here(desk, press)
    if not which:
        return _list(desk, press)
    chosen = here[int(which) - 1] if which.isdecimal() and 0 < int(which) <= len(here) else None
    return remove(desk, chosen.id if chosen is not None else which, press)


def remove(desk: Desk, schedule_id: str, press: Press) -> Message | None:
    """Removes one of this channel's digests."""
    found = next((each for each in _here(desk, press) if each.id == schedule_id), None)
    if found is None:
        return fleet_forms.said("no-digest", "This channel has no such digest. `digest list` shows them.")
    clusters, reason = _may(desk, press, "digest")
    if not clusters:
        return answers.refused(reason)
    if found.configured:
        return fleet_forms.said(
            "configured", "That digest is in the configuration file: only a change there removes it."
        )
    desk.client.remove_schedule(schedule_id)
    return fleet_forms.removed(str(found.recurrence))


def _now(desk: Desk, press: Press) -> Message | None:
    clusters, reason = _may(desk, press, "digest")
    if not clusters:
        return answers.refused(reason)
    schedule = next(iter(_here(desk, press)), None)
    if schedule is not None:
        named, _ = clusters_of(schedule, clusters)
        clusters = named or clusters
    desk.client.request_digest(press.channel, press.user, clusters, schedule)
    return fleet_forms.said(
        "digest-now", "Looking at every gateway; the digest comes into this channel when that is done."
    )


# mutes


def _mute(desk: Desk, command: MuteFault, press: Press) -> Message:
    target = command.target
    decision = decide(desk.config, desk.asker(press), "digest", target.cluster, target.gateway)
    if not decision.allowed:
        return answers.refused(decision.reason)
    name = _full_name(desk, target)
    if not name:
        return _not_seen(target)
    now = datetime.now(UTC)
    mute = Mute(target.cluster, name, command.check, press.user, command.reason, now, now + command.span)
    desk.client.mute(mute)
    return fleet_forms.muted(mute)


def _unmute(desk: Desk, command: Unmute, press: Press) -> Message:
    target = command.target
    decision = decide(desk.config, desk.asker(press), "digest", target.cluster, target.gateway)
    if not decision.allowed:
        return answers.refused(decision.reason)
    ended = desk.client.unmute(target.cluster, _full_name(desk, target), command.check)
    return fleet_forms.said("unmuted", "The mute has ended." if ended else "That fault was not muted.")


def _full_name(desk: Desk, target: Target) -> str:
    """`namespace/name`; "" where the name alone does not tell."""
    if target.namespace:
        return f"{target.namespace}/{target.gateway}"
    seen = {*desk.client.checked_gateways(target.cluster), *desk.known(target.cluster)}
    found = [name for name in seen if name.split("/", 1)[1] == target.gateway]
    return found[0] if len(found) == 1 else ""


def _not_seen(target: Target) -> Message:
    words = f'"{target.gateway}" alone does not tell which gateway on {target.cluster}: write namespace/name.'
    return fleet_forms.said("mistake", words)


def _pressed(body: dict[str, Any], action: dict[str, Any]) -> Press:
    user, channel = str((body.get("user") or {}).get("id", "")), str((body.get("channel") or {}).get("id", ""))
    stamp = (body.get("container") or {}).get("message_ts", "")
    return Press(
        user=user,
        channel=channel,
        team=str((body.get("team") or {}).get("id", "")),
        key=f"press/{stamp}/{action.get('action_id', '')}/{action.get('action_ts', '')}/{user}",
        response_url=str(body.get("response_url", "")),
        trigger=str(body.get("trigger_id", "")),
    )


def _filled(body: dict[str, Any], view: dict[str, Any], channel: str) -> Press:
    return Press(
        user=str((body.get("user") or {}).get("id", "")),
        channel=channel,
        team=str((body.get("team") or {}).get("id", "")),
        key=f"form/{view.get('id', '')}/{view.get('hash', '')}",
    )
