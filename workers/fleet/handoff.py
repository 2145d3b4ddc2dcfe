"""Composes a shift's handoff from the states and transitions of gateways. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import Field, TypeAdapter, with_config

from workers.fleet.cluster_state import ClusterState, broken_lines, drifted_lines, fixed_lines, unchecked_lines
from workers.fleet.digest import DriftedGateway, GatewayLine, Unchecked
from workers.fleet.records import Mute, SweptCluster, TransitionKind
from workers.runs.watch_records import Watch

RECURRENCE_SPAN = timedelta(days=7)
"""The time within which a second outage of a gateway suggests a third."""

LONGEST_SHIFT = timedelta(days=7)
_NEVER = datetime.fromtimestamp(0, UTC)
SHIFT = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class HandoffOrder:
    """A requested handoff: `user` hands over, `to` takes over ("" if no one is named)."""

    id: str
    channel: str
    user: str
    at: datetime
    span: timedelta
    clusters: tuple[str, ...]
    to: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Watching:
    """An active watch."""

    id: str
    cluster: str
    gateway: str
    user: str
    until: datetime
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """The checks of this shift: fleet checks of clusters, and runs that users requested."""

    clusters: int = 0
    gateways: int = 0
    sweeps: int = 0
    missed: int = 0
    """Fleet checks that could not read their cluster."""
    runs: int = 0
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class Fixed:
    """A gateway that was fixed during this shift.

    `week` is the number of its outages within seven days.
    """

    line: GatewayLine
    week: int = 1

    @property
    def may_return(self) -> bool:
        return self.week > 1


@with_config(serialize_by_alias=True)
@dataclass(frozen=True, slots=True)
class Handoff:
    """A handoff."""

    order: HandoffOrder
    coverage: Annotated[Coverage, Field(alias="looked")]
    open: tuple[GatewayLine, ...] = ()
    fixed: tuple[Fixed, ...] = ()
    watching: tuple[Watching, ...] = ()
    changed: tuple[DriftedGateway, ...] = ()
    """Gateways that do not fail and whose settings or egress IP prefix changed."""
    prefix_changes: Annotated[tuple[DriftedGateway, ...], Field(alias="moved")] = ()
    unchecked: Annotated[tuple[Unchecked, ...], Field(alias="unseen")] = ()
    muted: tuple[Mute, ...] = ()
    links: Mapping[str, str] | None = None
    """The last run of each open outage, by `cluster namespace/name`; the bot links its thread."""
    taken_by: str = ""
    taken_at: datetime | None = None
    reminded: bool = False

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to hand over."""
        return not any((self.open, self.fixed, self.watching, self.changed, self.prefix_changes, self.unchecked))


HANDOFF_JSON = TypeAdapter(Handoff)


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
    failing = {(line.cluster, line.gateway) for line in broken}
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
        unchecked=tuple(line for each in seen for line in unchecked_lines(each)),
        muted=tuple(m for m in mutes if m.cluster in order.clusters),
        links={key: run for key, run in runs.items() if tuple(key.split(" ", 1)) in failing},
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
