"""In every incident, a failed read hides no fault and adds none (the rule: unreadable.py).

`make test` fails each read in a sixth of the incidents, in alternating ways; an incident has about eight cases.
`make matrix` fails every read of every incident in every way.
"""

from collections.abc import Iterator

import pytest

from tests.incidents.unreadable import READS, REPLIES, STORIES, judge

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


@pytest.mark.matrix
@pytest.mark.parametrize("reply", ANSWERS)
@pytest.mark.parametrize("resource", READS)
def test_every_read_of_every_incident_may_fail(resource: str, reply: str) -> None:
    assert not [wrong for name in STORIES for wrong in judge(name, resource, reply)]
