"""The beat does its work in rounds, whatever happens to one round and to its connections."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from tests.redis_proxy import RedisProxy
from tests.redis_server import RedisServer
from workers.queue.connection import Unavailable
from workers.queue.presence import Announcer
from workers.queue.rounds import FLEET, JANITOR, ROUNDS, WATCHES, Rounds
from workers.queue.sending import SENT
from workers.queue.settings import WorkerSettings
from workers.tasks.beat import Beat, ScheduledWork
from workers.telemetry.metrics import BacklogCollector

PREFIX = WorkerSettings().prefix


@pytest.fixture
def decoded(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def run_briefly(beat: Beat, until: Callable[[], bool]) -> None:
    """Run the beat in a thread until a condition holds."""
    stop = threading.Event()
    thread = threading.Thread(target=beat.run, args=(stop,))
    thread.start()
    deadline = time.monotonic() + 60
    while not until() and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    thread.join(60)
    assert until()


def test_a_round_that_fails_stops_no_other_work_and_is_not_counted(
    decoded: redis.Redis, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = dict.fromkeys(ROUNDS, 0)

    def act(name: str, error: Exception | None) -> Callable[[], None]:
        def one() -> None:
            made[name] += 1
            if error is not None:
                raise error

        return one

    work = [
        ScheduledWork(JANITOR, 0.01, act(JANITOR, KeyError("a defect"))),
        ScheduledWork(FLEET, 0.01, act(FLEET, Unavailable("Redis is away"))),
        ScheduledWork(WATCHES, 0.01, act(WATCHES, None)),
    ]
    rounds = Rounds(decoded, PREFIX)
    heartbeat = tmp_path / "heartbeat"
    run_briefly(Beat(work, rounds, Announcer("beat@test"), heartbeat), lambda: min(made.values()) >= 3)
    ages = rounds.ages(datetime.now(UTC))
    assert (ages[JANITOR], ages[FLEET]) == (None, None)
    last = ages[WATCHES]
    assert last is not None
    assert last < timedelta(seconds=60)
    assert heartbeat.exists()
    assert "a round of janitor failed, error " in caplog.text
    assert "a round of fleet was not completed: Redis: Redis is away" in caplog.text


def test_a_beat_without_a_completed_round_touches_no_heartbeat(decoded: redis.Redis, tmp_path: Path) -> None:
    turns = []

    def fail() -> None:
        turns.append(1)
        raise Unavailable

    heartbeat = tmp_path / "heartbeat"
    work = [ScheduledWork(WATCHES, 0.01, fail)]
    run_briefly(Beat(work, Rounds(decoded, PREFIX), Announcer("beat@test"), heartbeat), lambda: len(turns) > 2)
    assert not heartbeat.exists()


def test_the_age_of_each_round_is_a_metric(decoded: redis.Redis, redis_url: str) -> None:
    Rounds(decoded, PREFIX).note(FLEET, datetime.now(UTC) - timedelta(seconds=70))
    found = {
        sample.labels["work"]: sample.value
        for family in BacklogCollector(WorkerSettings(REDIS_URL=redis_url)).collect()
        for sample in family.samples
        if sample.name == "egress_diag_round_age_seconds"
    }
    assert 69 < found[FLEET] < 200
    assert found[JANITOR] == found[WATCHES] == float("inf")


def test_a_message_that_a_task_sends_itself_has_a_time_too(redis_url: str, decoded: redis.Redis) -> None:
    """Without it, the age of a queue is 0, however long its messages wait."""
    from workers.queue.celery_app import make_publisher

    publisher = make_publisher(WorkerSettings(REDIS_URL=redis_url))
    publisher.send_task("bot.courier.deliver", args=["run/1"], queue="courier", countdown=60)
    publisher.close()
    message = decoded.lindex(f"{PREFIX}courier", -1)
    assert f'"{SENT}"' in str(message)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_beat_goes_on_after_each_break_of_its_connection(tmp_path: Path) -> None:
    """Its connections break at the commands of each kind of work.

    Celery's beat with an embedded consumer made no round any more after two of eight breaks at `ZREM`.
    """
    server = RedisServer(tmp_path, durable=True)
    server.start()
    (tmp_path / "config.yaml").write_text("clusters: []\n")
    with RedisProxy(server.port) as proxy, redis.Redis.from_url(server.url, decode_responses=True) as db:
        beat = subprocess.Popen(
            [sys.executable, "-m", "checks.cli.main", "beat"],
            env={
                "PATH": os.defpath,
                "HOME": str(tmp_path),
                "REDIS_URL": proxy.url,
                "EGRESS_DIAG_CONFIG": str(tmp_path / "config.yaml"),
                "EGRESS_DIAG_TICK": "0.2",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            rounds = Rounds(db, PREFIX)
            wait_for_rounds(rounds, 90)
            for word in (b"HSET", b"ZRANGEBYSCORE", b"GET", b"ZRANGE", b"LRANGE", b"HGETALL"):
                broken = proxy.broken
                proxy.break_at(word, times=2)
                deadline = time.monotonic() + 60
                while proxy.broken < broken + 2:
                    assert time.monotonic() < deadline, f"{word!r} was not sent"
                    time.sleep(0.02)
                wait_for_rounds(rounds, 60)
            assert beat.poll() is None
            beat.terminate()
            assert beat.wait(60) == 0
        finally:
            with suppress(ProcessLookupError):
                os.killpg(beat.pid, signal.SIGKILL)
            beat.wait()
            server.kill()


def wait_for_rounds(rounds: Rounds, seconds: float) -> None:
    """Wait until a round of each kind has begun and ended since the call."""
    began = datetime.now(UTC)
    deadline = time.monotonic() + seconds
    while True:
        now = datetime.now(UTC)
        if all(age is not None and now - age > began for age in rounds.ages(now).values()):
            return
        assert time.monotonic() < deadline, rounds.ages(now)
        time.sleep(0.05)
