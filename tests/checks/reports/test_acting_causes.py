"""The next steps of a report are those of its causes, never of what they explain."""

from checks.model.findings import Report, Status
from checks.reports.markdown import markdown
from checks.reports.text import closing_lines
from checks.reports.wording import acting_causes
from tests.incidents.incidents import incidents
from tests.recordings import diagnosed, question


def report_of(number: str) -> Report:
    cluster = next(each for each in incidents() if each.name.startswith(number)).cluster
    return diagnosed(cluster, question(cluster, "team-egress/egw")).finish(0.0)


def test_a_report_has_no_action_of_a_finding_that_another_explains() -> None:
    """Before, the warnings about pods that wait for the cni-manager had actions of their own."""
    report = report_of("017")
    causes = {action for each in acting_causes(report) for action in each.actions}
    explained = {a.command for each in report.findings if each.explained_by for a in each.actions if a.command}
    explained -= {action.command for action in causes}
    assert explained, "the incident has no such action"
    for form in ("\n".join(closing_lines(report)), markdown(report)):
        assert not [each for each in explained if each.splitlines()[0] in form]


def test_pending_causes_act() -> None:
    report = report_of("007")
    assert {(each.status, each.pending) for each in acting_causes(report)} == {(Status.WARN, True)}
    assert not any(each.explained_by for each in acting_causes(report))
