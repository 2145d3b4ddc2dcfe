"""Every incident with each read failing in the other ways: not found, no answer in time, an answer that is none.

To the engine a time-out and a malformed answer are the same gap as a refusal, with other words: the suite tries them on a
sample, and `make matrix` walks them over all incidents.
"""

import pytest

from tests.incidents.unreadable import READS, SAMPLE, STORIES, judge

pytestmark = pytest.mark.slow  # make check keeps to what answers within a minute or two


@pytest.mark.slow
@pytest.mark.parametrize("resource", READS)
def test_every_read_of_every_incident_may_be_missing(resource: str) -> None:
    for name in STORIES:
        judge(name, resource, 404)


@pytest.mark.parametrize("status", [504, 0])
@pytest.mark.parametrize("resource", READS)
def test_a_read_without_an_answer_hides_no_fault_and_adds_none(resource: str, status: int) -> None:
    for name in SAMPLE[:4]:
        judge(name, resource, status)


@pytest.mark.matrix
@pytest.mark.parametrize("status", [504, 0])
@pytest.mark.parametrize("resource", READS)
def test_no_read_of_any_incident_may_answer(resource: str, status: int) -> None:
    for name in STORIES:
        judge(name, resource, status)
