"""Composes a shift's handoff from the states and transitions of gateways. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from workers.fleet.cluster_state import (
    ClusterState,
    broken_lines,
    drifted_lines,
    fixed_lines,
    starting_lines,
    unchecked_lines,
    warned_lines,
)
from workers.records.digest import GatewayLine
from workers.records.gateway_state import SweptCluster, TransitionKind
from workers.records.handoff import Coverage, Fixed, Handoff, HandoffOrder, Watching
from workers.records.mute import Mute
from workers.records.watch import Watch

RECURRENCE_SPAN = timedelta(days=7)
"""The time within which a second outage of a gateway suggests a third."""

_NEVER = datetime.fromtimestamp(0, UTC)


def compose_handoff(
    order: HandoffOrder,
    known: Sequence[ClusterState],
    mutes: Sequence[Mute],
    watches: Sequence[Watch],
    sweeps: Sequence[SweptCluster],
    runs: Mapping[str, str],
) -> Handoff:
    """Compose the handoff of these clusters.

    `known` holds the transitions of the last week. `sweeps` and `runs` are those of the shift; `runs` maps `cluster
    namespace/name` to the id of the last run.
    """
    since = order.at - order.span
    muted = {(m.cluster, m.gateway, m.check) for m in mutes}
    seen = [_as_last_swept(each, sweeps) for each in known]
    broken = [line for each in seen for line in broken_lines(each, muted, order.at)]
    starting = [line for each in seen for line in starting_lines(each, muted)]
    warned = [line for each in seen for line in warned_lines(each, muted)]
    failing = {(line.cluster, line.gateway) for line in broken}
    unchecked = [line for each in seen for line in unchecked_lines(each)]
    linked = {f"{line.cluster} {line.gateway}" for line in (*broken, *starting, *warned)}
    linked.update(f"{line.cluster} {gateway}" for line in unchecked for gateway in line.gateways)
    drift = drifted_lines(known, TransitionKind.DRIFT, since)
    last = max((each.at for each in sweeps), default=None)
    return Handoff(
        order=order,
        coverage=Coverage(
            clusters=len(known),
            gateways=sum(len(each.states) for each in known),
            sweeps=len(sweeps),
            missed=sum(bool(each.problem) for each in sweeps),
            runs=len(runs),
            last=last,
        ),
        open=tuple(sorted(broken, key=lambda line: line.since, reverse=True)),
        fixed=tuple(_fixed(each, line) for each in known for line in fixed_lines(each, muted, since)),
        watching=tuple(_watching(each) for each in watches if each.target.cluster in order.clusters),
        changed=tuple(each for each in drift if (each.cluster, each.gateway) not in failing),
        prefix_changes=tuple(drifted_lines(known, TransitionKind.PREFIX, since)),
        unchecked=tuple(unchecked),
        muted=tuple(m for m in mutes if m.cluster in order.clusters),
        starting=tuple(starting),
        warned=tuple(sorted(warned, key=lambda line: line.since, reverse=True)),
        links={key: runs[key] for key in sorted(linked) if key in runs},
    )


def _as_last_swept(known: ClusterState, sweeps: Sequence[SweptCluster]) -> ClusterState:
    """The cluster with the last fleet check of the shift: a handoff waits for none."""
    mine = [each for each in sweeps if each.cluster == known.cluster]
    if mine:
        return replace(known, swept=mine[-1])
    if known.states:
        latest = max(state.at for state in known.states.values())
        return replace(known, swept=SweptCluster(known.cluster, "", latest))
    return replace(known, swept=SweptCluster(known.cluster, "", _NEVER, problem="not checked yet"))


def _fixed(known: ClusterState, line: GatewayLine) -> Fixed:
    times = Counter(event.gateway for event in known.events if event.kind is TransitionKind.FIXED)
    return Fixed(line, max(1, times[line.gateway]))


def _watching(watch: Watch) -> Watching:
    target = watch.target
    name = f"{target.namespace}/{target.gateway}" if target.namespace else target.gateway
    verdict = watch.last.verdict.value if watch.last is not None and watch.last.verdict is not None else ""
    return Watching(watch.id, target.cluster, name, watch.user, watch.until, verdict)
