"""The execution of actions: their plans, the confirmed steps, the removal of objects."""

import logging
from datetime import UTC, datetime, timedelta

from checks.actions.plan import ActionPlan, PlanRefusal, RefusalKind
from checks.actions.planning import PlanRequest, plan_action
from checks.actions.rendering import step_name
from checks.actions.results import ActionOutcome
from checks.config.access_rules import Requester, nameable_gateways
from checks.config.configuration import ClusterConfig, UnknownCluster
from checks.config.probe_configuration import ProbeConfig
from checks.facts.egress_gateway import AmbiguousGateway, UnknownGateway
from checks.model.question import Question
from checks.reports.ran_steps import RanStep
from checks.sources.action_api import ActionApi
from checks.sources.action_facts import read_action_facts, recheck_now
from checks.sources.active_steps import ActiveSteps, Pace
from checks.sources.live import LiveSource, open_source
from checks.sources.source import SourceError
from workers.client import ConnectedClient
from workers.records.action import ActionRecord, ActionState
from workers.records.run import Order
from workers.runs.audit import AuditEntry
from workers.tasks.canary_results import note_scheduled_probe
from workers.tasks.execution import error_sentence
from workers.telemetry.error_tokens import logged_error_token, unexpected_error

log = logging.getLogger(__name__)

MAX_ACTION_ATTEMPTS = 5
"""Attempts after which an action is ended as failed."""

MAY_BEGIN = timedelta(minutes=4)
"""The time after its first attempt in which a step may create its object.

Kubernetes deletes the Job of a probe five minutes after its end: later, a missing Job may be one that was deleted.
"""


_REPEATED_WITHIN = timedelta(minutes=10)
"""The time after the end of a step in which its next run may be requested again."""


class Actor:
    """Plans and executes actions with the credentials of one worker process."""

    def __init__(self, mine: ConnectedClient, pace: Pace | None = None) -> None:
        self._client = mine
        self._stores = mine.stores
        self._pace = pace

    def plan(self, action_id: str) -> None:
        """Plan a requested action."""
        action = self._stores.actions.get(action_id)
        if action is None or action.state is not ActionState.REQUESTED:
            return
        planned = self._stores.actions.plan(action_id, self._planned(action))
        if planned is not None:
            self._stores.action_changed(planned)
            self._audit(planned, planned.state.value, planned.problem)
            note_scheduled_probe(self._stores, planned)

    def execute(self, action_id: str) -> None:
        """Execute a confirmed action that no worker holds, or continue one whose worker was killed."""
        lease = self._stores.actions.lease(action_id, self._stores.settings.lease)
        if not lease.acquire():
            return
        with lease.kept():
            action = self._stores.actions.get(action_id)
            if action is None:
                return
            if action.state.ended:
                note_scheduled_probe(self._stores, action)
                self._clean(action)
                if action.state is ActionState.DONE and _is_recent(action.ended):
                    # The worker may have died between the end of the step and the request of the next run.
                    self._diagnose_again(action)
            elif action.attempts >= MAX_ACTION_ATTEMPTS:
                self._fail(action, "The step was interrupted several times.", "")
            elif (begun := self._stores.actions.begin(action)) is not None:
                self._stores.action_changed(begun)
                self._attempt(begun)

    def _attempt(self, action: ActionRecord) -> None:
        what = f"attempt {action.attempts} of action {action.id} failed"
        with unexpected_error(lambda error: logged_error_token(log, what, error)) as caught:
            try:
                self._carry(action)
            except (UnknownCluster, SourceError) as wrong:
                self._fail(action, str(wrong), "")
        if caught.error is not None and action.attempts >= MAX_ACTION_ATTEMPTS:
            self._fail(action, f"The step failed with an internal error ({caught.kind}).", caught.token)

    def _carry(self, action: ActionRecord) -> None:
        plan, settings = action.plan, self._settings()
        if plan is None or settings is None:
            self._fail(action, "Active steps are off: the configuration has no section probe.", "")
            return
        entry, source = self._opened(action)
        question = self._question(action, entry, plan.gateway, plan.namespace)
        steps = ActiveSteps(ActionApi(source.access), self._pace)
        timeout = self._stores.settings.run_timeout

        def progress(sentence: str) -> None:
            self._stores.actions.note_progress(action.id, sentence)
            self._stores.action_changed(action)

        result = steps.execute(
            plan,
            lambda: recheck_now(source, question, plan, settings.namespaces, timeout),
            progress,
            may_begin=action.started is None or datetime.now(UTC) - action.started < MAY_BEGIN,
            repeated=action.attempts > 1,
        )
        ended = self._stores.actions.finish(action.id, result)
        if ended is None:
            return
        self._stores.action_changed(ended, urgent=True)
        self._audit(ended, result.outcome.value, result.summary)
        note_scheduled_probe(self._stores, ended)
        self._clean(ended)
        if result.outcome is not ActionOutcome.REFUSED:
            self._diagnose_again(ended)

    def _clean(self, action: ActionRecord) -> None:
        """Delete what the action created; the janitor repeats what fails."""
        if action.cleaned or action.plan is None:
            return
        _, source = self._opened(action)
        if not ActiveSteps(ActionApi(source.access), self._pace).clean_up(action.plan):
            self._stores.actions.note_cleaned(action.id)

    def _diagnose_again(self, action: ActionRecord) -> None:
        order = action.order
        if order.scheduled is not None:
            return
        posted = self._stores.documents.deliveries(f"action/{action.id}").parent
        self._client.start(
            Order(
                target=order.target,
                user=order.user,
                channel=order.channel,
                key=f"action-{action.id}",
                team=order.team,
                # A step that was requested outside a thread has started one.
                thread=order.thread or (posted.ts if posted is not None else None),
                after=order.run or None,
                groups=order.groups,
                ran=RanStep(step_name(order.kind), outcome=action.result.summary if action.result else ""),
            )
        )

    def _planned(self, action: ActionRecord) -> ActionPlan | PlanRefusal:
        settings = self._settings()
        if settings is None:
            return PlanRefusal(
                RefusalKind.NOT_CONFIGURED, "Active steps are off: the configuration has no section probe."
            )
        order = action.order
        request = PlanRequest(
            id=action.id,
            kind=order.kind,
            created=datetime.now(UTC).replace(microsecond=0),
            owner=self._stores.actions.owner(),
            image=settings.image,
            urls=settings.urls,
            namespaces=settings.namespaces,
            deployment=order.deployment,
        )
        try:
            entry, source = self._opened(action)
            question = self._question(action, entry, order.target.gateway, order.target.namespace)
            return plan_action(request, read_action_facts(source, question, self._stores.settings.run_timeout))
        except AmbiguousGateway as several:
            return PlanRefusal(RefusalKind.SEVERAL_TARGETS, error_sentence(several), several.choices)
        except UnknownGateway as unknown:
            return PlanRefusal(RefusalKind.UNKNOWN_GATEWAY, error_sentence(unknown), unknown.nearest)
        except (UnknownCluster, SourceError) as wrong:
            return PlanRefusal(RefusalKind.NO_TARGET, error_sentence(wrong))

    def _question(self, action: ActionRecord, entry: ClusterConfig, gateway: str, namespace: str | None) -> Question:
        """The step's question; the answer names only gateways that its user may diagnose."""
        order = action.order
        requester = Requester(order.user, order.channel, order.groups)
        may_name = nameable_gateways(self._stores.config.access, requester, order.target.cluster)
        return Question(entry.identity, gateway, namespace, may_name=may_name)

    def _settings(self) -> ProbeConfig | None:
        return self._stores.config.probe

    def _opened(self, action: ActionRecord) -> tuple[ClusterConfig, LiveSource]:
        entry = self._stores.config.cluster(action.order.target.cluster)
        source = open_source(entry)
        if not isinstance(source, LiveSource):
            raise SourceError(f"{entry.name} is a bundle: active steps need a live cluster")
        return entry, source

    def _fail(self, action: ActionRecord, problem: str, token: str) -> None:
        ended = self._stores.actions.fail(action.id, problem, token)
        if ended is not None:
            self._stores.action_changed(ended, urgent=True)
            self._audit(ended, "failed", problem)
            note_scheduled_probe(self._stores, ended)
            self._clean(ended)

    def _audit(self, action: ActionRecord, outcome: str, why: str) -> None:
        order = action.order
        approvers = ", ".join(each.user for each in action.approvals)
        reason = f"{why} Approved by {approvers}." if approvers else why
        what = f"action {order.kind.value}"
        usual = order.scheduled is not None and outcome in (ActionState.CONFIRMED, ActionOutcome.AS_EXPECTED)
        self._stores.audit.append(
            AuditEntry(order.user, order.channel, what, str(order.target), outcome, order.run, reason), only_log=usual
        )


def _is_recent(ended: datetime | None) -> bool:
    return ended is not None and datetime.now(UTC) - ended < _REPEATED_WITHIN
