"""The decision tables say what the checks declare and what their cases show."""

import re
from collections.abc import Iterator

import pytest

from checks.catalogue import catalogue
from checks.engine.check import Check
from checks.model.findings import Status
from checks.reports.wording import STATUSES
from tests.docs.decision_tables import PAGE, SECTION, SEVERITY, decision_tables, planned, section
from tests.scenarios.cases import ONLY_UNKNOWN, cases_of, rules_of

CHECKS = catalogue()
EACH = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.slug)
LONG_CASES = frozenset({"too-many-gateways"})
"""Its failing case needs 501 gateways: tests/scenarios/test_too_many_gateways.py."""

RESULTS = {words: status for status, words in STATUSES.items()} | {"pending": Status.WARN}


def results_in(cell: str, check: Check) -> Iterator[Status]:
    """The results of a cell, such as "fail, with the name". An unknown word fails."""
    for word in cell.split(", "):
        if not word.startswith("with "):
            assert word in RESULTS, f"{check.slug}: the result {word!r} is none of {', '.join(RESULTS)}"
            yield RESULTS[word]


def results(check: Check) -> Iterator[Status]:
    """The results in the tables of a check's rules, without rows that are planned."""
    column = None
    for line in rules_of(check).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("|"):
            column = None
        elif column is None:
            column = cells.index("Result")
        elif not line.startswith("| ---") and "| **planned** " not in line:
            yield from results_in(cells[column], check)


def test_the_page_is_up_to_date() -> None:
    """`make docs` regenerates it."""
    page = PAGE.read_text(encoding="utf-8")
    assert decision_tables(page, CHECKS) == page


def test_each_section_is_that_of_a_check_or_marked_as_planned() -> None:
    page = PAGE.read_text(encoding="utf-8")
    sections = {found[2]: found[1] for found in SECTION.finditer(page)}
    built = {check.code: check.slug for check in CHECKS}
    assert sections == built | planned(page)
    assert built.keys().isdisjoint(planned(page))


def test_a_new_section_is_placed_by_its_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    checks = {check.slug: check for check in CHECKS}
    for found in SECTION.finditer(page):
        if check := checks.get(found[1]):
            assert decision_tables(page[: found.start()] + page[found.end() :], [check]) == page


@EACH
def test_rules_leave_to_the_check_what_it_declares(check: Check) -> None:
    rules = rules_of(check)
    assert not re.search(r"\*\*(Fault|Article|Explains|Cases)\*\*:", rules)
    assert "(condition)" not in rules


@EACH
def test_severities_are_those_that_are_declared_and_shown(check: Check) -> None:
    item = SEVERITY.search(section(check))
    assert item
    named = re.findall(r"\b(?:blocks|degrades|risks)\b", item[0].partition("**planned**")[0])
    assert named[0] == check.severity
    shown = {finding["severity"] for case in cases_of(check) for finding in case.expected if "severity" in finding}
    if check.slug in LONG_CASES:
        shown.add(check.severity)
    assert set(named) == shown or check.slug in ONLY_UNKNOWN


@EACH
def test_results_are_those_that_the_cases_show(check: Check) -> None:
    shown = {Status(finding["status"]) for case in cases_of(check) for finding in case.expected}
    stated = set(results(check))
    assert stated <= shown or check.slug in LONG_CASES
    assert shown - stated <= {Status.PASS, Status.SKIPPED, Status.UNKNOWN}
