"""Permissions in three namespaces leave those checks unknown that the page lists."""

from checks.catalogue import catalogue
from checks.model.findings import Status, Verdict
from tests.docs.namespaces_only import (
    CHECKS,
    NAMESPACES,
    PAGE,
    REASONS,
    SECTION,
    restricted_report,
    section,
    unknown_codes,
)


def test_the_page_has_the_present_role_and_table() -> None:
    (written,) = SECTION.findall(PAGE.read_text())
    assert written == section(), "run `make docs`"


def test_every_check_that_stays_unknown_has_a_reason_and_no_other() -> None:
    assert unknown_codes() == set(CHECKS)
    assert set(CHECKS.values()) == set(REASONS)


def test_nothing_fails_and_nothing_is_healthy() -> None:
    report = restricted_report()
    assert report.of(Status.FAIL) == ()
    assert report.verdict is Verdict.INCONCLUSIVE


def test_most_checks_are_made() -> None:
    assert len(unknown_codes()) < len(catalogue()) / 2


def test_the_report_says_once_which_namespaces_were_seen() -> None:
    (reason,) = [each.reason for each in restricted_report().not_checked if "namespaces" in each.reason]
    assert reason.startswith(
        f"Other namespaces than {NAMESPACES[0]}, {NAMESPACES[1]} and {NAMESPACES[2]} were not seen"
    )
