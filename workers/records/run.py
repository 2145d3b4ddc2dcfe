"""Runs: the target, the request, and the run that serves it."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, SerializerFunctionWrapHandler, TypeAdapter, WrapSerializer

from checks.model.findings import Finding, Report
from checks.model.raw_values import Moment
from checks.reports.ran_steps import RanStep
from workers.records.beginnings import Beginning, FirstSeen


class RunState(StrEnum):
    """The state of a run.

    `done`, `cancelled`, `refused` and `failed` are final; every accepted request reaches one of them.
    """

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    """The question cannot be answered as it is.

    Its name matches several gateways, or its cluster is not configured.
    """
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self not in (RunState.QUEUED, RunState.RUNNING)


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a diagnosis, with the names of the configuration and the cluster."""

    cluster: str
    gateway: str
    namespace: str | None = None
    host: str | None = None
    client: str | None = None

    @property
    def key(self) -> str:
        """Equal for two requests with the same question."""
        return "|".join((self.cluster, self.namespace or "", self.gateway, self.host or "", self.client or ""))

    def asks_same(self, other: Self) -> bool:
        """Whether both have the same question.

        A gateway without a namespace can be in any.
        """
        named = self.namespace is not None and other.namespace is not None
        mine, its = (
            each.key for each in (self, replace(other, namespace=other.namespace if named else self.namespace))
        )
        return mine == its

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.gateway}" if self.namespace else self.gateway
        return f"{self.cluster} {where}"


@dataclass(frozen=True, slots=True)
class Order:
    """A request: the target, the user, and where the answer goes.

    `key` is the same for every repetition of one request (Slack's retries, double clicks). `thread` is the message to
    answer under, None for a new one. `after` is the run that this one repeats. `watch` is the watch that requests it;
    such a run is not shown on its own.
    """

    target: Target
    user: str
    channel: str
    key: str
    team: str = ""
    thread: str | None = None
    after: str | None = None
    response_url: str = ""
    watch: str = ""
    groups: tuple[str, ...] = ()
    """The user groups of the access rules that the user was in, for what the answer may name."""
    card: str = ""
    """The run whose parent message heads the thread of the answer; empty for its own."""
    ran: RanStep | None = None
    """The step that the user has carried out, and that the run verifies."""

    @property
    def lane(self) -> str:
        """Requests of one lane can share a run: the same question in the same channel.

        What is posted in a channel is for its members, so no other channel joins the run. A user's request never joins
        a run that is not shown. A run that began before a step was carried out does not verify it.
        """
        what = "watch" if self.watch else f"ran {self.ran.digest or self.ran.title}" if self.ran else "run"
        return f"{what}|{self.channel}|{self.target.key}"


@dataclass(frozen=True, slots=True)
class Run:
    """One diagnosis, from the accepted request to its report or the reason why there is none."""

    id: str
    order: Order
    state: RunState
    created: Moment
    started: Moment | None = None
    ended: Moment | None = None
    attempts: int = 0
    total: int = 0
    """The number of checks of the run."""
    findings: tuple[Finding, ...] = ()
    """The findings so far, in order of arrival; explanations come with the report."""
    report: Report | None = None
    error: str = ""
    """If the run or an attempt failed: a token that is also in the log."""
    failure: str = ""
    """The kind of exception that ended the last attempt."""
    problem: str = ""
    """If the run was refused or failed: the message for the user."""
    choices: tuple[str, ...] = ()
    """The gateways to choose from.

    They are those that the name matches, or those with a similar name.
    """
    private: bool = False
    """Whether the command is wrong.

    Only its users are informed then, and no message is in the channel.
    """
    cancelled_by: str = ""
    joined: tuple[str, ...] = ()
    """Users who requested the same while the run was under way."""
    later: str = ""
    """The last run with a report that repeated this one."""
    first_seen: tuple[FirstSeen, ...] = ()
    """The faults of the report that earlier checks found; the run found the others first."""
    card: str = ""
    """The key of the card that its parent message shows, or showed before."""
    news: bool = True
    """Whether its end changed the result that the thread of its card has reported.

    Of several checks that see one change, the first to end reports it.
    """
    compared: str = ""
    """The last run of its card when it ended; its result is compared with that one."""
    again: Moment | None = None
    """When the incident began, if the gateway had recovered since that last run."""

    def beginning(self, finding: Finding) -> Beginning | None:
        """Since when a fault of the report exists; None as long as the run has not ended."""
        place = (finding.check, finding.subject)
        first = next((each.at for each in self.first_seen if (each.check, each.subject) == place), self.ended)
        return Beginning(first, finding.since) if first is not None else None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to a request: the run that serves it.

    `joined`: the run was already under way for another request. `repeated`: this same request had been accepted
    before.
    """

    run: Run
    joined: bool = False
    repeated: bool = False


def _flat(order: Order, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
    written = fields(order)
    return {**written.pop("target"), **written}


def _nested(written: Any) -> Any:
    return {**written, "target": written} if isinstance(written, dict) else written


TARGET_JSON = TypeAdapter(Target)

ORDER_JSON: TypeAdapter[Order] = TypeAdapter(Annotated[Order, BeforeValidator(_nested), WrapSerializer(_flat)])

RUN_RECORD = TypeAdapter(Run)
