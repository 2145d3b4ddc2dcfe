"""In every incident, a failed read hides no fault and adds none (the rule: unreadable.py).

`make test` fails each read in a sixth of the incidents, in alternating ways; an incident has about eight cases.
`make matrix` fails every read of every incident in every way.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from checks.model.findings import Status, Verdict
from tests.docs.namespaces_only import CHECKS, IN_INCIDENTS, NAMESPACES, forbidden_outside
from tests.incidents.unreadable import READS, REPLIES, STORIES, false_results, judge, undisturbed

ANSWERS = tuple(REPLIES)


def turns(resource: str) -> Iterator[tuple[str, str]]:
    """The incidents in which a read fails, with the reply; they differ from read to read."""
    first = sorted(READS).index(resource)
    for number, name in enumerate(STORIES):
        if (number + first) % 6 == 0:
            yield name, ANSWERS[(number // 6 + first) % len(ANSWERS)]


@pytest.mark.slow
@pytest.mark.parametrize("resource", READS)
def test_a_failed_read_hides_no_fault_and_adds_none(resource: str) -> None:
    assert not [wrong for name, reply in turns(resource) for wrong in judge(name, resource, reply)]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for number, name in enumerate(STORIES) if number % 3 == 0])
def test_reading_three_namespaces_only_hides_no_fault_and_adds_none(name: str) -> None:
    judge_namespaces_only(name)


@pytest.mark.matrix
@pytest.mark.parametrize("name", STORIES)
def test_every_incident_may_be_read_in_its_namespaces_only(name: str) -> None:
    judge_namespaces_only(name)


def judge_namespaces_only(name: str) -> None:
    """Diagnose an incident with permissions in three namespaces only.

    They are those of the mesh, the static egress gateway, and the gateway.
    """
    story, known = STORIES[name], undisturbed(name)
    error = forbidden_outside(*NAMESPACES[:2], known.report.namespace or "team-egress")
    after = known.again(replace(story.cluster, errors=(error, *story.cluster.errors)))
    assert list(false_results(known.report, after, "*", "403")) == []
    assert after.verdict is not Verdict.HEALTHY
    listed = {*CHECKS, *IN_INCIDENTS, *(each.code for each in known.report.of(Status.UNKNOWN))}
    assert {each.code for each in after.of(Status.UNKNOWN)} <= listed


@pytest.mark.matrix
@pytest.mark.parametrize("reply", ANSWERS)
@pytest.mark.parametrize("resource", READS)
def test_every_read_of_every_incident_may_fail(resource: str, reply: str) -> None:
    assert not [wrong for name in STORIES for wrong in judge(name, resource, reply)]
