"""Each requirement of Redis and of the processes, failing on a real server."""

import re
import socket
import socketserver
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
import redis

from checks import __version__
from checks.doctor.requirement_lines import DoctorLine, DoctorOptions, State
from tests.redis_server import RedisServer
from workers.doctor.part import REQUIREMENTS, workers
from workers.queue.celery_app import make_publisher
from workers.queue.presence import Presence, Process
from workers.queue.rounds import ROUNDS, Rounds
from workers.queue.sending import send
from workers.queue.settings import WorkerSettings
from workers.runs.failures import MAX_FAILURES, DeliveryFailures
from workers.runs.unreadable import UnreadableRecords


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    """A durable server for the test, named in the environment."""
    found = RedisServer(tmp_path, durable=True)
    found.start()
    monkeypatch.setenv("REDIS_URL", found.url)
    monkeypatch.delenv("REDIS_PASSWORD", raising=False)
    yield found
    found.kill()


@pytest.fixture
def db(server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        yield client


def lines() -> list[DoctorLine]:
    return list(workers(DoctorOptions()))


def one(requirement: str, state: State = State.FAILED, subject: str | None = None) -> DoctorLine:
    everything = lines()
    found = [
        line
        for line in everything
        if line.requirement.name == requirement and line.state is state and subject in (None, line.subject)
    ]
    assert len(found) == 1, everything
    return found[0]


def announce(
    db: redis.Redis, name: str, version: str = __version__, ago: float = 0, queues: tuple[str, ...] = ("diagnose",)
) -> None:
    at = datetime.now(UTC) - timedelta(seconds=ago)
    Presence(db, WorkerSettings().prefix).announce(Process(name, version, queues, at))


def make_rounds(db: redis.Redis, ago: float = 0) -> None:
    for work in ROUNDS:
        Rounds(db, WorkerSettings().prefix).note(work, datetime.now(UTC) - timedelta(seconds=ago))


@pytest.mark.parametrize("work", ROUNDS)
def test_a_beat_that_runs_and_does_nothing_is_reported_within_a_minute(work: str, db: redis.Redis) -> None:
    announce(db, "beat@d")
    make_rounds(db)
    assert one("round-age", State.PASSED, work).observed == "the last round ended 0 s ago"
    Rounds(db, WorkerSettings().prefix).note(work, datetime.now(UTC) - timedelta(seconds=50))
    one("process-alive", State.PASSED, "beat")
    assert one("round-age", subject=work).observed == "the last round ended 50 s ago"


def test_a_beat_that_never_ran_is_reported(db: redis.Redis) -> None:
    assert one("round-age", subject="janitor").observed == "no round yet"


def test_a_correct_deployment_passes(db: redis.Redis) -> None:
    for name in ("worker@a", "worker@b", "courier@c", "beat@d"):
        announce(db, name)
    make_rounds(db)
    assert [line for line in lines() if line.state is not State.PASSED] == []


def test_redis_is_not_reachable(server: RedisServer) -> None:
    server.kill()
    assert one("redis-reachable").observed == f"127.0.0.1:{server.port}: no connection"


def test_a_wrong_password_is_reported_and_never_shown(
    db: redis.Redis, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.config_set("requirepass", "right-one")
    monkeypatch.setenv("REDIS_PASSWORD", "wrong-one")
    failed = one("redis-password")
    assert "WRONGPASS" in failed.observed or "invalid" in failed.observed
    assert "wrong-one" not in str(failed)


def test_a_missing_password_is_reported(db: redis.Redis) -> None:
    db.config_set("requirepass", "right-one")
    assert "a password is required, and none is set" in one("redis-password").observed


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_an_eviction_policy_is_reported(policy: str, db: redis.Redis) -> None:
    db.config_set("maxmemory-policy", policy)
    assert one("redis-eviction").observed == f"maxmemory-policy is {policy}"
    assert "CONFIG SET maxmemory-policy noeviction" in one("redis-eviction").fix


def test_missing_persistence_is_reported(db: redis.Redis) -> None:
    db.config_set("appendonly", "no")
    assert "a restart loses every run" in one("redis-persistence").observed


def test_a_redis_with_snapshots_only_is_at_risk(db: redis.Redis) -> None:
    db.config_set("appendonly", "no")
    db.config_set("save", "3600 1")
    assert "since the last one" in one("redis-persistence", State.WARNED).observed


def test_a_managed_redis_does_not_report_its_persistence(db: redis.Redis) -> None:
    db.config_set("appendonly", "no")
    db.acl_setuser("default", enabled=True, nopass=True, categories=["+@all"], commands=["-config"], keys=["*"])
    one("redis-persistence", State.NOT_CHECKED)


def test_a_redis_that_is_nearly_full(db: redis.Redis) -> None:
    db.config_set("maxmemory", str(int(db.info("memory")["used_memory"] * 1.15)))
    assert "MiB of" in one("redis-memory").observed


def test_a_full_redis_accepts_no_writes(db: redis.Redis) -> None:
    db.config_set("maxmemory", "1")
    assert "maxmemory" in one("redis-writable").observed


def test_a_replica_accepts_no_writes(db: redis.Redis) -> None:
    db.replicaof("127.0.0.1", "1")
    assert "read only replica" in one("redis-writable").observed.lower()


@pytest.mark.parametrize("role", ["worker", "courier", "beat"])
def test_a_missing_process_is_reported(role: str, db: redis.Redis) -> None:
    for other in {"worker", "courier", "beat"} - {role}:
        announce(db, f"{other}@pod")
    announce(db, f"{role}@died", ago=90)
    assert one("process-alive").subject == role


ALLOWED = "probe: {namespaces: [payments]}\naccess: [{allow: [restart], users: ['*']}]\n"


@pytest.mark.parametrize(
    ("probe", "queues", "state"),
    [
        ("", ("diagnose",), None),
        ("probe: {}\n", ("diagnose",), None),
        ("probe: {namespaces: [payments]}\n", ("diagnose", "sweep"), None),
        (ALLOWED, ("diagnose", "sweep"), State.FAILED),
        (ALLOWED, ("actions",), State.PASSED),
    ],
)
def test_active_steps_that_no_worker_takes_are_reported(
    db: redis.Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    probe: str,
    queues: tuple[str, ...],
    state: State | None,
) -> None:
    (tmp_path / "egress-diag.yaml").write_text(f"clusters: []\n{probe}")
    monkeypatch.setenv("EGRESS_DIAG_CONFIG", str(tmp_path / "egress-diag.yaml"))
    announce(db, "worker@w", queues=queues)
    found = [line for line in lines() if line.requirement.name == "action-worker"]
    assert [line.state for line in found] == ([] if state is None else [state])
    assert all("the queue actions" in line.observed or line.observed == "worker@w" for line in found)


def test_an_action_worker_alone_is_no_worker_for_diagnoses(db: redis.Redis) -> None:
    """Before, any worker counted, also one that takes no diagnosis."""
    for name in ("courier@c", "beat@d"):
        announce(db, name)
    announce(db, "worker@actions-pod", queues=("actions",))
    assert one("process-alive").subject == "worker"


def test_a_step_that_waits_for_a_worker_is_reported(db: redis.Redis) -> None:
    publisher = make_publisher(WorkerSettings())
    send(publisher, "workers.plan_action", "a1", "actions")
    publisher.close()
    assert "1 waiting" in one("queue-age", State.PASSED, "actions").observed


def test_a_worker_of_another_version_is_reported(db: redis.Redis) -> None:
    announce(db, "worker@old", "0.0.1")
    announce(db, "worker@new")
    failed = one("process-version")
    assert (failed.subject, failed.observed) == ("worker@old", f"version 0.0.1; this process has {__version__}")


def test_a_command_that_waits_for_a_worker_is_reported(db: redis.Redis, server: RedisServer) -> None:
    publisher = make_publisher(WorkerSettings())
    send(publisher, "workers.diagnose", "r1", "diagnose")
    publisher.close()
    key = f"{WorkerSettings().prefix}diagnose"
    message = str(db.lindex(key, 0))
    assert "1 waiting" in one("queue-age", State.PASSED, "diagnose").observed
    head, _, tail = message.partition('"egress_diag_sent": ')
    sent = tail[: tail.index(".")]
    db.lset(key, 0, message.replace(sent, str(int(sent) - 300)))
    assert "1 waiting, the oldest for 30" in one("queue-age", subject="diagnose").observed
    assert head


def test_a_change_that_slack_does_not_show_is_reported(db: redis.Redis) -> None:
    db.zadd(f"{WorkerSettings().prefix}due", {"run/1": datetime.now(UTC).timestamp() - 120})
    assert "is 120 s old" in one("queue-age", subject="Slack").observed


def test_documents_that_slack_refuses(db: redis.Redis) -> None:
    failures = DeliveryFailures(db, "egress-diag:")
    assert "accepted" in one("slack-delivery", State.PASSED).observed
    held = ("run/1", "run/2")
    for document in held:
        failures.note(document, "restricted_action")
    assert "2 documents" in one("slack-delivery").observed
    assert "run/2, refused with restricted_action" in one("slack-delivery").observed
    for document in held:
        failures.clear(document)
    assert "accepted" in one("slack-delivery", State.PASSED).observed


def test_the_failed_deliveries_that_are_remembered_are_bounded(db: redis.Redis) -> None:
    failures = DeliveryFailures(db, "egress-diag:")
    for number in range(MAX_FAILURES + 3):
        failures.note(f"run/{number}", "restricted_action")
    found = failures.all()
    assert len(found) == MAX_FAILURES
    assert "run/2" not in found
    assert f"run/{MAX_FAILURES + 2}" in found


def test_records_that_cannot_be_read_are_reported_with_the_latest(db: redis.Redis) -> None:
    found = UnreadableRecords(db, "egress-diag:")
    assert one("records-readable", State.PASSED).observed == "every record that was needed in the last day"
    assert list(found.read_each("run", ("x", "1", "y"), int)) == [("1", 1)]
    observed = one("records-readable").observed
    assert re.fullmatch(r"left out: run/y and 1 other record; ValueError, error [0-9a-f]{8}", observed), observed


class OldRedis(socketserver.BaseRequestHandler):
    """Passes requests on to a real server, and its replies back as those of version 6.0."""

    def handle(self) -> None:
        with socket.create_connection(self.server.behind) as real:  # type: ignore[attr-defined]
            real.settimeout(0.5)
            try:
                while received := self.request.recv(65536):
                    real.sendall(received)
                    self.request.sendall(re.sub(rb"redis_version:.", b"redis_version:5", real.recv(65536)))
            except OSError:
                return


def test_an_old_redis_is_reported(db: redis.Redis, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), OldRedis) as old:
        old.daemon_threads = True
        old.behind = ("127.0.0.1", server.port)  # type: ignore[attr-defined]
        Thread(target=old.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{old.server_address[1]}/0")
        failed = one("redis-version")
        old.shutdown()
    assert failed.observed.startswith("5.")


@pytest.mark.parametrize("prefix", ["egress-diag:", "{egress-diag}:"])
def test_a_redis_in_cluster_mode_is_reported_and_nothing_else_is_checked(
    prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clustered = RedisServer(tmp_path, cluster=True)
    clustered.start()
    monkeypatch.setenv("REDIS_URL", clustered.url)
    monkeypatch.setenv("EGRESS_DIAG_KEY_PREFIX", prefix)
    try:
        failed = one("redis-cluster")
        assert one("process-alive", State.NOT_CHECKED).observed == "Redis distributes keys"
        assert [line for line in lines() if line.requirement.name == "redis-writable"] == []
    finally:
        clustered.kill()
    mode = "Redis is in cluster mode, which Celery does not support: use a Redis without clustering"
    assert failed.observed == mode
    assert "Non-clustered" in failed.fix


def test_every_requirement_fails_in_a_test_here() -> None:
    written = Path(__file__).read_text()
    assert [each.name for each in REQUIREMENTS if f'"{each.name}"' not in written] == []
