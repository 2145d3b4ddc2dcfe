"""One diagnosis of one source, now and as if a change were applied."""

from collections.abc import Sequence
from dataclasses import replace
from time import monotonic

from checks.engine.check import Check
from checks.engine.diagnosis import Diagnosis, needed
from checks.engine.if_applied import ROUTE_READS, IfApplied, if_applied, proposed_state
from checks.engine.readings import Closed, record
from checks.engine.route_tracing import traced_reads
from checks.facts.proposal import Proposal
from checks.facts.store import FactStore
from checks.model.question import Question
from checks.sources.gathering import gather
from checks.sources.run import with_settings
from checks.sources.source import Source


def run_if_applied(
    source: Source,
    question: Question,
    checks: Sequence[Check],
    timeout: float,
    proposed: Proposal,
    recipes: bool = True,
) -> IfApplied:
    """Diagnose the gateway as it is, and as it would be after the proposal.

    The cluster is read once. `recipes` as for `Diagnosis.finish`.

    Raises the errors of `run`, and BadChange if an object to delete does not exist.
    """
    began = monotonic()
    store = FactStore(source.now())
    store.client = question.client or ""
    question = replace(question, cluster=question.cluster.in_recorded_context(source.kubectl_context()))
    readings = gather(source, needed(checks) | traced_reads(question) | ROUTE_READS, store, began + timeout)
    now = Diagnosis(store, question, checks)
    for reading in readings:
        record(store, reading)
        if isinstance(reading, Closed):
            now.resolve_target()  # the logs and counters of its proxies are read then
    now.advance()
    if missing := now.missing_gateway():
        raise missing
    report = with_settings(now, now.finish(monotonic() - began, recipes))
    state = proposed_state(store, proposed)
    found = if_applied(report, question, now.target, checks, store, state, recipes)
    return replace(found, then=replace(found.then, duration_seconds=round(monotonic() - began, 3)))
