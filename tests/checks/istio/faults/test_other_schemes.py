"""A host of which one scheme gets through the gateway and another does not.

Source: docs/rulings.md#ruling-24.
"""

from __future__ import annotations

import pytest

from checks.model.findings import Report, Status, Verdict
from checks.reports.headline import headline
from tests.clusters.compose import named
from tests.recordings import diagnosed, question


def asked(cluster: str, host: str, client: str | None = None) -> Report:
    """The report about a host of an example cluster."""
    found = named(cluster)
    return diagnosed(found, question(found, "team-egress/egw", host, client)).finish(0.0)


@pytest.mark.parametrize("client", [None, "team-a"])
@pytest.mark.parametrize(
    ("cluster", "check", "works", "fails"),
    [
        ("base", "application-sends-tls", "http", "https"),
        ("tls-origination", "application-sends-tls", "http", "https"),
        ("tls-passthrough", "virtual-service-route-broken", "https", "http"),
    ],
)
def test_a_scheme_that_does_not_get_through_is_a_warning_that_names_both(
    cluster: str, check: str, works: str, fails: str, client: str | None
) -> None:
    """The gateway was healthy, and only the headline in Slack said that https does not work."""
    report = asked(cluster, "edition.cnn.com", client)
    (warning,) = (each for each in report.of(Status.WARN) if each.check == check)
    assert report.verdict is Verdict.DEGRADED
    assert f"; {works} works." in warning.summary
    assert f" {fails} " in warning.summary
    assert report.warnings[0] == check
    assert headline(report).startswith(f"edition.cnn.com: {works} works; {fails} does not (")
    assert headline(report).endswith(". The gateway team-egress/egw is healthy.")
    assert not report.of(Status.FAIL)


@pytest.mark.parametrize(
    ("host", "verdict"), [("http://edition.cnn.com", "healthy"), ("https://edition.cnn.com", "broken")]
)
def test_a_question_that_names_the_scheme_is_about_that_scheme_alone(host: str, verdict: str) -> None:
    assert asked("base", host).verdict == verdict


def test_no_scheme_that_gets_through_is_a_failure() -> None:
    report = asked("base", "api.x.example")
    assert report.verdict is Verdict.BROKEN
    assert " works" not in headline(report)
