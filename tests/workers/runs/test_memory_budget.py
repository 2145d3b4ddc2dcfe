"""The budget of Redis' memory: which data is deleted, and how it is reported."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from prometheus_client import CollectorRegistry, generate_latest

from checks.config.configuration import Config
from checks.doctor.requirement_lines import DoctorLine, DoctorOptions, State
from tests.redis_server import RedisServer
from workers.client import AuditEntry, ConnectedClient, connect
from workers.doctor.part import workers
from workers.queue.settings import WorkerSettings
from workers.runs.audit import AUDIT_ENTRIES
from workers.runs.evidence import EvidenceStore
from workers.runs.memory_budget import MemoryBudget
from workers.telemetry.memory import FULL

KIB = 1024


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    found = RedisServer(tmp_path)
    found.start()
    yield found
    found.kill()


@pytest.fixture
def client(server: RedisServer) -> Iterator[ConnectedClient]:
    made = connect(WorkerSettings(REDIS_URL=server.url), Config(), retry=True)
    yield made
    made.close()


@pytest.fixture
def db(server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as client:
        yield client


def limit(db: redis.Redis, room: int) -> int:
    """Set maxmemory so that so many bytes can be written; returns it."""
    most = int(db.info("memory")["used_memory"]) + room
    db.config_set("maxmemory", str(most))
    return most


def share(db: redis.Redis) -> float:
    info = db.info("memory")
    return float(info["used_memory"]) / float(info["maxmemory"])


def bundle() -> bytes:
    return b"\x1f\x8b" + os.urandom(100 * KIB)


def memory_line(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> DoctorLine:
    monkeypatch.setenv("REDIS_URL", server.url)
    (line,) = [line for line in workers(DoctorOptions()) if line.requirement.name == "redis-memory"]
    return line


def test_the_oldest_evidence_is_deleted_at_four_fifths_of_the_memory(
    client: ConnectedClient, db: redis.Redis, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(db, 4096 * KIB)
    for number in range(100):
        client.stores.keep_evidence(f"run-{number:03}", bundle())
    assert share(db) <= FULL
    kept = [number for number in range(100) if client.stores.evidence.has_bundle(f"run-{number:03}")]
    assert 10 < len(kept) < 60, len(kept)
    assert kept == list(range(100 - len(kept), 100)), "the latest are kept"
    limit(db, 4096 * KIB)  # the connections of doctor and of the metrics need memory, too
    line = memory_line(server, monkeypatch)
    assert line.state is State.WARNED
    assert f"{100 - len(kept)} bundles" in line.observed
    registry = CollectorRegistry()
    registry.register(client.backlog_metrics())
    metrics = generate_latest(registry).decode()
    assert f"egress_diag_evidence_deleted_early_total {100 - len(kept)}.0" in metrics
    assert "egress_diag_redis_memory_limit_bytes" in metrics


def test_evidence_with_a_comment_is_deleted_last(client: ConnectedClient, db: redis.Redis) -> None:
    limit(db, 4096 * KIB)
    client.stores.keep_evidence("with-comment", bundle())
    client.stores.evidence.preserve("with-comment", 365 * 86400)
    for number in range(60):
        client.stores.keep_evidence(f"run-{number}", bundle())
    assert not client.stores.evidence.has_bundle("run-0")
    assert client.stores.evidence.has_bundle("with-comment")


def test_bundles_of_an_earlier_version_without_an_index_are_deleted_too(
    client: ConnectedClient, db: redis.Redis
) -> None:
    for number in range(20):
        db.set(f"egress-diag:evidence:run-{number}", os.urandom(100 * KIB), ex=1000 + number)
    db.config_set("maxmemory", int(db.info("memory")["used_memory"]))
    assert client.stores.memory.enforce() > 0
    assert share(db) <= FULL
    assert not db.exists("egress-diag:evidence:run-0")
    assert db.exists("egress-diag:evidence:run-19")


def test_without_a_limit_nothing_is_deleted(client: ConnectedClient) -> None:
    client.stores.keep_evidence("run-1", bundle())
    assert client.stores.memory.enforce() == 0
    assert client.stores.evidence.has_bundle("run-1")


def test_evidence_is_not_kept_if_other_data_fills_redis(
    client: ConnectedClient, db: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    db.set("other", os.urandom(4096 * KIB))
    limit(db, -KIB)
    client.stores.keep_evidence("run-1", bundle())
    assert not client.stores.evidence.has_bundle("run-1")
    assert "the evidence of run run-1 was not kept: Redis is full: its limit maxmemory is reached" in caplog.messages


def test_the_audit_keeps_its_latest_entries(client: ConnectedClient, db: redis.Redis) -> None:
    entry = AuditEntry("U0ALICE", "C0OPS", "command", "prod-weu payments/egress", "started", run="0a1b2c3d4e5f")
    with db.pipeline() as pipe:
        for number in range(AUDIT_ENTRIES):
            pipe.xadd("egress-diag:audit", {"user": "U0ALICE", "about": str(number)})
        pipe.execute()
    for _ in range(300):
        client.audit(entry)
    assert AUDIT_ENTRIES <= db.xlen("egress-diag:audit") <= AUDIT_ENTRIES + 200
    assert client.stores.audit.last(1)[0]["run"] == "0a1b2c3d4e5f"


def test_the_budget_is_shared_by_evidence_of_all_runs(client: ConnectedClient, db: redis.Redis) -> None:
    """A store that another process filled is reduced as well."""
    other = EvidenceStore(client.stores.redis, "egress-diag:", keep=86400)
    for number in range(20):
        other.keep(f"run-{number}", bundle())
    limit(db, 0)
    MemoryBudget(client.stores.redis, "egress-diag:", other).enforce()
    assert share(db) <= FULL
