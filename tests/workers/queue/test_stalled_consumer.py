"""A consumer that takes no message any more notices it, and connects again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from tests.redis_proxy import RedisProxy
from tests.redis_server import RedisServer
from workers.queue.celery_app import make_publisher
from workers.queue.sending import send
from workers.queue.settings import WorkerSettings
from workers.queue.stalled_consumer import STALLED_AFTER, ConsumerProgress

PREFIX = WorkerSettings().prefix


def test_an_idle_process_whose_oldest_message_stays_is_stalled(redis_client: redis.Redis) -> None:
    progress = ConsumerProgress(redis_client, PREFIX, ["courier"])
    redis_client.lpush(f"{PREFIX}courier", "first", "second")
    stalled = [progress.is_stalled(0, 5) for _ in range(STALLED_AFTER + 1)]
    assert stalled == [False] * (STALLED_AFTER - 1) + [True, True]


def test_a_process_that_works_or_has_nothing_to_do_is_not_stalled(redis_client: redis.Redis) -> None:
    progress = ConsumerProgress(redis_client, PREFIX, ["courier"])
    assert not any(progress.is_stalled(0, 5) for _ in range(5)), "nothing waits"
    redis_client.lpush(f"{PREFIX}courier", "first")
    assert not any(progress.is_stalled(1, 5) for _ in range(5)), "it works, and the message waits for its turn"
    assert not any(progress.is_stalled(0, number) for number in range(5)), "it takes messages"
    for _ in range(5):
        redis_client.lpush(f"{PREFIX}courier", "next")
        redis_client.rpop(f"{PREFIX}courier")
        redis_client.lpush(f"{PREFIX}courier", os.urandom(4).hex())
        redis_client.rpop(f"{PREFIX}courier")
        assert not progress.is_stalled(0, 5), "another process takes them"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("role", ["worker", "courier"])
def test_a_process_hears_again_after_each_connection_that_breaks_at_an_acknowledgement(
    role: str, tmp_path: Path
) -> None:
    words = {"worker": ["worker", "--concurrency", "1"], "courier": ["bot", "--role", "courier"]}[role]
    task, queue = {"worker": ("workers.diagnose", "diagnose"), "courier": ("bot.courier.deliver", "courier")}[role]
    (tmp_path / "config.yaml").write_text("clusters: []\n")
    server = RedisServer(tmp_path, durable=True)
    server.start()
    publisher = make_publisher(WorkerSettings(REDIS_URL=server.url))
    with RedisProxy(server.port) as proxy, redis.Redis.from_url(server.url) as db:
        environment = {
            "PATH": os.defpath,
            "HOME": str(tmp_path),
            "REDIS_URL": proxy.url,
            "EGRESS_DIAG_CONFIG": str(tmp_path / "config.yaml"),
            "SLACK_BOT_TOKEN": "xoxb-made-up",
            "SLACK_SIGNING_SECRET": "made-up",
            "SLACK_API_URL": "http://127.0.0.1:1/",
        }
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "checks.cli.main", *words],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

        def taken() -> bool:
            return bool(db.llen(f"{PREFIX}{queue}") == 0)

        def work(number: int) -> None:
            # The publisher waits for half a second, and another message does no harm.
            wait(lambda: send(publisher, task, f"run/{number}", queue), 60, tmp_path)

        try:
            work(0)
            wait(taken, 90, tmp_path)
            for number in range(1, 7):
                broken = proxy.broken
                proxy.break_at(b"ZREM")
                work(number)
                wait(lambda broken=broken: proxy.broken > broken, 90, tmp_path)  # type: ignore[misc]
                work(100 + number)
                wait(taken, 90, tmp_path)
            assert process.poll() is None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            publisher.close()
            server.kill()


def wait(condition: Callable[[], bool], seconds: float, folder: Path) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, (folder / "log").read_text()[-3000:]
        time.sleep(0.05)
