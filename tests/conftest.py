"""Fixtures for all tests: a free port and a real Redis."""

import gc
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.redis_server import RedisServer, find_free_port

gc.set_threshold(100_000, 50, 1000)
"""Fewer collections: thousands of tests are kept to the end, and are searched each time."""

_SLOW_MODULE = re.compile(r"^pytestmark = [^\n]*\bpytest\.mark\.slow\b", re.MULTILINE)

_LONGEST = (
    *("test_outages", "test_kill", "test_end_to_end", "test_conversation"),
    *("test_liveness", "test_running", "test_storyboards", "test_image", "test_wheels", "test_courier", "test_fleet"),
)
"""The files with the longest tests, which mostly wait.

They start first, so that the others run beside them. A process that gets a file with two tests gets another one at
once, which waits for these tests: the fifth file is short.
"""


_SLOW_TIMEOUT = 500
"""Seconds for a slow test that names no time limit.

On a busy machine, it may wait several times for up to 90 s.
"""

_LONG = ("test_scenarios", "test_language", "test_incidents", "test_trace")
"""Fast tests that take several seconds together.

A file of them that began last would run alone on its processor.
"""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not import a module of slow tests only to deselect all of them."""
    if collection_path.suffix != ".py" or "not slow" not in config.getoption("markexpr"):
        return None
    return bool(_SLOW_MODULE.search(collection_path.read_text(encoding="utf-8"))) or None


def pytest_collection_finish() -> None:
    """Exempt what was collected from garbage collection: it is needed to the end."""
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first, then the others with slow tests, then the rest."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(_SLOW_TIMEOUT))

    def place(item: pytest.Item) -> int:
        if item.path.stem in _LONGEST:
            return _LONGEST.index(item.path.stem)
        if item.path in slow:
            return len(_LONGEST)
        return len(_LONGEST) + (1 if item.path.stem in _LONG else 2)

    items.sort(key=place)


@pytest.fixture
def free_port() -> int:
    """A free loopback port."""
    return find_free_port()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One real server for the session.

    Tests that stop or kill a server start their own `RedisServer`.
    """
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(redis_server: RedisServer) -> Iterator[str]:
    """The session's server, emptied before and after the test."""
    with redis.Redis.from_url(redis_server.url, socket_timeout=60) as client:
        client.flushall()
        yield redis_server.url
        client.flushall()


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    """A client for the emptied server; replies are bytes, as the package reads them."""
    with redis.Redis.from_url(redis_url, socket_timeout=60) as client:
        yield client
