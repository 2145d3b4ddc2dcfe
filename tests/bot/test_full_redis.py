"""A Redis that answers and refuses writes: it is full, or read-only.

Every process waits, and people read the reason.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import redis

from bot.sandbox import RateLimits, SandboxServer
from tests.bot.conftest import write_config
from tests.redis_server import RedisServer
from tests.system import PATIENT, System, complete, whole_thread

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]

REFUSING = 8.0
"""Seconds for which Redis refuses; worker, beat and courier ended within five."""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder: Path = tmp_path_factory.mktemp("full")
    server = RedisServer(folder, durable=True)
    server.start()
    try:
        with (
            SandboxServer(limits=RateLimits.off(), timing=PATIENT) as slack,
            System(folder, server, slack, write_config(folder)) as system,
        ):
            yield system
    finally:
        server.kill()


@pytest.fixture
def db(system: System) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(system.redis.url) as client:
        yield client
        client.config_set("maxmemory", "0")
        client.execute_command("REPLICAOF", "NO", "ONE")


def readiness(system: System) -> str:
    try:
        with urlopen(f"http://127.0.0.1:{system.health_port}/readyz", timeout=20) as answer:
            return str(answer.read().decode())
    except HTTPError as refused:
        with refused:
            return f"{refused.code} {refused.read().decode()}"


def answer(system: System, text: str) -> str:
    ack = system.slack.say(text)
    assert ack.ok, ack
    return str((ack.payload or {}).get("text", "")) if isinstance(ack.payload, dict) else ""


def number_of_threads(system: System) -> int:
    count = 0
    while whole_thread(system.slack, number=count):
        count += 1
    return count


def completes(system: System, text: str) -> None:
    system.idle()
    system.end_incidents()
    number = number_of_threads(system)
    assert answer(system, text) == ""
    system.wait(lambda: complete(whole_thread(system.slack, number=number)), 90, "the thread is not complete")


@pytest.mark.parametrize("problem", ["is full: its limit maxmemory is reached", "is read-only: it is a replica"])
def test_every_process_waits_and_people_read_the_reason(system: System, db: redis.Redis, problem: str) -> None:
    if "full" in problem:
        db.set("other", os.urandom(4 * 1024 * 1024))
        db.config_set("maxmemory", str(3 * 1024 * 1024))
    else:
        db.execute_command("REPLICAOF", "127.0.0.1", "1")  # type: ignore[no-untyped-call]
    time.sleep(REFUSING)
    assert system.ended() == {}
    assert readiness(system).startswith(f"503 Redis {problem}")
    refused = answer(system, "/egress-diag weu egw")
    assert refused.startswith(f"Nothing was started: the queue (Redis) {problem}")
    assert "doctor" in refused
    db.config_set("maxmemory", "0")
    db.execute_command("REPLICAOF", "NO", "ONE")  # type: ignore[no-untyped-call]
    db.delete("other")
    system.wait(lambda: readiness(system) == "ok", 60, "the listener does not recover")
    completes(system, "/egress-diag weu egw")


def test_the_beat_frees_a_redis_that_evidence_has_filled(system: System, db: redis.Redis) -> None:
    for number in range(60):
        db.set(f"egress-diag:evidence:run-{number}", os.urandom(100 * 1024), ex=1000 + number)
    db.config_set("maxmemory", str(int(db.info("memory")["used_memory"]) - 200_000))
    system.wait(lambda: not db.exists("egress-diag:evidence:run-0"), 90, "the oldest evidence stays")
    system.wait(lambda: readiness(system) == "ok", 90, "Redis stays full")
    assert db.exists("egress-diag:evidence:run-59")
    assert system.ended() == {}
    completes(system, "/egress-diag prod-neu egw")
