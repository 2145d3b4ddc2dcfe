"""Reports name a check that offers a command instead of a request by its status."""

import pytest

from checks.model.findings import Finding, Report, Status
from checks.reports.markdown import markdown
from checks.reports.text import closing_lines
from checks.reports.wording import offered
from tests.clusters.compose import compose, named
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
