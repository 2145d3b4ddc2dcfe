"""The dated tables match their schemas, their checks and the domain reference."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from checks.catalogue import catalogue
from checks.knowledge.known_issues import KNOWN_ISSUES, KnownIssue
from checks.knowledge.revisions import CALENDAR, Calendar, SupportedRevision
from tests.scenarios.cases import cases_of

DOMAIN = Path(__file__).parents[3] / "docs" / "domain"


def test_each_known_issue_is_cited_by_the_checks_that_its_entry_names() -> None:
    cited: dict[str, set[str]] = {ref: set() for ref in KNOWN_ISSUES}
    for check in catalogue():
        for case in cases_of(check):
            text = str(case.expected)
            for ref in KNOWN_ISSUES:
                if f"Compare with {ref}:" in text:
                    cited[ref].add(check.code)
    assert cited == {ref: set(issue.used_by) for ref, issue in KNOWN_ISSUES.items()}


def test_an_open_issue_is_cited_with_the_day_on_which_it_was_read() -> None:
    issue = next(each for each in KNOWN_ISSUES.values() if not each.fixed)
    assert f"(open on {issue.read})" in issue.compare.title


def test_the_domain_reference_lists_each_known_issue() -> None:
    page = (DOMAIN / "operator-messages.md").read_text()
    assert [ref for ref in KNOWN_ISSUES if f"[`{ref}`]" not in page] == []


def test_the_domain_reference_has_the_rows_of_the_calendar() -> None:
    def minors(row: SupportedRevision) -> str:
        def text(minor: tuple[int, int]) -> str:
            return f"{minor[0]}.{minor[1]}"

        lts = f" (LTS from {text(row.oldest_with_lts)})" if row.oldest_with_lts else ""
        return f"{text(row.oldest)}–{text(row.newest)}{lts}"

    page = (DOMAIN / "algorithms.md").read_text()
    assert f"Snapshot of the AKS documentation of {CALENDAR.taken}" in page
    rows = re.findall(r"^\| (asm-\S+) \| .* \| (.*) \|$", page, re.MULTILINE)
    assert rows == [(row.name, minors(row)) for row in CALENDAR.revisions]


def test_the_revisions_are_listed_oldest_first() -> None:
    names = [row.name for row in CALENDAR.revisions]
    assert names == sorted(names, key=lambda name: [int(part) for part in name.split("-")[1:]])


@pytest.mark.parametrize(
    "wrong",
    [
        {"ends": "soon"},
        {"newest": "1"},
        {"name": "1-31"},
        {"supported": True},
    ],
    ids=str,
)
def test_a_row_that_does_not_match_the_schema_is_refused(wrong: dict[str, object]) -> None:
    row = {"name": "asm-1-31", "ends": "2027-03", "oldest": "1.33", "newest": "1.37"}
    calendar = CALENDAR.model_dump() | {"revisions": [row, row | wrong]}
    Calendar.model_validate(calendar | {"revisions": [row, row]})
    with pytest.raises(ValidationError):
        Calendar.model_validate(calendar)


def test_an_issue_without_a_check_that_cites_it_is_refused() -> None:
    issue = next(iter(KNOWN_ISSUES.values())).model_dump()
    with pytest.raises(ValidationError):
        KnownIssue.model_validate(issue | {"used_by": ()})
