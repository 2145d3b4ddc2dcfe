"""The incidents whose printed steps are carried out."""

from collections.abc import Iterator

from checks.model.question import Question
from tests.clusters.bundles import Cluster
from tests.clusters.compose import compose, named
from tests.incidents.incidents import Incident, incidents, reported
from tests.recordings import question
from tests.scenarios.cases import Case, all_cases
from tests.simulation.execution import Outcome, executed


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


def outcome(incident: Incident) -> Outcome:
    """The result of an incident's steps."""
    expect = incident.expect
    return executed(
        incident.cluster, _question(incident.cluster, expect["gateway"], expect.get("host"), expect.get("from"))
    )


def case_outcome(case: Case) -> Outcome:
    """The result of the steps of a case, diagnosed with every check."""
    cluster = compose(named(case.cluster), case.raw.get("with") or {})
    raw = case.raw
    return executed(
        cluster, _question(cluster, raw.get("gateway", "team-egress/egw"), raw.get("host"), raw.get("from"))
    )


def case_name(case: Case) -> str:
    return f"{case.check.slug}: {case.name}"


def _question(cluster: Cluster, gateway: str, host: str | None, client: str | None) -> Question:
    return question(cluster, gateway, host, client)
