"""Host and gateway are judged apart in every form (docs/rulings.md#ruling-24)."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.mcp.tool_answers import report_answer, route_answer
from checks.model.findings import Report, Verdict
from checks.model.requested_host import parse_host
from checks.reports.headline import headline
from checks.reports.markdown import markdown
from checks.reports.text import quiet_lines, report_lines
from checks.reports.wording import roots_of, warnings_of
from tests.checks.istio.faults.test_other_schemes import asked
from tests.clusters.compose import read_bundle
from tests.recordings import diagnosed, question

EXAMPLES = Path(__file__).parents[3] / "examples" / "bundles"
NO_FAILURE = "The gateway team-egress/egw has no failure."
HEALTHY = "The gateway team-egress/egw is healthy."


def forms(report: Report) -> dict[str, str]:
    """The text of each form, in one line."""
    written = {
        "text": "\n".join(report_lines(report)),
        "quiet": "\n".join(quiet_lines(report)),
        "markdown": markdown(report).partition("**")[2],
        "mcp": report_answer(report, every_finding=False).text,
        "mcp route": route_answer(report).text,
    }
    return {name: " ".join(text.split()) for name, text in written.items()}


@pytest.mark.parametrize(
    ("host", "verdict", "said"),
    [
        ("api.x.example", Verdict.BROKEN, f"api.x.example is not routed through egw. {NO_FAILURE}"),
        ("https://api.x.example", Verdict.BROKEN, f"api.x.example:443 is not routed through egw. {NO_FAILURE}"),
        (
            "edition.cnn.com",
            Verdict.DEGRADED,
            f"edition.cnn.com: http works; https does not (connection reset). {HEALTHY}",
        ),
        (
            "https://edition.cnn.com/live",
            Verdict.BROKEN,
            f"https://edition.cnn.com/live fails (connection reset). {NO_FAILURE}",
        ),
        (
            "https://edition.cnn.com",
            Verdict.BROKEN,
            f"https to edition.cnn.com:443 fails (connection reset). {NO_FAILURE}",
        ),
        ("http://edition.cnn.com", Verdict.HEALTHY, f"edition.cnn.com:80 is routed through egw. {HEALTHY}"),
    ],
)
def test_every_form_begins_with_the_hosts_outcome(host: str, verdict: Verdict, said: str) -> None:
    """The command line said "Broken: No VirtualService …" about a gateway without a failure."""
    report = asked("base", parse_host(host))
    assert report.verdict is verdict
    assert headline(report) == said
    for name, text in forms(report).items():
        assert text.startswith(said), name
        assert "Broken:" not in text, name
        assert "Degraded:" not in text, name


@pytest.mark.parametrize("host", ["api.x.example", "https://edition.cnn.com", "http://edition.cnn.com"])
def test_a_gateway_that_is_broken_itself_comes_before_the_host(host: str) -> None:
    cluster = read_bundle(EXAMPLES / "gateway-pool-missing")
    report = diagnosed(cluster, question(cluster, "team-egress/egw", parse_host(host))).finish(0.0)
    for name, text in forms(report).items():
        assert text.startswith("Broken: "), name
        assert "gwpol" in text.partition(". ")[0], name
        assert "has no failure" not in text, name


@pytest.mark.parametrize("host", ["https://api.x.example", "http://api.x.example", "https://edition.cnn.com"])
def test_a_command_is_printed_once(host: str) -> None:
    """The manifests of an unconfigured host were among the steps and again below its route."""
    report = asked("base", parse_host(host))
    causes = [*roots_of(report), *warnings_of(report)]
    steps = [action.command for cause in causes for action in cause.actions if "kind: " in action.command]
    assert steps or "cnn" in host
    for text in ("\n".join(report_lines(report)), markdown(report)):
        for command in steps:
            assert text.count(command) == 1
