"""The execution of confirmed plans (docs/contract.md#active-steps).

Each step finds what an earlier attempt of the same plan has created or changed, by its name and labels, and goes on from
there: a worker that is killed and started again does nothing twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic, sleep

from checks.actions.obstacles import ProbeObstacle, refusal_obstacle
from checks.actions.plan import (
    ACTION_LABEL,
    OWNER_LABEL,
    ActionKind,
    ActionPlan,
    PlanRefusal,
    RefusalKind,
)
from checks.actions.probe_objects import object_name
from checks.actions.results import (
    ActionOutcome,
    ActionResult,
    entry_of_log,
    left_over_of,
    probe_action_result,
    probe_entry,
    refused_result,
)
from checks.actions.rollouts import deployment_path, is_restarted, is_restarted_later, rollout_of
from checks.facts.probes import ProbeOutcome
from checks.facts.workloads import Deployment
from checks.model.raw_values import Raw, labels
from checks.sources.action_api import ActionApi
from checks.sources.probe_waiting import LogToRead, Patience, gateway_container_state, job_state
from checks.sources.replies import Failure

REQUEST_DEADLINE = 20.0
"""Seconds for one request to the API server."""

Recheck = Callable[[], PlanRefusal | None]
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of waiting, in seconds. Tests make them shorter."""

    poll: float = 1.0
    grace: float = 30.0
    """Added to the deadline of a probe, which Kubernetes enforces itself."""
    patience: Patience = field(default_factory=Patience)


class ActiveSteps:
    """Carries out plans in one cluster."""

    def __init__(self, api: ActionApi, pace: Pace | None = None) -> None:
        self._api = api
        self._pace = pace or Pace()

    def execute(
        self, plan: ActionPlan, recheck: Recheck, progress: Progress, *, may_begin: bool = True, repeated: bool = False
    ) -> ActionResult:
        """Execute a plan, or continue what an earlier attempt began, and return its end.

        `recheck` reads the preconditions again; it is called only immediately before the change. Without `may_begin`,
        nothing new is created. `repeated`: an earlier attempt may have made the change. The probe pod still exists
        afterwards: store the result, then call `clean_up`.
        """
        try:
            if plan.kind is ActionKind.RESTART:
                return self._restart(plan, recheck, progress, may_begin, repeated)
            begun = self._begin_probe(plan, recheck, may_begin)
            if begun is not None:
                return begun
            progress(f"{plan.object[:1].upper()}{plan.object[1:]} was created; waiting for its answer.")
            return self._wait_for_probe(plan)
        except Failure as failure:
            return self._failed(plan, failure, repeated)

    def clean_up(self, plan: ActionPlan) -> str:
        """Delete the objects that a probe created, and return what may be left.

        A sentence, "" if nothing is left. The janitor repeats it after a failure.
        """
        if plan.kind is not ActionKind.PROBE_POD:
            return ""
        ends = "Kubernetes deletes it after its time to live"
        try:
            job = self._existing(_job_path(plan))
        except Failure as failure:
            return f"Not checked whether {plan.object} still exists ({failure.message}). If it does, {ends}."
        if job is None or not _is_ours(job, plan):
            return ""
        try:
            self._api.change(plan.calls[1], monotonic() + REQUEST_DEADLINE)
        except Failure as failure:
            return "" if failure.status == 404 else f"{plan.object} could not be deleted ({failure.message}); {ends}."
        return ""

    # probes

    def _begin_probe(self, plan: ActionPlan, recheck: Recheck, may_begin: bool) -> ActionResult | None:
        """Create the object of the probe unless an earlier attempt did. None if it exists now."""
        found = self._probe_object(plan)
        if found is None:
            if not may_begin:
                return self._ended(plan, (ProbeOutcome.TARGET_DELETED, "it was deleted after an interrupted attempt"))
            if (refusal := recheck()) is not None:
                return refused_result(refusal, _now())
            return self._created(plan)
        if found is False:
            return self._ended(plan, (ProbeOutcome.FOREIGN_OBJECT, plan.object))
        return None

    def _created(self, plan: ActionPlan) -> ActionResult | None:
        """Send the change. None if it was made, also if only the answer was lost."""
        try:
            self._api.change(plan.calls[0], monotonic() + REQUEST_DEADLINE)
            return None
        except Failure as failure:
            refused = failure
        if refused.status in (0, 409, 504):
            try:
                found = self._probe_object(plan)
            except Failure:
                left = left_over_of(plan, certain=False)
                return self._ended(plan, refusal_obstacle(refused.status, refused.message), left=left)
            if found is not None:
                return None if found else self._ended(plan, (ProbeOutcome.FOREIGN_OBJECT, plan.object))
        return self._ended(plan, refusal_obstacle(refused.status, refused.message))

    def _probe_object(self, plan: ActionPlan) -> bool | None:
        """Whether the object of the plan is ours; None if it does not exist."""
        if plan.kind is ActionKind.PROBE_GATEWAY:
            pod = self._api.get(_pod_path(plan), monotonic() + REQUEST_DEADLINE)
            wanted = (plan.calls[0].body or {})["spec"]["ephemeralContainers"][0]
            for each in (pod.get("spec") or {}).get("ephemeralContainers") or ():
                if each.get("name") == wanted["name"]:
                    return bool(each.get("command") == wanted["command"])
            return None
        job = self._existing(_job_path(plan))
        return None if job is None else _is_ours(job, plan)

    def _wait_for_probe(self, plan: ActionPlan) -> ActionResult:
        deadline = monotonic() + plan.seconds + self._pace.grace
        state_of = gateway_container_state if plan.kind is ActionKind.PROBE_GATEWAY else job_state
        last: ProbeObstacle = (ProbeOutcome.NOT_STARTED, "")
        since = monotonic()
        while monotonic() < deadline:
            try:
                state = state_of(self._api, plan, monotonic() + REQUEST_DEADLINE)
            except Failure as failure:
                if failure.status not in (0, 429, 500, 503, 504):
                    # After 404 the pod is gone, and its containers with it.
                    left = "" if failure.status == 404 else left_over_of(plan, ended=False)
                    return self._ended(plan, refusal_obstacle(failure.status, failure.message), left=left)
                state = None
            if isinstance(state, LogToRead):
                return self._read(plan, state)
            if state is not None:
                if state.obstacle[0] is not last[0]:
                    since = monotonic()
                last = state.obstacle
                if state.final or monotonic() - since >= self._pace.patience.of(last[0]):
                    return self._ended(plan, last, state.pod, left_over_of(plan, ended=False))
            sleep(self._pace.poll)
        return self._ended(plan, last, left=left_over_of(plan, ended=False))

    def _read(self, plan: ActionPlan, log: LogToRead) -> ActionResult:
        for attempt in range(3):
            try:
                written, cut = self._api.log(plan.namespace, log.pod, log.container, monotonic() + REQUEST_DEADLINE)
                entry = entry_of_log(plan, written, _now(), pod=log.pod, cut=cut, end=log.end)
                return probe_action_result(plan, entry, _now(), left_over_of(plan))
            except Failure as failure:
                if attempt == 2:
                    unreadable = (ProbeOutcome.LOG_UNREADABLE, failure.message)
                    return self._ended(plan, unreadable, log.pod, left_over_of(plan))
                sleep(self._pace.poll)
        raise AssertionError("the last attempt returns")

    def _ended(self, plan: ActionPlan, obstacle: ProbeObstacle, pod: str = "", left: str = "") -> ActionResult:
        entry = probe_entry(plan, obstacle[0], _now(), detail=obstacle[1], pod=pod)
        return probe_action_result(plan, entry, _now(), left)

    # restarts

    def _restart(
        self, plan: ActionPlan, recheck: Recheck, progress: Progress, may_begin: bool, repeated: bool
    ) -> ActionResult:
        deployment = self._deployment(plan)
        if deployment.uid != plan.preconditions[0].value:
            changed = f"{deployment.ref} was deleted and created again since the plan was shown."
            return refused_result(PlanRefusal(RefusalKind.CHANGED, changed), _now())
        # A later restart replaces the annotation of the one that an earlier attempt requested.
        begun = is_restarted(deployment, plan.created) or (repeated and is_restarted_later(deployment, plan.created))
        if not begun:
            if not may_begin:
                return ActionResult(ActionOutcome.NOT_COMPLETED, "The restart was not requested.", _now())
            if (refusal := recheck()) is not None:
                return refused_result(refusal, _now())
            try:
                self._api.change(plan.calls[0], monotonic() + REQUEST_DEADLINE)
            except Failure as failure:
                if failure.status not in (0, 504) or not is_restarted(self._deployment(plan), plan.created):
                    raise
        return self._follow(plan, progress)

    def _follow(self, plan: ActionPlan, progress: Progress) -> ActionResult:
        deadline, shown = monotonic() + plan.seconds, ""
        while monotonic() < deadline:
            try:
                rollout = rollout_of(self._deployment(plan))
            except Failure as failure:
                if failure.status not in (0, 429, 500, 503, 504):
                    raise
                sleep(self._pace.poll)
                continue
            if rollout.sentence != shown:
                shown = rollout.sentence
                progress(shown)
            if rollout.complete:
                return ActionResult(ActionOutcome.AS_EXPECTED, f"{plan.object} was restarted. {shown}", _now())
            if rollout.stuck:
                return ActionResult(ActionOutcome.NOT_AS_EXPECTED, shown, _now())
            sleep(self._pace.poll)
        return ActionResult(
            ActionOutcome.NOT_COMPLETED, f"The rollout did not end within {plan.seconds} s. {shown}".rstrip(), _now()
        )

    def _deployment(self, plan: ActionPlan) -> Deployment:
        path = deployment_path(plan.namespace, plan.deployment)
        return Deployment({"kind": "Deployment", **self._api.get(path, monotonic() + REQUEST_DEADLINE)})

    # both

    def _failed(self, plan: ActionPlan, failure: Failure, repeated: bool) -> ActionResult:
        obstacle = refusal_obstacle(failure.status, failure.message)
        if plan.kind is not ActionKind.RESTART:
            left = left_over_of(plan, certain=False) if repeated and failure.status != 404 else ""
            return self._ended(plan, obstacle, left=left)
        entry = f"The API server did not carry out the request ({failure.status}): {failure.message}."
        return ActionResult(ActionOutcome.NOT_COMPLETED, entry, _now())

    def _existing(self, path: str) -> Raw | None:
        try:
            return self._api.get(path, monotonic() + REQUEST_DEADLINE)
        except Failure as failure:
            if failure.status == 404:
                return None
            raise


def _is_ours(job: Raw, plan: ActionPlan) -> bool:
    found = labels(job, "metadata", "labels")
    return (found.get(ACTION_LABEL), found.get(OWNER_LABEL)) == (plan.id, plan.owner)


def _job_path(plan: ActionPlan) -> str:
    return f"{plan.calls[0].path}/{object_name(plan.id)}"


def _pod_path(plan: ActionPlan) -> str:
    return plan.calls[0].path.rpartition("/")[0]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
