"""The answers of `egress-diag diagnose --bundle`, in this process."""

from collections.abc import Iterable, Iterator
from time import monotonic

from checks.catalogue import catalogue
from checks.engine.diagnosis import Diagnosis, diagnose, needed
from checks.facts.egress_gateway import AmbiguousGateway, UnknownGateway
from checks.facts.store import FactStore
from checks.model.findings import Action, Effect, Finding, Report, Verdict
from checks.model.question import ClusterIdentity, Question
from checks.reports.wording import roots_of, warnings_of
from checks.sources.gathering import gather
from checks.sources.recorded import RecordedSource
from tests.accuracy.opened import Opened
from tests.accuracy.scoring import Diagnosed, Statement, Step
from tests.simulation.execution import executed


def product(found: Opened) -> Diagnosed:
    """The diagnosis, and whether its own steps leave the gateway broken on a copy of the facts."""
    try:
        report = reported(found)
    except (AmbiguousGateway, UnknownGateway) as problem:
        return Diagnosed("healthy", (), error=f"exit 2: {problem}")
    return Diagnosed(report.verdict.value, tuple(_statements(report)), _stays_broken(found, report))


def reported(found: Opened) -> Report:
    """The report of the command line about an incident."""
    wanted = _question(found)
    source = RecordedSource(found.recording)
    store = FactStore(source.now())
    store.client = wanted.client or ""
    *_, run = diagnose(gather(source, needed(catalogue()), store, monotonic() + 60), store, wanted, catalogue())
    assert isinstance(run, Diagnosis)
    return run.finish(0.0)


def _question(found: Opened) -> Question:
    namespace, slash, name = found.answer.gateway.rpartition("/")
    identity = ClusterIdentity(found.cluster.name)
    return Question(identity, name, namespace if slash else None, found.answer.host, found.answer.client)


def _statements(report: Report) -> Iterator[Statement]:
    """The root causes, each check once.

    Of a degraded gateway, the warnings that no other warning explains.
    """
    findings: tuple[Finding, ...] = ()
    if report.verdict is Verdict.BROKEN:
        findings = roots_of(report)
    elif report.verdict is Verdict.DEGRADED:
        warnings = warnings_of(report)
        warned = {each.check for each in warnings}
        findings = tuple(each for each in warnings if not warned & set(each.explained_by))
    for slug in dict.fromkeys(each.check for each in findings):
        same = [each for each in findings if each.check == slug]
        steps = tuple(step for each in same for step in _steps(each.actions))
        yield Statement((slug,), (), "; ".join(each.summary for each in same), steps)


def _steps(actions: Iterable[Action]) -> Iterator[Step]:
    for each in actions:
        waits = each.title.startswith("Wait")
        text = "\n".join(filter(None, (each.title, each.command, each.expect)))
        yield Step(text, bool(each.alternative_to), each.effect is Effect.READS and not waits and bool(each.command))


def _stays_broken(found: Opened, report: Report) -> bool:
    """Whether the simulation carries out every step, and the gateway is still broken.

    Steps whose effect does not follow from the facts say nothing. Nor do recorded requests, which were made before the steps.
    """
    if report.verdict is not Verdict.BROKEN:
        return False
    outcome = executed(found.cluster, _question(found))
    return not outcome.fixed and any(not each.startswith("traffic-failing:") for each in outcome.wrong())
