"""The stored state of a cluster, and the lines of digests and handoffs from it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from workers.records.canary import CanarySummary
from workers.records.digest import DriftedGateway, GatewayLine, Unchecked
from workers.records.gateway_state import Drift, Fault, GatewayState, SweptCluster, Transition, TransitionKind


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The stored state of one cluster.

    `swept` is this digest's fleet check of it, None if it did not answer in time.
    """

    cluster: str
    states: Mapping[str, GatewayState]
    events: tuple[Transition, ...] = ()
    swept: SweptCluster | None = None
    owners: Mapping[str, str] = field(default_factory=dict)
    days: Mapping[str, str] = field(default_factory=dict)
    canaries: tuple[CanarySummary, ...] = ()


def unchecked_lines(known: ClusterState) -> Iterable[Unchecked]:
    """The clusters and gateways that could not be checked, with the reason."""
    last = max((state.at for state in known.states.values()), default=None)
    if known.swept is None:
        yield Unchecked(known.cluster, "it did not answer in time", last=last)
        return
    if known.swept.problem:
        yield Unchecked(known.cluster, known.swept.problem, last=last, step=known.swept.step)
        return
    by_reason: dict[tuple[str, str], list[GatewayState]] = {}
    for state in known.states.values():
        if state.at < known.swept.at:
            by_reason.setdefault((_NOT_FOUND, ""), []).append(state)
        elif state.inconclusive_since is not None:
            by_reason.setdefault((state.missing or "a check was not made", state.missing_step), []).append(state)
    for (why, step), states in by_reason.items():
        seen = min((s.inconclusive_since or s.at for s in states), default=None)
        names = tuple(each.gateway for each in states)
        owners = {each: known.owners[each] for each in names if known.owners.get(each)}
        yield Unchecked(known.cluster, why, names, seen, step, owners or None)


_NOT_FOUND = "not among the gateways that were found"


def not_muted(
    cluster: str, gateway: str, faults: Sequence[Fault], muted: set[tuple[str, str, str]]
) -> tuple[Fault, ...]:
    """The faults that are not muted."""
    return tuple(fault for fault in faults if (cluster, gateway, fault.check) not in muted)


def broken_lines(known: ClusterState, muted: set[tuple[str, str, str]], now: datetime) -> Iterable[GatewayLine]:
    """The gateways of one cluster that are broken, or were at the last successful check.

    Those that are starting by now are not among them.
    """
    for state in known.states.values():
        if (
            state.broken
            and state.starting_since is None
            and (faults := not_muted(known.cluster, state.gateway, state.faults, muted))
        ):
            owner = known.owners.get(state.gateway, "")
            unsure = not is_current(known, state)
            line = GatewayLine(known.cluster, state.gateway, faults, state.since, owner, uncertain=unsure, by=state.by)
            yield replace(line, day=(now - line.beginning.known).days + 1)


def starting_lines(known: ClusterState, muted: set[tuple[str, str, str]]) -> Iterable[GatewayLine]:
    """The gateways of one cluster that are starting, with their pending faults.

    A gateway whose last check was inconclusive is listed if it was starting before.
    """
    for state in known.states.values():
        if state.starting_since and (pending := not_muted(known.cluster, state.gateway, state.pending, muted)):
            owner, unsure = known.owners.get(state.gateway, ""), not is_current(known, state)
            yield GatewayLine(
                known.cluster, state.gateway, pending, state.starting_since, owner, uncertain=unsure, by=state.by
            )


def warned_lines(known: ClusterState, muted: set[tuple[str, str, str]]) -> Iterable[GatewayLine]:
    """The gateways of one cluster that serve and have warnings."""
    for state in known.states.values():
        if state.broken or state.starting_since is not None:
            continue
        if risks := not_muted(known.cluster, state.gateway, state.risks, muted):
            owner, unsure = known.owners.get(state.gateway, ""), not is_current(known, state)
            since = min(each.since for each in risks)
            yield GatewayLine(known.cluster, state.gateway, risks, since, owner, uncertain=unsure, by=state.by)


def fixed_lines(known: ClusterState, muted: set[tuple[str, str, str]], since: datetime) -> Iterable[GatewayLine]:
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


def drifted_lines(known: Sequence[ClusterState], kind: TransitionKind, since: datetime) -> Iterable[DriftedGateway]:
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


def is_current(known: ClusterState, state: GatewayState) -> bool:
    """Whether the state comes from the last fleet check and is certain."""
    if known.swept is None or known.swept.problem:
        return False
    return state.inconclusive_since is None and state.at >= known.swept.at
