"""Background threads: results, errors, their number, and no wait at the end of the process."""

import subprocess
import sys
import time
from concurrent.futures import wait
from threading import Event, Lock, get_ident

import pytest

from checks.sources.background import BackgroundThreads


def test_results_and_errors_are_those_of_the_calls() -> None:
    pool = BackgroundThreads(2, "test")
    assert pool.submit(divmod, 7, 2).result(timeout=60) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 7, 0).result(timeout=60)


def test_without_threads_a_call_has_ended_when_it_is_submitted() -> None:
    pool = BackgroundThreads(0, "test")
    assert pool.submit(get_ident).result(timeout=0) == get_ident()
    assert isinstance(pool.submit(divmod, 7, 0).exception(timeout=0), ZeroDivisionError)


def test_at_most_so_many_calls_run_at_once() -> None:
    pool, lock, now, most = BackgroundThreads(3, "test"), Lock(), 0, 0

    def act() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1

    wait([pool.submit(act) for _ in range(30)], timeout=60)
    assert most == 3


def test_calls_that_have_not_begun_are_cancelled() -> None:
    pool, go = BackgroundThreads(1, "test"), Event()
    first = pool.submit(go.wait, 60)
    others = [pool.submit(time.sleep, 0) for _ in range(5)]
    while not first.running():
        time.sleep(0.01)
    pool.cancel_waiting()
    go.set()
    assert first.result(timeout=60)
    assert all(each.cancelled() for each in others)


def test_the_process_does_not_wait_for_a_call_that_hangs() -> None:
    program = (
        "import time; from checks.sources.background import BackgroundThreads as B; B(1, 'x').submit(time.sleep, 60)"
    )
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", program], check=True, timeout=50)
    assert time.monotonic() - began < 20


@pytest.mark.slow
def test_calls_are_cancelled_also_when_the_process_is_ending() -> None:
    """A generator that is closed that late must not wait for a thread that has stopped."""
    program = """
from checks.sources.background import BackgroundThreads

def reads():
    pool = BackgroundThreads(32, "x")
    try:
        for number in range(20_000):
            pool.submit(sum, (number,))
        yield
    finally:
        pool.cancel_waiting()

kept = reads()
next(kept)
"""
    for _ in range(5):
        subprocess.run([sys.executable, "-c", program], check=True, timeout=100)
