"""The state of a gateway over time: its checks, transitions and changed settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field, TypeAdapter, with_config

from checks.model.findings import Verdict
from checks.model.raw_values import Moment
from workers.records.beginnings import Beginning


@dataclass(frozen=True, slots=True)
class Fault:
    """A root cause or warning of a gateway.

    `identity` is equal for the same facts, whatever the wording or the time. `since` is when this fault was first
    seen on the gateway without a gap, `shown_since` is the time that the cluster shows for it, None if it shows none.
    """

    check: str
    code: str
    title: str
    subject: str
    summary: str
    identity: str
    since: Moment
    shown_since: Moment | None = None

    @property
    def place(self) -> tuple[str, str]:
        """Equal for the same fault of the same object, also if its evidence has changed."""
        return (self.check, self.subject)

    @property
    def beginning(self) -> Beginning:
        """Since when the fault exists."""
        return Beginning(self.since, self.shown_since)


@dataclass(frozen=True, slots=True)
class GatewaySetting:
    """One setting of a gateway, as one `kubectl get` or `az … show` prints it."""

    resource: str
    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Drift:
    """A changed setting; `who` and `at` if the cluster records them."""

    resource: str
    field: str
    before: str
    after: str
    who: str = ""
    at: Moment | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The last writer of an object and the time, as the cluster records them."""

    resource: str
    at: Moment
    who: str


@dataclass(frozen=True, slots=True)
class GatewayCheck:
    """The result of one check of one gateway.

    `by` is the id of its run or fleet check; a repetition has the same id.
    """

    by: str
    cluster: str
    gateway: str
    """`namespace/name`."""
    at: Moment
    verdict: Verdict
    faults: tuple[Fault, ...] = ()
    risks: tuple[Fault, ...] = ()
    """Warnings: faults that may happen, and limits that are near."""
    settings: tuple[GatewaySetting, ...] = ()
    prefix: str = ""
    written: tuple[Written, ...] = ()
    missing: str = ""
    """The first reason why checks were not made, "" if all were."""
    missing_step: str = ""
    """The title of the next step for it, "" without one."""
    pending: tuple[Fault, ...] = ()
    """The pending faults of a gateway that is starting."""


@with_config(serialize_by_alias=True)
@dataclass(frozen=True, slots=True)
class GatewayState:
    """The current state of one gateway.

    `broken` is the last certain answer: an inconclusive check changes neither it nor `since`. `inconclusive_since` is the time
    since which checks are inconclusive, None if the last one was certain. `starting_since` is the time since which it is
    starting, by the last certain answer: that neither ends nor begins an outage.
    """

    cluster: str
    gateway: str
    by: str
    at: Moment
    verdict: Verdict
    broken: bool
    since: Moment
    inconclusive_since: Annotated[Moment | None, Field(alias="unseen")] = None
    faults: tuple[Fault, ...] = ()
    risks: tuple[Fault, ...] = ()
    settings: tuple[GatewaySetting, ...] = ()
    prefix: str = ""
    """The last egress IP prefix seen, also while there is none."""
    missing: str = ""
    healthy_at: Annotated[Moment | None, Field(alias="well_at")] = None
    healthy_settings: Annotated[tuple[GatewaySetting, ...], Field(alias="well_settings")] = ()
    written: tuple[Written, ...] = ()
    known_since: Moment | None = None
    starting_since: Moment | None = None
    pending: tuple[Fault, ...] = ()
    """Its pending faults while it is starting."""
    incident_since: Moment | None = None
    """When the current or last incident began.

    Outages with less than a day between them are one incident.
    """
    missing_step: str = ""
    incident_ended: Moment | None = None
    """When it ended; None while the gateway does not serve, or may not."""

    @property
    def owned_since(self) -> Moment | None:
        """The time from which an ownership is about the current or last incident; None if all are."""
        # Records of earlier versions have no incident.
        return self.incident_since or (self.since if self.broken else None)

    @property
    def changed_since_healthy(self) -> tuple[Drift, ...]:
        """The settings that differ from those at the gateway's last healthy check."""
        return drifted(self.healthy_settings, self.settings, self.written)


class TransitionKind(StrEnum):
    """The kind of a gateway's transition between two checks."""

    APPEARED = "appeared"
    BROKE = "broke"
    FIXED = "fixed"
    OTHER_FAULTS = "otherwise"
    """Still broken, with other faults."""
    INCONCLUSIVE = "lost"
    """Checks are inconclusive from here on."""
    CONCLUSIVE = "seen"
    """Checks are certain again."""
    PREFIX = "prefix"
    """The egress IP prefix has changed: partners must be informed."""
    DRIFT = "drift"
    VANISHED = "vanished"
    """The mesh profile no longer has the gateway."""


@with_config(serialize_by_alias=True)
@dataclass(frozen=True, slots=True)
class Transition:
    """A transition of one gateway. For FIXED, `outage_seconds` is the duration of the outage."""

    kind: TransitionKind
    cluster: str
    gateway: str
    at: Moment
    by: str
    faults: tuple[Fault, ...] = ()
    drift: tuple[Drift, ...] = ()
    outage_seconds: Annotated[float, Field(alias="lasted")] = 0.0


@dataclass(frozen=True, slots=True)
class SweptCluster:
    """The result of one cluster's part of a fleet check."""

    cluster: str
    by: str
    at: Moment
    gateways: int = 0
    seconds: float = 0.0
    problem: str = ""
    step: str = ""
    """The title of the next step for the problem, "" without one."""
    complete: bool = True
    """Whether every gateway of the cluster was listed: only then can one be missing."""


GATEWAY_STATE_JSON = TypeAdapter(GatewayState)

TRANSITION_JSON = TypeAdapter(Transition)

SWEPT_CLUSTER_JSON = TypeAdapter(SweptCluster)


def drifted(
    before: Sequence[GatewaySetting], after: Sequence[GatewaySetting], written: Sequence[Written] = ()
) -> tuple[Drift, ...]:
    """Settings with another value, in order.

    A setting that only one side has is left out: it may not have been read.
    """
    old = {(s.resource, s.field): s.value for s in before}
    found = []
    for each in after:
        was = old.get((each.resource, each.field), each.value)
        if was != each.value:
            who = last_writer(each.resource, written)
            found.append(
                Drift(each.resource, each.field, was, each.value, who.who if who else "", who.at if who else None)
            )
    return tuple(found)


def last_writer(resource: str, written: Sequence[Written]) -> Written | None:
    """The last recorded write of an object, or None."""
    return max((w for w in written if w.resource == resource), key=lambda w: w.at, default=None)
