"""A worker whose child exits at the moment at which the connection to Redis is lost."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from celery.concurrency import get_implementation
from kombu.asynchronous import Hub

from workers.queue import pool as pool_module
from workers.queue.celery_app import app
from workers.queue.pool import ChildProcesses, ChildProcessPool


@pytest.fixture
def pool() -> Iterator[Any]:
    made = ChildProcesses(processes=2, threads=False)
    yield made
    made.terminate()
    made.join()


@pytest.mark.slow
def test_an_exited_child_does_not_end_the_worker_when_it_reconnects(pool: Any) -> None:
    hub = Hub()
    pool.register_with_event_loop(hub)
    exited, alive = pool._pool  # noqa: SLF001 - celery has no public name for it
    pool._untrack_child_process(exited, hub)  # noqa: SLF001 - celery has no public name for it
    hub.reset()
    pool.register_with_event_loop(hub)
    assert alive._sentinel_poll in hub.readers  # noqa: SLF001 - celery has no public name for it
    assert exited._sentinel_poll is None  # noqa: SLF001 - celery has no public name for it
    hub.close()


def test_the_workers_use_this_pool() -> None:
    assert get_implementation(app.conf.worker_pool) is ChildProcessPool


def test_what_the_parent_has_loaded_is_shared_with_its_children() -> None:
    """A garbage collection in a child writes into each object, which copies its memory."""
    program = (
        "import gc, workers.tasks.process\n"
        "from celery.signals import worker_before_create_process\n"
        "worker_before_create_process.send(sender=None)\n"
        "assert gc.get_freeze_count() > 10_000, gc.get_freeze_count()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def ending() -> Iterator[None]:
    yield
    pool_module._ENDS.clear()  # noqa: SLF001 - a child ends, so that nothing else clears it


@pytest.mark.usefixtures("ending")
def test_a_child_that_is_to_be_replaced_takes_no_further_task(pool: Any) -> None:
    child = pool.Worker(*pool.create_process_queues())
    child._make_child_methods()  # noqa: SLF001 - celery has no public name for it
    child.wait_for_syn = None
    child.inq._writer.send(None)  # noqa: SLF001 - a task of the pool
    pool_module.replace_child()
    with pytest.raises(SystemExit) as ended:
        child.wait_for_job()
    assert ended.value.code == 0
