"""Reports name a check that offers a command instead of a request by its status."""

import pytest

from checks.model.findings import Finding, Report, Status
from checks.reports.markdown import markdown
from checks.reports.text import closing_lines
from checks.reports.wording import offered
from tests.clusters.compose import compose, named
from tests.incidents.incidents import incidents
from tests.recordings import diagnosed, question


@pytest.fixture
def report() -> Report:
    composed = compose(named("base"), {})
    return diagnosed(composed, question(composed, "team-egress/egw")).finish(0.0)


@pytest.fixture
def finding(report: Report) -> Finding:
    return next(each for each in offered(report) if each.check == "source-address-wrong")


def test_the_finding_does_not_apply(finding: Finding) -> None:
    assert finding.status is Status.SKIPPED


def test_text(report: Report, finding: Finding) -> None:
    assert "Does not apply  EG413" in list(closing_lines(report))


def test_markdown(report: Report, finding: Finding) -> None:
    assert "## Does not apply: EG413" in markdown(report).splitlines()


def _report_of(name: str) -> Report:
    incident = next(each for each in incidents() if each.name == name)
    wanted = question(incident.cluster, incident.expect["gateway"], incident.expect.get("host"))
    return diagnosed(incident.cluster, wanted).finish(0.0)


def test_a_known_root_cause_needs_no_probe() -> None:
    assert offered(_report_of("031-gateway-selector-typo")) == ()


def test_a_starting_gateway_is_not_probed() -> None:
    assert offered(_report_of("007-prefix-pending-two-minutes")) == ()
