"""The incidents whose printed steps are carried out."""

from collections.abc import Iterator

from checks.model.question import Question
from tests.clusters.bundles import Cluster
from tests.incidents.incidents import Incident, incidents, reported
from tests.recordings import question
from tests.scenarios.cases import Case, all_cases
from tests.simulation.execution import Outcome, alternatives_of, executed


def broken_incidents() -> Iterator[Incident]:
    """The incidents and reported faults that may be broken."""
    for each in (*incidents(), *reported()):
        verdict = each.expect.get("verdict")
        if "broken" in (verdict if isinstance(verdict, list) else [verdict]):
            yield each


def failing_cases() -> Iterator[Case]:
    """The cases of single checks with a failure."""
    for each in all_cases():
        if any(finding["status"] == "fail" for finding in each.expected):
            yield each


def outcomes(incident: Incident) -> Iterator[tuple[str, Outcome]]:
    """The result of an incident's steps, and of each alternative to them, with its name."""
    expect = incident.expect
    yield from _outcomes(
        incident.name,
        incident.cluster,
        question(incident.cluster, expect["gateway"], expect.get("host"), expect.get("from")),
    )


def case_outcomes(case: Case) -> Iterator[tuple[str, Outcome]]:
    """The results of the steps of a case, diagnosed with every check."""
    yield from _outcomes(case_name(case), *case.asked)


def _outcomes(name: str, cluster: Cluster, wanted: Question) -> Iterator[tuple[str, Outcome]]:
    first = executed(cluster, wanted)
    yield name, first
    for each in dict.fromkeys(alternatives_of(first.before)):
        yield f"{name}, or: {each.title}", executed(cluster, wanted, each)


def case_name(case: Case) -> str:
    return f"{case.check.slug}: {case.name}"
