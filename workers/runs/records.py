"""What is kept of a run, as values: the order, the run itself, what each gateway's last verdict was."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, TypeAdapter, WrapSerializer

from checks.model.findings import Finding, Report, Verdict

_T = TypeVar("_T")

FromKey = Annotated[str, Field(exclude=True)]
"""Part of a record's key in Redis, and so not of the record itself."""


class RunState(StrEnum):
    """Where a run is. `done`, `cancelled`, `refused` and `failed` are ends; every accepted order reaches one."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    """The question cannot be answered as it was put (a name that fits several gateways, a cluster that is gone)."""
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self not in (RunState.QUEUED, RunState.RUNNING)


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be diagnosed: names as the configuration and the cluster have them."""

    cluster: str
    gateway: str
    namespace: str | None = None
    host: str | None = None
    client: str | None = None

    @property
    def key(self) -> str:
        """Equal for two orders that one run can serve."""
        return "|".join((self.cluster, self.namespace or "", self.gateway, self.host or "", self.client or ""))

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.gateway}" if self.namespace else self.gateway
        return f"{self.cluster} {where}"


@dataclass(frozen=True, slots=True)
class Order:
    """Who asked for what, where the answer goes. `key` is the same for every repetition of one request (Slack's retries,
    double clicks); `thread` is the message to answer under, None for a new one; `after` is the run that this repeats; `watch`
    the watch that asks: such a run is not shown by itself."""

    target: Target
    user: str
    channel: str
    key: str
    team: str = ""
    thread: str | None = None
    after: str | None = None
    response_url: str = ""
    watch: str = ""

    @property
    def lane(self) -> str:
        """Orders of one lane can share a run; a person's is never served by one that is not shown."""
        return f"watch|{self.target.key}" if self.watch else self.target.key


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its record stands."""

    id: str
    order: Order
    state: RunState
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None
    attempts: int = 0
    total: int = 0
    """Checks that it will make."""
    findings: tuple[Finding, ...] = ()
    """What has been found so far, in order of arrival; explanations come with the report."""
    report: Report | None = None
    error: str = ""
    """A token that is also in the log, where the run failed."""
    problem: str = ""
    """What a person is told where the run was refused or failed."""
    choices: tuple[str, ...] = ()
    """What to choose from, where the name fitted several gateways."""
    cancelled_by: str = ""
    joined: tuple[str, ...] = ()
    """Users who asked for the same while it was going."""
    owner: str = ""
    """Who said "I'm on it" last."""
    later: str = ""
    """The run that asked the same again, after this one."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to an order: the run that serves it. `joined`: it was going already, for somebody else's order;
    `repeated`: this very request had been accepted before."""

    run: Run
    joined: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class GatewayVerdict:
    """A gateway's last verdict."""

    cluster: FromKey
    namespace: FromKey
    gateway: FromKey
    verdict: Verdict
    root_causes: tuple[str, ...]
    at: datetime
    run: str


@dataclass(frozen=True, slots=True)
class PastRun:
    """What is remembered of a run after its evidence is gone: when, how it ended, which faults, who asked and where."""

    run: str
    at: datetime
    verdict: Verdict
    root_causes: tuple[str, ...]
    failing: tuple[str, ...]
    user: str
    channel: str


@dataclass(frozen=True, slots=True)
class Remark:
    """A person's comment on a run that is wrong."""

    at: datetime
    user: str
    comment: str


@dataclass(frozen=True, slots=True)
class Ownership:
    """The owner of a gateway's incident, since when, and the run in whose thread that was said."""

    user: str
    at: datetime
    run: str = ""


@dataclass(frozen=True, slots=True)
class Inventory:
    """The gateways last seen in a cluster's profile (`namespace/name`, enabled); `at` is None where it was never read."""

    gateways: tuple[tuple[str, bool], ...] = ()
    at: datetime | None = None


class WatchState(StrEnum):
    """Where a watch is."""

    ACTIVE = "going"
    FIXED = "fixed"
    EXPIRED = "over"
    """The time is up."""
    STOPPED = "stopped"

    @property
    def ended(self) -> bool:
        return self is not WatchState.ACTIVE


@dataclass(frozen=True, slots=True)
class WatchCheck:
    """One look of a watch: when, the verdict (None where the run did not come to one), its root causes' titles, the run."""

    at: datetime
    verdict: Verdict | None
    causes: tuple[str, ...]
    run: str

    @property
    def good(self) -> bool:
        return self.verdict in (Verdict.HEALTHY, Verdict.DEGRADED)

    @property
    def shown(self) -> tuple[object, ...]:
        """Equal for looks between which nothing changed."""
        return (self.verdict, self.causes)


@dataclass(frozen=True, slots=True)
class Watch:
    """A gateway that is looked at again and again until it works or the time is up."""

    id: FromKey
    target: Target
    user: str
    channel: str
    thread: str | None
    began: datetime
    until: datetime
    state: WatchState = WatchState.ACTIVE
    looks: int = 0
    good: int = 0
    """Good looks in a row."""
    last: WatchCheck | None = None
    changes: tuple[WatchCheck, ...] = ()
    """The first look, and each that differed from the one before."""
    run: str = ""
    """The run that is under way for it."""
    ended: datetime | None = None
    stopped_by: str = ""


class ListingState(StrEnum):
    """Where the answer to `list CLUSTER` is."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Listing:
    """The answer to `list CLUSTER`: the gateways that Azure's profile has (namespace/name, enabled), for one person."""

    id: FromKey
    cluster: str
    user: str
    channel: str
    response_url: str = ""
    state: ListingState = ListingState.WAITING
    gateways: tuple[tuple[str, bool], ...] = ()
    problem: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """What Slack was last given for one slot of a document: where it is, and a digest of its content."""

    slot: str
    channel: str
    ts: str
    digest: str


@dataclass(frozen=True, slots=True)
class Deliveries:
    """All slots of a document that have been delivered, and the document's revision that they show."""

    slots: dict[str, Delivered] = field(default_factory=dict)
    revision: int = 0


def _flat(order: Order, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
    written = fields(order)
    return {**written.pop("target"), **written}


def _nested(written: Any) -> Any:
    return {**written, "target": written} if isinstance(written, dict) else written


TARGET_JSON = TypeAdapter(Target)
ORDER_JSON: TypeAdapter[Order] = TypeAdapter(Annotated[Order, BeforeValidator(_nested), WrapSerializer(_flat)])
RUN_RECORD = TypeAdapter(Run)
GATEWAY_VERDICT_JSON = TypeAdapter(GatewayVerdict)
PAST_RUN_JSON = TypeAdapter(PastRun)
REMARK_JSON = TypeAdapter(Remark)
OWNERSHIP_JSON = TypeAdapter(Ownership)
INVENTORY_JSON = TypeAdapter(Inventory)
WATCH_JSON = TypeAdapter(Watch)
LISTING_JSON = TypeAdapter(Listing)


def read_record(adapter: TypeAdapter[_T], raw: str | bytes, **from_key: str) -> _T:
    """A record with the fields that its key holds. Raises ValueError."""
    return adapter.validate_python({**orjson.loads(raw), **from_key})
