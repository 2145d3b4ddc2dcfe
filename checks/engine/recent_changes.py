"""What changed lately around a gateway: "what happened at 02:41". Pure: from creation and deletion times, field ownership
(`managedFields`) and events, all of them in what was read anyway.

Field ownership tells who last wrote a group of fields and when, not what it said before (domain.md 2.7). So a change
names the object, the group and the writer; what is wrong with the object is a finding's business.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice

from checks.engine.related_objects import SURROUNDINGS_READS, surroundings
from checks.facts.admission_webhooks import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from checks.facts.events import Event
from checks.facts.fact import KubernetesObject
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.static_egress import GatewayLBConfiguration, GatewayVMConfiguration, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.findings import Change
from checks.model.raw_values import Raw, mapping, moment, text
from checks.model.redaction import redact

WINDOW = timedelta(hours=24)
"""How far back the timeline looks: a shift and the night before it."""

EDITS = 12
"""At most so many changes of objects; what people did comes before what followed from it."""

EVENTS = 6
"""At most so many events, so that a storm of them does not hide the edit that started it."""

AT_CREATION = timedelta(seconds=5)
"""Writes so soon after an object's creation belong to it: finalizers, defaults, a controller's first look."""

MESSAGE = 160
"""Characters of an event's message that are shown; the finding has the whole text."""

TIMELINE_READS = SURROUNDINGS_READS | {Event}

_STATUS_TELLS = (StaticGatewayConfiguration, GatewayLBConfiguration, GatewayVMConfiguration)
"""Kinds whose status changes when Azure has given or taken something; others' status follows every pod."""

_ONLY_COMING_AND_GOING = (Pod, Node, MutatingWebhookConfiguration, ValidatingWebhookConfiguration)
"""Kinds that controllers write all the time (heartbeats, certificates): only that they come and go tells something."""

_GROUPS = {"f:spec": "spec", "f:data": "data", "f:binaryData": "data", "f:webhooks": "webhooks", "f:status": "status"}

_TELLING = frozenset(
    {
        "ScalingReplicaSet",
        "SuccessfulRescale",
        "NodeNotReady",
        "NodeNotSchedulable",
        "RemovingNode",
        "Evicted",
        "Killing",
    }
    | {"Preempted", "TaintManagerEviction", "Drain", "Cordon"}
)
"""Reasons of ordinary events that say that something was changed; of warnings each says when something began."""


def changes(facts: Facts) -> tuple[Change, ...]:
    """The recent changes to what matters for this gateway, newest first. What could not be read is simply not in it."""
    since = facts.now - WINDOW
    things = surroundings(facts)
    edits = _newest(_dated(things, since))
    events = _newest(_events(facts, things, since))
    return tuple(_newest((*islice(edits, EDITS), *islice(events, EVENTS))))


def _newest(found: Iterable[Change]) -> list[Change]:
    return sorted(dict.fromkeys(found), key=lambda each: (-each.at.timestamp(), each.resource, each.what, each.who))


def _change(at: datetime, resource: str, what: str, who: str = "") -> Change:
    return Change(at, redact(resource), redact(what), redact(who))


def _dated(things: Iterable[KubernetesObject], since: datetime) -> Iterator[Change]:
    for each in things:
        created = each.created
        if created is not None and created > since:
            yield _change(created, each.ref, "created", _creator(each, created))
        if (deleted := each.deleted) is not None and deleted > since:
            yield _change(deleted, each.ref, "deletion asked for")
        if isinstance(each, Node):
            yield from _readiness(each, since)
        if not isinstance(each, _ONLY_COMING_AND_GOING):
            yield from _edits(each, created, since)


def _creator(thing: KubernetesObject, created: datetime) -> str:
    """Who wrote first, as far as its entry has not moved on since."""
    for entry in thing.managed_fields:
        at = moment(entry, "time")
        if at is not None and at - created <= AT_CREATION and not text(entry, "subresource"):
            return text(entry, "manager")
    return ""


def _edits(thing: KubernetesObject, created: datetime | None, since: datetime) -> Iterator[Change]:
    for entry in thing.managed_fields:
        at = moment(entry, "time")
        if at is None or at <= since or (created is not None and at - created <= AT_CREATION):
            continue
        if what := _group(entry, thing):
            yield _change(at, thing.ref, what, text(entry, "manager"))


def _group(entry: Raw, thing: KubernetesObject) -> str:
    """What was written, as `spec edited`; "" for what follows from something else."""
    match text(entry, "subresource"):
        case "scale":
            return "scaled"
        case "":
            pass
        case _:
            return "status updated" if isinstance(thing, _STATUS_TELLS) else ""
    fields = mapping(entry, "fieldsV1")
    groups = list(dict.fromkeys(name for key, name in _GROUPS.items() if key in fields))
    if groups and groups != ["status"]:
        return f"{' and '.join(each for each in groups if each != 'status')} edited"
    if groups:
        return "status updated" if isinstance(thing, _STATUS_TELLS) else ""
    return f"{_metadata(fields)} edited" if "f:metadata" in fields else ""


def _metadata(fields: Mapping[str, object]) -> str:
    """Which part of the metadata, where the ownership was kept in full."""
    parts = mapping(fields, "f:metadata")
    named = [name for name in ("labels", "annotations", "finalizers") if f"f:{name}" in parts]
    return " and ".join(named) or "metadata"


def _readiness(node: Node, since: datetime) -> Iterator[Change]:
    turned = moment(node.condition("Ready"), "lastTransitionTime")
    created = node.created
    if turned is None or turned <= since or (created is not None and created > since and node.ready):
        return
    yield _change(turned, node.ref, "became ready" if node.ready else "stopped being ready")


def _events(facts: Facts, things: Iterable[KubernetesObject], since: datetime) -> Iterator[Change]:
    """Events that say when something was changed or began. Of a warning that several objects share, the first."""
    if facts.gap(Event) is not None:
        return
    began: dict[tuple[str, str], Change] = {}
    for thing in things:
        for event in facts.events_on(thing):
            at = event.first or event.last
            if at is None or at <= since:
                continue
            change = _change(at, thing.ref, _said(event), event.component)
            if event.type == "Warning":
                key = (thing.kind, event.reason)
                began[key] = min(began.get(key, change), change, key=lambda each: (each.at, each.resource, each.what))
            elif event.reason in _TELLING:
                yield change
    yield from began.values()


def _said(event: Event) -> str:
    message = " ".join(event.message.split())
    shown = message if len(message) <= MESSAGE else f"{message[: MESSAGE - 1]}…"
    words = f"{event.reason}: {shown}" if shown else event.reason
    return f"{words} (first of {event.count})" if event.type == "Warning" and event.count > 1 else words
