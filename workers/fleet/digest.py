"""Composes a digest from the states and transitions of gateways. Pure.

It begins with the clusters that were not checked, because no other part of it covers them. Newly broken, fixed and
still broken gateways follow, then drift, and limits that are near.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Annotated

from pydantic import Field, TypeAdapter, with_config

from workers.fleet.records import Drift, Fault, GatewayState, Mute, SweptCluster, Transition, TransitionKind

FIRST_SPAN = timedelta(days=1)
"""The span of the first digest of a schedule."""

ENDS_SOON = timedelta(days=2)
PICTURE_DAYS = 14

LIMITS = frozenset(
    {
        "too-many-gateways",
        "gateway-pool-unhealthy",
        "own-prefix-unusable",
        "gateway-autoscaler-saturated",
        "revision-unsupported",
    }
)
"""Checks whose warnings mean that a limit is near.

The limits: 500 gateways, the prefix, a single node, the autoscaler, support.
"""


@with_config(serialize_by_alias=True)
@dataclass(frozen=True, slots=True)
class DigestOrder:
    """A requested digest.

    `removed_clusters` are those that it names and that are no longer configured.
    """

    id: str
    channel: str
    clusters: tuple[str, ...]
    due: datetime
    since: datetime | None = None
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


@dataclass(frozen=True, slots=True)
class Known:
    """The stored state of one cluster.

    `swept` is this digest's fleet check of it, None if it did not answer in time.
    """

    cluster: str
    states: Mapping[str, GatewayState]
    events: tuple[Transition, ...] = ()
    swept: SweptCluster | None = None
    owners: Mapping[str, str] = field(default_factory=dict)
    days: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unchecked:
    """A cluster, or some of its gateways, that could not be checked, and why."""

    cluster: str
    why: str
    gateways: tuple[str, ...] = ()
    """The gateways in question; empty for the whole cluster."""
    last: datetime | None = None
    """The time of the last successful check."""


@with_config(serialize_by_alias=True)
@dataclass(frozen=True, slots=True)
class GatewayLine:
    """A gateway with its faults.

    `since` is the start of the outage, `outage_seconds` its duration once it has ended.
    """

    cluster: str
    gateway: str
    faults: tuple[Fault, ...]
    since: datetime
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


@dataclass(frozen=True, slots=True)
class DriftedGateway:
    """A gateway whose settings have changed."""

    cluster: str
    gateway: str
    drift: tuple[Drift, ...]
    at: datetime


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


@dataclass(frozen=True, slots=True)
class Row:
    """The days of one gateway for the picture: b, u, d, h or `.` for each day, oldest first."""

    cluster: str
    gateway: str
    days: str


@with_config(serialize_by_alias=True)
@dataclass(frozen=True, slots=True)
class Digest:
    """A digest."""

    order: DigestOrder
    at: datetime
    counts: Counts
    unchecked: Annotated[tuple[Unchecked, ...], Field(alias="unseen")] = ()
    broke: tuple[GatewayLine, ...] = ()
    fixed: tuple[GatewayLine, ...] = ()
    still: tuple[GatewayLine, ...] = ()
    prefix_changes: Annotated[tuple[DriftedGateway, ...], Field(alias="moved")] = ()
    """Changed egress IP prefixes: partners must be informed."""
    drift: tuple[DriftedGateway, ...] = ()
    limits: tuple[Limit, ...] = ()
    mutes: tuple[Mute, ...] = ()
    """Mutes that end soon."""
    rows: tuple[Row, ...] = ()
    first_day: date | None = None

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to report, so that one line suffices."""
        return not any(
            (
                self.unchecked,
                self.broke,
                self.fixed,
                self.still,
                self.prefix_changes,
                self.drift,
                self.mutes,
                self.order.removed_clusters,
            )
        )


DIGEST_ORDER_JSON = TypeAdapter(DigestOrder)
DIGEST_JSON = TypeAdapter(Digest)


def compose_digest(order: DigestOrder, known: Sequence[Known], mutes: Sequence[Mute], now: datetime) -> Digest:
    """Compose the digest of these clusters."""
    since = order.since or order.due - FIRST_SPAN
    muted = {(m.cluster, m.gateway, m.check) for m in mutes}
    broken = [line for each in known for line in broken_lines(each, muted, now)]
    limits = _limits(known, muted)
    return Digest(
        order=order,
        at=now,
        counts=_counts(known, muted),
        unchecked=tuple(line for each in known for line in unchecked_lines(each)),
        broke=tuple(_with_outages(line, known, since) for line in broken if line.since > since),
        fixed=tuple(line for each in known for line in fixed_lines(each, muted, since)),
        still=tuple(sorted((line for line in broken if line.since <= since), key=lambda line: line.since)),
        prefix_changes=tuple(drifted_lines(known, TransitionKind.PREFIX, since)),
        drift=tuple(drifted_lines(known, TransitionKind.DRIFT, since)),
        # A limit that has been near for weeks is listed once a week, and in every full digest.
        limits=limits if order.weekly or order.show == "full" else tuple(x for x in limits if x.fault.since > since),
        mutes=tuple(m for m in mutes if m.until - now <= ENDS_SOON and _concerns(m, known)),
        rows=_rows(known),
        first_day=now.date() - timedelta(days=PICTURE_DAYS - 1),
    )


def unchecked_lines(known: Known) -> Iterable[Unchecked]:
    """The clusters and gateways that could not be checked, with the reason."""
    last = max((state.at for state in known.states.values()), default=None)
    if known.swept is None:
        yield Unchecked(known.cluster, "it did not answer in time", last=last)
        return
    if known.swept.problem:
        yield Unchecked(known.cluster, known.swept.problem, last=last)
        return
    by_reason: dict[str, list[GatewayState]] = {}
    for state in known.states.values():
        if state.at < known.swept.at:
            by_reason.setdefault("not among the gateways that were found", []).append(state)
        elif state.inconclusive_since is not None:
            by_reason.setdefault(state.missing or "a check was not made", []).append(state)
    for why, states in by_reason.items():
        seen = min((s.inconclusive_since or s.at for s in states), default=None)
        yield Unchecked(known.cluster, why, tuple(s.gateway for s in states), seen)


def not_muted(
    cluster: str, gateway: str, faults: Sequence[Fault], muted: set[tuple[str, str, str]]
) -> tuple[Fault, ...]:
    """The faults that are not muted."""
    return tuple(fault for fault in faults if (cluster, gateway, fault.check) not in muted)


def broken_lines(known: Known, muted: set[tuple[str, str, str]], now: datetime) -> Iterable[GatewayLine]:
    """The gateways of one cluster that are broken, or were at the last successful check."""
    for state in known.states.values():
        if state.broken and (faults := not_muted(known.cluster, state.gateway, state.faults, muted)):
            owner = known.owners.get(state.gateway, "")
            day = (now - state.since).days + 1
            unsure = not _is_seen(known, state)
            yield GatewayLine(
                known.cluster, state.gateway, faults, state.since, owner, day, uncertain=unsure, by=state.by
            )


def _with_outages(line: GatewayLine, known: Sequence[Known], since: datetime) -> GatewayLine:
    """The line with the number of outages: a flapping gateway is listed once."""
    events = next(each.events for each in known if each.cluster == line.cluster)
    times = sum(e.kind is TransitionKind.BROKE and e.gateway == line.gateway and e.at > since for e in events)
    return GatewayLine(
        line.cluster, line.gateway, line.faults, line.since, line.owner, line.day, times=max(1, times), by=line.by
    )


def fixed_lines(known: Known, muted: set[tuple[str, str, str]], since: datetime) -> Iterable[GatewayLine]:
    """The gateways of one cluster whose outage ended after `since`."""
    ended: dict[str, list[Transition]] = {}
    for each in known.events:
        if each.at > since and (
            each.kind is TransitionKind.FIXED or (each.kind is TransitionKind.VANISHED and each.outage_seconds)
        ):
            ended.setdefault(each.gateway, []).append(each)
    for gateway, events in sorted(ended.items()):
        state = known.states.get(gateway)
        last = events[-1]
        if (state is not None and state.broken) or not not_muted(known.cluster, gateway, last.faults, muted):
            continue
        began = last.at - timedelta(seconds=last.outage_seconds)
        removed = last.kind is TransitionKind.VANISHED
        owner = known.owners.get(gateway, "")
        yield GatewayLine(
            known.cluster,
            gateway,
            last.faults,
            began,
            owner,
            outage_seconds=sum(e.outage_seconds for e in events),
            times=len(events),
            removed=removed,
            by=last.by,
        )


def drifted_lines(known: Sequence[Known], kind: TransitionKind, since: datetime) -> Iterable[DriftedGateway]:
    """The gateways with settings that differ from those at `since`."""
    for cluster in known:
        by_gateway: dict[str, dict[tuple[str, str], Drift]] = {}
        at: dict[str, datetime] = {}
        for event in cluster.events:
            if event.kind is kind and event.at > since:
                found = by_gateway.setdefault(event.gateway, {})
                at[event.gateway] = event.at
                for each in event.drift:
                    first = found.get((each.resource, each.field))
                    before = first.before if first is not None else each.before
                    found[each.resource, each.field] = Drift(
                        each.resource, each.field, before, each.after, each.who, each.at
                    )
        for gateway, drift in sorted(by_gateway.items()):
            # A setting that was changed and changed back does not differ.
            if changed := tuple(each for each in drift.values() if each.before != each.after):
                yield DriftedGateway(cluster.cluster, gateway, changed, at[gateway])


def _limits(known: Sequence[Known], muted: set[tuple[str, str, str]]) -> tuple[Limit, ...]:
    found: dict[tuple[str, str, str], tuple[Fault, list[str]]] = {}
    for cluster in known:
        for state in cluster.states.values():
            for risk in not_muted(cluster.cluster, state.gateway, state.risks, muted):
                if risk.check in LIMITS:
                    key = (cluster.cluster, risk.check, risk.subject)
                    found.setdefault(key, (risk, []))[1].append(state.gateway)
    return tuple(Limit(cluster, fault, tuple(names)) for (cluster, _, _), (fault, names) in found.items())


def _counts(known: Sequence[Known], muted: set[tuple[str, str, str]]) -> Counts:
    kinds: Counter[str] = Counter()
    muted_count = 0
    for cluster in known:
        for state in cluster.states.values():
            kinds[_kind(state) if _is_seen(cluster, state) else "unknown"] += 1
            muted_count += state.broken and not not_muted(cluster.cluster, state.gateway, state.faults, muted)
    return Counts(
        len(known), kinds.total(), kinds["broken"], kinds["unknown"], kinds["warned"], kinds["healthy"], muted_count
    )


def _is_seen(known: Known, state: GatewayState) -> bool:
    """Whether the state comes from the last fleet check and is certain."""
    checked = known.swept is not None and not known.swept.problem
    return checked and state.inconclusive_since is None and (known.swept is None or state.at >= known.swept.at)


def _kind(state: GatewayState) -> str:
    if state.broken:
        return "broken"
    return "warned" if state.risks else "healthy"


def _concerns(mute: Mute, known: Sequence[Known]) -> bool:
    return any(mute.cluster == each.cluster for each in known)


def _rows(known: Sequence[Known]) -> tuple[Row, ...]:
    return tuple(Row(each.cluster, gateway, days) for each in known for gateway, days in sorted(each.days.items()))
