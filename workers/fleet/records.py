"""What is remembered of every gateway, as values: looks, states, events, sweeps, mutes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import TypeAdapter

from checks.model.findings import Verdict


@dataclass(frozen=True, slots=True)
class Fault:
    """A finding that nothing explains. `identity` is the same for the same facts, whatever the wording or the time;
    `since` is when this fault was first seen on this gateway without having gone away in between."""

    check: str
    code: str
    title: str
    subject: str
    summary: str
    identity: str
    since: datetime

    @property
    def place(self) -> tuple[str, str]:
        """The same fault on the same object, though what is observed of it may have changed."""
        return (self.check, self.subject)


@dataclass(frozen=True, slots=True)
class GatewaySetting:
    """One setting of a gateway: what one `kubectl get` or `az … show` would show."""

    resource: str
    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Drift:
    """A setting that has changed; `who` and `at` where the cluster tells them."""

    resource: str
    field: str
    before: str
    after: str
    who: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """Who last wrote an object, when, as the cluster tells it."""

    resource: str
    at: datetime
    who: str


@dataclass(frozen=True, slots=True)
class GatewayCheck:
    """One look at one gateway, by a run or a sweep; `by` is its id, and the same look comes twice under the same id."""

    by: str
    cluster: str
    gateway: str
    """`namespace/name`."""
    at: datetime
    verdict: Verdict
    faults: tuple[Fault, ...] = ()
    risks: tuple[Fault, ...] = ()
    """Warnings: what may fail one day, and limits that are near."""
    settings: tuple[GatewaySetting, ...] = ()
    prefix: str = ""
    written: tuple[Written, ...] = ()
    missing: str = ""
    """The first thing that could not be read, "" where everything was."""


@dataclass(frozen=True, slots=True)
class GatewayState:
    """What is known of one gateway. `broken` is the last that was known for sure: not being able to look changes neither it
    nor `since`. `unseen` is since when nothing certain could be said, None while it can."""

    cluster: str
    gateway: str
    by: str
    at: datetime
    verdict: Verdict
    broken: bool
    since: datetime
    unseen: datetime | None = None
    faults: tuple[Fault, ...] = ()
    risks: tuple[Fault, ...] = ()
    settings: tuple[GatewaySetting, ...] = ()
    prefix: str = ""
    """The last range that was seen, also while there is none."""
    missing: str = ""
    well_at: datetime | None = None
    well_settings: tuple[GatewaySetting, ...] = ()
    written: tuple[Written, ...] = ()
    known_since: datetime | None = None


class TransitionKind(StrEnum):
    """What happened to a gateway between two looks."""

    APPEARED = "appeared"
    BROKE = "broke"
    FIXED = "fixed"
    OTHER_FAULTS = "otherwise"
    """Still broken, but by something else."""
    INCONCLUSIVE = "lost"
    """Nothing certain can be said any more."""
    CONCLUSIVE = "seen"
    """Something certain can be said again."""
    PREFIX = "prefix"
    """Traffic leaves from another range: partners must be told."""
    DRIFT = "drift"
    VANISHED = "vanished"
    """The mesh profile does not have it any more."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One thing that happened to one gateway. `lasted` is for how many seconds it had been broken, for FIXED."""

    kind: TransitionKind
    cluster: str
    gateway: str
    at: datetime
    by: str
    faults: tuple[Fault, ...] = ()
    drift: tuple[Drift, ...] = ()
    lasted: float = 0.0


@dataclass(frozen=True, slots=True)
class SweptCluster:
    """How one sweep of one cluster went."""

    cluster: str
    by: str
    at: datetime
    gateways: int = 0
    seconds: float = 0.0
    problem: str = ""
    complete: bool = True
    """Whether it saw every gateway that the cluster has: only then one that it did not see is gone."""


@dataclass(frozen=True, slots=True)
class Mute:
    """A fault of a gateway that nobody wants to hear of until `until`; `check` is its slug."""

    cluster: str
    gateway: str
    check: str
    user: str
    reason: str
    at: datetime
    until: datetime


GATEWAY_STATE_JSON = TypeAdapter(GatewayState)
TRANSITION_JSON = TypeAdapter(Transition)
SWEPT_CLUSTER_JSON = TypeAdapter(SweptCluster)
MUTE_JSON = TypeAdapter(Mute)
