"""A shift's handoff: from what is remembered to a document. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter

from workers.fleet.digest import (
    DriftedGateway,
    GatewayLine,
    Known,
    Unchecked,
    broken_lines,
    drifted_lines,
    fixed_lines,
    unchecked_lines,
)
from workers.fleet.records import Mute, SweptCluster, TransitionKind
from workers.runs.records import Watch

RECURRENCE_SPAN = timedelta(days=7)
"""What has been fixed more than once within this time may come back."""

LONGEST_SHIFT = timedelta(days=7)
_NEVER = datetime.fromtimestamp(0, UTC)
SHIFT = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class HandoffOrder:
    """A handoff that somebody asks for: `user` gives, `to` takes ("" where nobody is named)."""

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
    """A watch that is going."""

    id: str
    cluster: str
    gateway: str
    user: str
    until: datetime
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """How often was looked on this shift: sweeps of clusters, and runs that people asked for."""

    clusters: int = 0
    gateways: int = 0
    sweeps: int = 0
    missed: int = 0
    """Sweeps of a cluster that could not look."""
    runs: int = 0
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class Fixed:
    """A gateway that was fixed on this shift; `week` says how often that happened within seven days."""

    line: GatewayLine
    week: int = 1

    @property
    def may_return(self) -> bool:
        return self.week > 1


@dataclass(frozen=True, slots=True)
class Handoff:
    """The document."""

    order: HandoffOrder
    looked: Looked
    open: tuple[GatewayLine, ...] = ()
    fixed: tuple[Fixed, ...] = ()
    watching: tuple[Watching, ...] = ()
    changed: tuple[DriftedGateway, ...] = ()
    """Gateways whose settings or range changed and that do not fail."""
    moved: tuple[DriftedGateway, ...] = ()
    unseen: tuple[Unchecked, ...] = ()
    muted: tuple[Mute, ...] = ()
    links: Mapping[str, str] | None = None
    """The run behind each open problem, by `cluster namespace/name`: the bot finds its thread."""
    taken_by: str = ""
    taken_at: datetime | None = None
    reminded: bool = False

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to hand over."""
        return not any((self.open, self.fixed, self.watching, self.changed, self.moved, self.unseen))


HANDOFF_JSON = TypeAdapter(Handoff)


def compose_handoff(
    order: HandoffOrder,
    known: Sequence[Known],
    mutes: Sequence[Mute],
    watches: Sequence[Watch],
    sweeps: Sequence[SweptCluster],
    runs: Mapping[str, str],
) -> Handoff:
    """The handoff of these clusters. `known` holds the events of the last week; `sweeps` and `runs` are those of the shift,
    the runs as the last one's id by `cluster namespace/name`."""
    since = order.at - order.span
    hush = {(m.cluster, m.gateway, m.check) for m in mutes}
    seen = [_as_last_swept(each, sweeps) for each in known]
    broken = [line for each in seen for line in broken_lines(each, hush, order.at)]
    failing = {(line.cluster, line.gateway) for line in broken}
    drift = drifted_lines(known, TransitionKind.DRIFT, since)
    last = max((each.at for each in sweeps), default=None)
    return Handoff(
        order=order,
        looked=Looked(
            clusters=len(known),
            gateways=sum(len(each.states) for each in known),
            sweeps=len(sweeps),
            missed=sum(bool(each.problem) for each in sweeps),
            runs=len(runs),
            last=last,
        ),
        open=tuple(sorted(broken, key=lambda line: line.since, reverse=True)),
        fixed=tuple(_fixed(each, line) for each in known for line in fixed_lines(each, hush, since)),
        watching=tuple(_watching(each) for each in watches if each.target.cluster in order.clusters),
        changed=tuple(each for each in drift if (each.cluster, each.gateway) not in failing),
        moved=tuple(drifted_lines(known, TransitionKind.PREFIX, since)),
        unseen=tuple(line for each in seen for line in unchecked_lines(each)),
        muted=tuple(m for m in mutes if m.cluster in order.clusters),
        links={key: run for key, run in runs.items() if tuple(key.split(" ", 1)) in failing},
    )


def _as_last_swept(known: Known, sweeps: Sequence[SweptCluster]) -> Known:
    """A handoff waits for no sweep: what the last one of the shift said of the cluster stands."""
    mine = [each for each in sweeps if each.cluster == known.cluster]
    if mine:
        return replace(known, swept=mine[-1])
    if known.states:
        latest = max(state.at for state in known.states.values())
        return replace(known, swept=SweptCluster(known.cluster, "", latest))
    return replace(known, swept=SweptCluster(known.cluster, "", _NEVER, problem="nobody has looked yet"))


def _fixed(known: Known, line: GatewayLine) -> Fixed:
    times = Counter(event.gateway for event in known.events if event.kind is TransitionKind.FIXED)
    return Fixed(line, max(1, times[line.gateway]))


def _watching(watch: Watch) -> Watching:
    target = watch.target
    name = f"{target.namespace}/{target.gateway}" if target.namespace else target.gateway
    verdict = watch.last.verdict.value if watch.last is not None and watch.last.verdict is not None else ""
    return Watching(watch.id, target.cluster, name, watch.user, watch.until, verdict)
