"""The complete findings of every check in its cases, and the kinds of case that it needs."""

import pytest

from checks.catalogue import catalogue
from checks.engine.check import Check
from checks.model.findings import Status
from tests.scenarios.cases import Case, all_cases, cases_of

CHECKS = catalogue()


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: f"{case.check.slug}: {case.name}")
def test_case(case: Case) -> None:
    assert case.found == case.expected


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.slug)
def test_each_check_has_a_firing_a_healthy_and_an_unreadable_case(check: Check) -> None:
    statuses = {finding["status"] for case in cases_of(check) for finding in case.expected}
    assert statuses & {Status.FAIL, Status.WARN} or check.slug in ONLY_UNKNOWN, "no firing case"
    assert Status.PASS in statuses, "no healthy case"
    assert Status.UNKNOWN in statuses, "no unreadable case"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.slug)
def test_each_check_reads_the_kinds_that_it_declares(check: Check) -> None:
    used = {name for case in cases_of(check) for name in case.run[1]}
    assert {kind.__name__ for kind in check.reads} == used


ONLY_UNKNOWN = frozenset({"api-server-unreachable"})
"""Its finding is that the cluster cannot be read (severity "unknown" in the catalogue)."""
