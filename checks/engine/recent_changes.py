"""Recent changes of the objects that a gateway depends on.

They are found in timestamps, field ownership and events that were read.

Field ownership (`managedFields`) records who last wrote a group of fields and when, not the previous values
(docs/domain/custom-resources.md#metadata-semantics). A change therefore names the object, the group and the writer.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from checks.engine.check_run import CLOCK_SKEW
from checks.engine.related_objects import RELATED_READS, related_objects
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

_WINDOW = timedelta(hours=24)
"""The period of the timeline: a shift and the night before it."""

_MAX_EDITS = 12
"""Maximum number of changes of objects."""

_MAX_EVENTS = 6
"""Maximum number of events, so that many of them do not hide the edit that caused them."""

_CREATION = timedelta(seconds=5)
"""Writes within this time after creation belong to the creation.

They are finalizers, defaults and the first status.
"""

_MAX_MESSAGE = 160
"""Maximum number of characters of an event's message."""

TIMELINE_READS = RELATED_READS | {Event}

_STATUS_MATTERS = (StaticGatewayConfiguration, GatewayLBConfiguration, GatewayVMConfiguration)
"""Kinds whose status changes only with Azure resources.

The status of other kinds changes with every pod.
"""

_EDITS_IGNORED = (Pod, Node, MutatingWebhookConfiguration, ValidatingWebhookConfiguration)
"""Kinds that controllers write constantly (heartbeats, certificates).

Only their creation and deletion are reported.
"""

_GROUPS = {"f:spec": "spec", "f:data": "data", "f:binaryData": "data", "f:webhooks": "webhooks", "f:status": "status"}

_CHANGE_REASONS = frozenset(
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
"""Reasons of normal events that report a change.

Warnings are all reported, with their first time.
"""


def changes(facts: Facts) -> tuple[Change, ...]:
    """The recent changes of the objects that the gateway depends on, newest first.

    Failed reads are ignored.
    """
    since, latest = facts.now - _WINDOW, facts.now + CLOCK_SKEW
    things = related_objects(facts)
    known: dict[int, _Ordered] = facts.once("changes of objects", lambda _: {})
    edits: _Ordered = {}
    for each in things:
        if id(each) not in known:  # found once for all gateways that depend on it
            known[id(each)] = _ordered(_until(latest, _dated(each, since)))
        edits |= known[id(each)]
    events = _ordered(_until(latest, _events(facts, things, since)))
    found = edits | events
    return tuple([found[key] for key in sorted({*sorted(edits)[:_MAX_EDITS], *sorted(events)[:_MAX_EVENTS]})])


_Ordered = dict[tuple[float, str, str, str], Change]
"""Changes by their place in the timeline, newest first: equal changes have one place."""


def _until(latest: datetime, found: Iterable[Change]) -> Iterator[Change]:
    """The changes up to this time; the clock that wrote a later one was wrong."""
    return (each for each in found if each.at <= latest)


def _ordered(found: Iterable[Change]) -> _Ordered:
    return {(-each.at.timestamp(), each.resource, each.what, each.who): each for each in found}


def _change(at: datetime, resource: str, what: str, who: str = "") -> Change:
    return Change(at, redact(resource), redact(what), redact(who))


def _dated(thing: KubernetesObject, since: datetime) -> Iterator[Change]:
    created = thing.created
    if created is not None and created > since:
        yield _change(created, thing.ref, "created", _creator(thing, created))
    if (deleted := thing.deleted) is not None and deleted > since:
        yield _change(deleted, thing.ref, "deletion requested")
    if isinstance(thing, Node):
        yield from _readiness(thing, since)
    if not isinstance(thing, _EDITS_IGNORED):
        yield from _edits(thing, created, since)


def _creator(thing: KubernetesObject, created: datetime) -> str:
    """The manager that created the object; "" if its entry has been updated since."""
    for entry in thing.managed_fields:
        at = moment(entry, "time")
        if at is not None and at - created <= _CREATION and not text(entry, "subresource"):
            return text(entry, "manager")
    return ""


def _edits(thing: KubernetesObject, created: datetime | None, since: datetime) -> Iterator[Change]:
    for entry in thing.managed_fields:
        at = moment(entry, "time")
        if at is None or at <= since or (created is not None and at - created <= _CREATION):
            continue
        if what := _group(entry, thing):
            yield _change(at, thing.ref, what, text(entry, "manager"))


def _group(entry: Raw, thing: KubernetesObject) -> str:
    """The change as text, such as `spec edited`; "" for updates by controllers."""
    match text(entry, "subresource"):
        case "scale":
            return "scaled"
        case "":
            pass
        case _:
            return "status updated" if isinstance(thing, _STATUS_MATTERS) else ""
    fields = mapping(entry, "fieldsV1")
    groups = list(dict.fromkeys(name for key, name in _GROUPS.items() if key in fields))
    if groups and groups != ["status"]:
        return f"{' and '.join(each for each in groups if each != 'status')} edited"
    if groups:
        return "status updated" if isinstance(thing, _STATUS_MATTERS) else ""
    return f"{_metadata(fields)} edited" if "f:metadata" in fields else ""


def _metadata(fields: Mapping[str, object]) -> str:
    """The parts of the metadata, if field ownership was recorded in full."""
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
    """Events that report a change, and the first of each warning by kind and reason."""
    if facts.gap(Event) is not None:
        return
    began: dict[tuple[str, str], Change] = {}
    for thing in things:
        for event in facts.events_on(thing):
            at = event.first or event.last
            if at is None or at <= since:
                continue
            change = _change(at, thing.ref, _event_text(event), event.component)
            if event.type == "Warning":
                key = (thing.kind, event.reason)
                began[key] = min(began.get(key, change), change, key=lambda each: (each.at, each.resource, each.what))
            elif event.reason in _CHANGE_REASONS:
                yield change
    yield from began.values()


def _event_text(event: Event) -> str:
    message = " ".join(event.message.split())
    shown = message if len(message) <= _MAX_MESSAGE else f"{message[: _MAX_MESSAGE - 1]}…"
    words = f"{event.reason}: {shown}" if shown else event.reason
    return f"{words} (first of {event.count})" if event.type == "Warning" and event.count > 1 else words
