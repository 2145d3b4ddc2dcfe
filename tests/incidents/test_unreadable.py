"""Every incident with each read denied: it hides no fault and adds none (the rule is in unreadable.py)."""

import pytest

from tests.incidents.unreadable import READS, SAMPLE, STORIES, judge

pytestmark = pytest.mark.slow  # make check keeps to what answers within a minute or two


@pytest.mark.parametrize("resource", READS)
def test_a_denied_read_hides_no_fault_and_adds_none(resource: str) -> None:
    for name in SAMPLE:
        judge(name, resource, 403)


@pytest.mark.slow
@pytest.mark.parametrize("resource", READS)
def test_every_read_of_every_incident_may_be_denied(resource: str) -> None:
    for name in STORIES:
        judge(name, resource, 403)
