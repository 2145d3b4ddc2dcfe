"""Composes a digest from the states and transitions of gateways. Pure.

It begins with the clusters that were not checked, because no other part of it covers them. Newly broken, starting, fixed and
still broken gateways follow, then drift, and limits that are near.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from checks.catalogue import catalogue
from workers.fleet.cluster_state import (
    ClusterState,
    broken_lines,
    drifted_lines,
    fixed_lines,
    is_current,
    not_muted,
    starting_lines,
    unchecked_lines,
    warned_lines,
)
from workers.records.digest import Counts, Digest, DigestOrder, GatewayLine, Limit, Row
from workers.records.gateway_state import Fault, GatewayState, TransitionKind
from workers.records.mute import Mute

FIRST_SPAN = timedelta(days=1)
"""The span of the first digest of a schedule."""

ENDS_SOON = timedelta(days=2)
PICTURE_DAYS = 14

LIMITS = frozenset(check.slug for check in catalogue() if check.warns_of_limit)
"""Checks whose warnings mean that a limit is near."""


def compose_digest(order: DigestOrder, known: Sequence[ClusterState], mutes: Sequence[Mute], now: datetime) -> Digest:
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
        canaries=tuple(sorted((found for each in known for found in each.canaries), key=lambda found: found.clean)),
        mutes=tuple(m for m in mutes if m.until - now <= ENDS_SOON and _concerns(m, known)),
        rows=_rows(known),
        first_day=now.date() - timedelta(days=PICTURE_DAYS - 1),
        starting=tuple(line for each in known for line in starting_lines(each, muted)),
        warned=_warned(known, muted, None if order.weekly or order.show == "full" else since),
    )


def _warned(
    known: Sequence[ClusterState], muted: set[tuple[str, str, str]], since: datetime | None
) -> tuple[GatewayLine, ...]:
    """The gateways with warnings that are no limits, those since a moment only."""
    found = []
    for line in (line for each in known for line in warned_lines(each, muted)):
        faults = tuple(f for f in line.faults if f.check not in LIMITS and (since is None or f.since > since))
        if faults:
            found.append(replace(line, faults=faults, since=min(each.since for each in faults)))
    return tuple(found)


def _with_outages(line: GatewayLine, known: Sequence[ClusterState], since: datetime) -> GatewayLine:
    """The line with the number of outages: a flapping gateway is listed once."""
    events = next(each.events for each in known if each.cluster == line.cluster)
    times = sum(e.kind is TransitionKind.BROKE and e.gateway == line.gateway and e.at > since for e in events)
    return GatewayLine(
        line.cluster, line.gateway, line.faults, line.since, line.owner, line.day, times=max(1, times), by=line.by
    )


def _limits(known: Sequence[ClusterState], muted: set[tuple[str, str, str]]) -> tuple[Limit, ...]:
    found: dict[tuple[str, str, str], tuple[Fault, list[str]]] = {}
    for cluster in known:
        for state in cluster.states.values():
            for risk in not_muted(cluster.cluster, state.gateway, state.risks, muted):
                if risk.check in LIMITS:
                    key = (cluster.cluster, risk.check, risk.subject)
                    found.setdefault(key, (risk, []))[1].append(state.gateway)
    return tuple(Limit(cluster, fault, tuple(names)) for (cluster, _, _), (fault, names) in found.items())


def _counts(known: Sequence[ClusterState], muted: set[tuple[str, str, str]]) -> Counts:
    kinds: Counter[str] = Counter()
    muted_count = 0
    for cluster in known:
        for state in cluster.states.values():
            kinds[_kind(state) if is_current(cluster, state) else "unknown"] += 1
            muted_count += state.broken and not not_muted(cluster.cluster, state.gateway, state.faults, muted)
    return Counts(
        clusters=len(known),
        gateways=kinds.total(),
        broken=kinds["broken"],
        unknown=kinds["unknown"],
        warned=kinds["warned"],
        healthy=kinds["healthy"],
        muted=muted_count,
        starting=kinds["starting"],
    )


def _kind(state: GatewayState) -> str:
    if state.starting_since is not None:
        return "starting"
    if state.broken:
        return "broken"
    return "warned" if state.risks else "healthy"


def _concerns(mute: Mute, known: Sequence[ClusterState]) -> bool:
    return any(mute.cluster == each.cluster for each in known)


def _rows(known: Sequence[ClusterState]) -> tuple[Row, ...]:
    return tuple(Row(each.cluster, gateway, days) for each in known for gateway, days in sorted(each.days.items()))
