"""The children of a worker check only so many large clusters at the same time."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

import pytest

from workers.fleet.large_clusters import LARGE, LargeClusters


@pytest.fixture
def slots(request: pytest.FixtureRequest) -> Iterator[LargeClusters]:
    """One slot, or as many as the parameter says."""
    made = LargeClusters(getattr(request, "param", 1))
    yield made
    made.close()


@contextmanager
def _child(act: Callable[[], bool]) -> Iterator[tuple[int, bool]]:
    """A forked process that has acted and stays, with what it returned."""
    reads, writes = os.pipe()
    process = os.fork()
    if not process:
        os.write(writes, b"1" if act() else b"0")
        signal.pause()
        os._exit(0)
    try:
        yield process, os.read(reads, 1) == b"1"
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(reads)
        os.close(writes)


def test_a_large_cluster_waits_for_a_slot_and_a_small_one_for_none(slots: LargeClusters) -> None:
    with _child(lambda: slots.wait(LARGE, 0)) as (_, taken):
        assert taken
        assert not slots.wait(LARGE, 0.1)
        assert slots.wait(LARGE - 1, 0)


@pytest.mark.parametrize("slots", [2], indirect=True)
def test_as_many_processes_as_there_are_slots_have_one_each(slots: LargeClusters) -> None:
    with _child(lambda: slots.wait(LARGE, 0)) as (_, first), _child(lambda: slots.wait(LARGE, 0)) as (_, second):
        assert (first, second) == (True, True)
        assert not slots.wait(LARGE, 0)


def test_the_slot_of_a_process_that_was_killed_is_free(slots: LargeClusters) -> None:
    with _child(lambda: slots.wait(LARGE, 0)) as (_, taken):
        assert taken
    assert slots.wait(LARGE, 10)


def test_a_released_slot_is_free_for_another_process(slots: LargeClusters) -> None:
    assert slots.wait(LARGE, 0)
    assert slots.wait(LARGE, 0)
    slots.release()
    with _child(lambda: slots.wait(LARGE, 10)) as (_, taken):
        assert taken
    slots.release()


@pytest.mark.parametrize("slots", [0], indirect=True)
def test_waiting_ends_in_time(slots: LargeClusters) -> None:
    began = monotonic()
    assert not slots.wait(LARGE, 0.2)
    assert monotonic() - began < 10
