"""Digests: their order, lines and counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import Field, TypeAdapter, with_config

from checks.config.access_rules import Requester
from checks.model.raw_values import Moment
from workers.records.beginnings import Beginning
from workers.records.canary import CanarySummary
from workers.records.gateway_state import Drift, Fault
from workers.records.mute import Mute


@with_config(serialize_by_alias=True)
@dataclass(frozen=True, slots=True)
class DigestOrder:
    """A requested digest.

    `removed_clusters` are those that it names and that are no longer configured.
    """

    id: str
    channel: str
    clusters: tuple[str, ...]
    due: Moment
    since: Moment | None = None
    window: str = ""
    schedule: str = ""
    when: str = ""
    """The schedule's times, as text."""
    zone: str = "UTC"
    show: str = "changes"
    late: bool = False
    weekly: bool = False
    """The first digest of its week lists all counts, so that silence is not taken for health."""
    removed_clusters: Annotated[tuple[str, ...], Field(alias="gone")] = ()
    user: str = ""
    """The user who requested it, "" for a scheduled one."""
    author: str = ""
    """The user who added its schedule, "" for one of the configuration file."""
    groups: tuple[str, ...] = ()
    """The user groups of the access rules that the user was in."""

    @property
    def requester(self) -> Requester | None:
        """The user by whose permissions it is composed; None for one of the configuration file."""
        user = self.user or self.author
        return Requester(user, self.channel, self.groups) if user else None


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A cluster, or some of its gateways, that could not be checked, and why."""

    cluster: str
    why: str
    gateways: tuple[str, ...] = ()
    """The gateways in question; empty for the whole cluster."""
    last: Moment | None = None
    """The time of the last successful check.

    For gateways, it is the beginning of the present state.
    """
    step: str = ""
    """The title of the next step, "" without one."""
    owners: Mapping[str, str] | None = None
    """The owner of each of the gateways that has one."""


@with_config(serialize_by_alias=True)
@dataclass(frozen=True, slots=True)
class GatewayLine:
    """A gateway with its faults.

    `since` is the start of the outage, `outage_seconds` its duration once it has ended.
    """

    cluster: str
    gateway: str
    faults: tuple[Fault, ...]
    since: Moment
    owner: str = ""
    day: int = 0
    """The day of the outage, counted from 1."""
    outage_seconds: Annotated[float, Field(alias="lasted")] = 0.0
    times: int = 1
    """The number of outages in the span of the digest."""
    removed: Annotated[bool, Field(alias="gone")] = False
    """The outage ended because the gateway was removed."""
    uncertain: bool = False
    """The last known state; the current one is not known."""
    by: str = ""

    @property
    def beginning(self) -> Beginning:
        """Since when the first fault exists. A time of the cluster after `since` does not count."""
        shown = self.faults[0].shown_since if self.faults else None
        return Beginning(self.since, shown if shown is not None and shown <= self.since else None)


@dataclass(frozen=True, slots=True)
class DriftedGateway:
    """A gateway whose settings have changed."""

    cluster: str
    gateway: str
    drift: tuple[Drift, ...]
    at: Moment


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that is near, listed once for all gateways that share it."""

    cluster: str
    fault: Fault
    gateways: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """The number of gateways by state over all clusters of the digest."""

    clusters: int = 0
    gateways: int = 0
    broken: int = 0
    unknown: int = 0
    warned: int = 0
    healthy: int = 0
    muted: int = 0
    starting: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """The days of one gateway for the picture, oldest first.

    The mark of each day is b, u, s, d, h or `.`.
    """

    cluster: str
    gateway: str
    days: str


@with_config(serialize_by_alias=True)
@dataclass(frozen=True, slots=True)
class Digest:
    """A composed digest: all gateways of a channel over the time since the last one."""

    order: DigestOrder
    at: Moment
    counts: Counts
    unchecked: Annotated[tuple[Unchecked, ...], Field(alias="unseen")] = ()
    broke: tuple[GatewayLine, ...] = ()
    fixed: tuple[GatewayLine, ...] = ()
    still: tuple[GatewayLine, ...] = ()
    prefix_changes: Annotated[tuple[DriftedGateway, ...], Field(alias="moved")] = ()
    """Changed egress IP prefixes: partners must be informed."""
    drift: tuple[DriftedGateway, ...] = ()
    limits: tuple[Limit, ...] = ()
    canaries: tuple[CanarySummary, ...] = ()
    """The scheduled probes of each gateway."""
    mutes: tuple[Mute, ...] = ()
    """Mutes that end soon."""
    rows: tuple[Row, ...] = ()
    first_day: date | None = None
    starting: tuple[GatewayLine, ...] = ()
    """The gateways that do not serve yet, with their pending faults."""
    warned: tuple[GatewayLine, ...] = ()
    """Gateways that serve and have warnings; limits that are near have lines of their own."""

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to report, so that one line suffices."""
        return not any(
            (
                self.unchecked,
                self.broke,
                self.fixed,
                self.still,
                self.starting,
                self.warned,
                self.prefix_changes,
                self.drift,
                self.mutes,
                not all(each.clean for each in self.canaries),
                self.order.removed_clusters,
            )
        )


DIGEST_ORDER_JSON = TypeAdapter(DigestOrder)

DIGEST_JSON = TypeAdapter(Digest)
