"""Actions: active steps that a person requests, others approve, and a worker executes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import TypeAdapter

from checks.actions.plan import ActionKind, ActionPlan, RefusalKind
from checks.actions.results import ActionResult
from checks.model.raw_values import Moment
from workers.records.run import Target

UNTAKEN_AFTER = timedelta(minutes=10)
"""The time after which an action that no worker has planned or begun is ended."""


class ActionState(StrEnum):
    """The state of an action. `done`, `refused`, `cancelled` and `failed` are final.

    `requested` becomes `planned` or `refused`; `planned` becomes `confirmed` with the last approval that is needed;
    `confirmed` becomes `running`.
    """

    REQUESTED = "requested"
    PLANNED = "planned"
    CONFIRMED = "confirmed"
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self in (ActionState.DONE, ActionState.REFUSED, ActionState.CANCELLED, ActionState.FAILED)


@dataclass(frozen=True, slots=True)
class ActionOrder:
    """A request for an active step.

    `key` is the same for every repetition of one request. `run` is the run whose thread it belongs to. `groups` are the user
    groups of the access rules that the user was in, for what the answer may name. `scheduled` is the start of the interval
    of a scheduled probe, None for a step that a person requested: it needs no approval, and no message shows it.
    """

    target: Target
    kind: ActionKind
    user: str
    channel: str
    key: str
    team: str = ""
    thread: str | None = None
    run: str = ""
    deployment: str = ""
    groups: tuple[str, ...] = ()
    scheduled: Moment | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """The confirmation of a plan by one person."""

    user: str
    at: Moment


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """One active step, from its request to its result.

    `needed` is the number of people that must approve it. `progress` are the sentences of the running step. `problem` is the
    message for the user if it failed or was refused, `error` the token that is also in the log. `cleaned`: nothing that it
    created is left, except a container that cannot be removed.
    """

    id: str
    order: ActionOrder
    state: ActionState
    created: Moment
    needed: int = 1
    plan: ActionPlan | None = None
    approvals: tuple[Approval, ...] = ()
    started: Moment | None = None
    ended: Moment | None = None
    attempts: int = 0
    progress: tuple[str, ...] = ()
    result: ActionResult | None = None
    cancelled_by: str = ""
    problem: str = ""
    error: str = ""
    cleaned: bool = True

    @property
    def private(self) -> bool:
        """Whether only its requester is informed: a command named a gateway that does not exist.

        A step from the thread of a run concerns a gateway that existed: everyone in the thread has to know.
        """
        refusal = self.result.refusal if self.result is not None else None
        return refusal is not None and refusal.kind is RefusalKind.UNKNOWN_GATEWAY and not self.order.run

    @property
    def gateway(self) -> Target:
        """The gateway of the step, with its namespace as soon as the plan has it."""
        target = self.order.target
        namespace = self.plan.namespace if self.plan is not None else target.namespace
        return Target(target.cluster, target.gateway, namespace)

    def is_too_old(self, now: datetime) -> bool:
        """Whether its next transition is too late: the cluster may need something else by now.

        A step that has begun is always continued.
        """
        match self.state:
            case ActionState.REQUESTED:
                return now - self.created > UNTAKEN_AFTER
            case ActionState.PLANNED:
                return self.plan is None or now > self.plan.expires
            case ActionState.CONFIRMED:
                return now - max((each.at for each in self.approvals), default=self.created) > UNTAKEN_AFTER
            case _:
                return False


ACTION_RECORD = TypeAdapter(ActionRecord)
