"""The facts from which an active step is planned.

They are read for the plan, and again before the change.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic

from checks.actions.plan import ActionPlan, PlanRefusal, RefusalKind
from checks.actions.planning import ACTION_READS, recheck, request_of
from checks.engine.diagnosis import Diagnosis, unknown_gateway
from checks.engine.readings import record
from checks.engine.sweep import problem_of, targets_of
from checks.facts.egress_gateway import AmbiguousGateway, EgressGateway, UnknownGateway
from checks.facts.fact import Unreadable
from checks.facts.services import Service
from checks.facts.store import FactStore
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.question import Question
from checks.sources.gathering import gather
from checks.sources.source import Source, SourceError


def read_action_facts(source: Source, question: Question, timeout: float) -> Facts:
    """The facts of the gateway, read within `timeout` seconds.

    Failed reads are in it as gaps. Raises AmbiguousGateway and UnknownGateway.
    """
    store = _read(source, timeout)
    run = Diagnosis(store, question, ())
    run.resolve_target()
    view = Facts(store, run.target, question, frozenset(ACTION_READS), run.target_gap)
    try:
        known = view.gateway.known
    except Unreadable:
        if any(gap.covers(question.namespace) for kind in (Service, Deployment) for gap in store.gaps(kind)):
            return view  # planning refuses with the failed read
        known = False  # a step needs objects in the cluster, which has none of this gateway
    if not known:
        raise unknown_gateway(store, question)
    return view


def gateways_to_probe(source: Source, timeout: float) -> tuple[EgressGateway, ...]:
    """The egress gateways of a cluster. Raises SourceError if they cannot be read."""
    store = _read(source, timeout)
    found = targets_of(store) or ()
    if problem := problem_of(store, found):
        raise SourceError(f"The gateways could not be read: {problem}.")
    return found


def _read(source: Source, timeout: float) -> FactStore:
    store = FactStore(source.now())
    for reading in gather(source, frozenset(ACTION_READS), store, monotonic() + timeout):
        record(store, reading)
    return store


def recheck_now(
    source: Source, question: Question, plan: ActionPlan, namespaces: Sequence[str], timeout: float
) -> PlanRefusal | None:
    """The reason why the plan must not be executed now, None if it may.

    The facts are read again, and `namespaces` are those of the configuration.
    """
    try:
        facts = read_action_facts(source, question, timeout)
    except (AmbiguousGateway, UnknownGateway) as changed:
        return PlanRefusal(RefusalKind.CHANGED, f"The gateway of the plan is not found any more: {changed}.")
    return recheck(request_of(plan, namespaces), plan, facts, datetime.now(UTC))
