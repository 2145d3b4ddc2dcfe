"""The liveness probe fails for a stuck process, not for one that works or waits for Redis."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
from kombu.asynchronous.timer import Timer

from tests.redis_server import RedisServer
from workers.queue.celery_app import make_app
from workers.queue.liveness import STALE_AFTER, Heartbeat, restart_reason
from workers.queue.settings import WorkerSettings


def settings(url: str, file: Path | None, password: str = "") -> WorkerSettings:
    return WorkerSettings(REDIS_URL=url, EGRESS_DIAG_HEARTBEAT=file, REDIS_PASSWORD=password)


def test_a_fresh_file_passes(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    file.touch()
    # No connection to Redis is needed: nothing listens on port 1.
    assert restart_reason(settings("redis://127.0.0.1:1/0", file), file.stat().st_mtime + STALE_AFTER - 1) is None


def test_a_stale_file_fails_while_redis_answers(redis_url: str, tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    file.touch()
    found = restart_reason(settings(redis_url, file), file.stat().st_mtime + 300)
    assert found == "nothing done for 300 s, though Redis answers"


def test_a_missing_file_fails_while_redis_answers(redis_url: str, tmp_path: Path) -> None:
    assert restart_reason(settings(redis_url, tmp_path / "none"), 0) == "nothing done yet, though Redis answers"


def test_a_stale_file_passes_while_redis_is_down(tmp_path: Path, free_port: int) -> None:
    file = tmp_path / "heartbeat"
    file.touch()
    assert restart_reason(settings(f"redis://127.0.0.1:{free_port}/0", file), file.stat().st_mtime + 3600) is None


@pytest.mark.parametrize("problem", ["full", "read-only"])
def test_a_stale_file_passes_while_redis_takes_no_writes(problem: str, tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    try:
        with redis.Redis(port=server.port) as client:
            if problem == "full":
                client.config_set("maxmemory", "1")
            else:
                client.execute_command("REPLICAOF", "127.0.0.1", "1")
        file = tmp_path / "heartbeat"
        file.touch()
        assert restart_reason(settings(server.url, file), file.stat().st_mtime + 3600) is None
    finally:
        server.kill()


def test_a_worker_with_an_old_password_fails_and_reads_the_new_one_after_a_restart(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    try:
        with redis.Redis(port=server.port) as client:
            client.config_set("requirepass", "new/pass+word==")
        assert "Redis refuses" in str(restart_reason(settings(server.url, tmp_path / "none", "old"), 0))
        # The right password needs no restart, although some of its characters have a meaning in a URL.
        assert "though Redis answers" in str(
            restart_reason(settings(server.url, tmp_path / "none", "new/pass+word=="), 0)
        )
    finally:
        server.kill()


def test_after_a_reconnect_a_process_touches_its_file_as_often_as_before(tmp_path: Path) -> None:
    """The consumer starts again with each restart of Redis."""
    app = make_app(WorkerSettings())
    app.amqp.queues.select(["diagnose"])
    consumer = SimpleNamespace(app=app, timer=Timer())
    heartbeat = Heartbeat(consumer)
    heartbeat.file = tmp_path / "heartbeat"
    for _ in range(3):
        heartbeat.start(consumer)
        heartbeat.stop(consumer)
    assert [each.entry for each in consumer.timer.queue if not each.entry.canceled] == []
    heartbeat.start(consumer)
    assert len([each for each in consumer.timer.queue if not each.entry.canceled]) == 1
    assert heartbeat.file.exists()
    heartbeat.stop(consumer)


def test_the_settings_never_show_the_password() -> None:
    shown = repr(WorkerSettings(REDIS_URL="redis://bot@redis:6379/0", REDIS_PASSWORD="p@ss/word").redis_password)
    assert "p@ss" not in shown


def test_the_password_is_quoted_for_the_url() -> None:
    config = WorkerSettings(
        REDIS_URL="rediss://bot:stale@redis.example:6380/2?ssl_cert_reqs=required", REDIS_PASSWORD="a/b=:@"
    )
    assert config.redis_url == "rediss://bot:a%2Fb%3D%3A%40@redis.example:6380/2?ssl_cert_reqs=required"


def test_the_certificate_of_an_encrypted_redis_is_verified(tmp_path: Path) -> None:
    """Without the parameter, Celery's transport accepts any certificate and redis-py's none."""
    assert WorkerSettings(REDIS_URL="rediss://redis.example:6380/0").redis_url.endswith("/0?ssl_cert_reqs=required")
    (tmp_path / "ca.crt").touch()
    named = f"rediss://redis.example:6380/0?ssl_ca_certs={tmp_path / 'ca.crt'}"
    assert WorkerSettings(REDIS_URL=named).redis_url == f"{named}&ssl_cert_reqs=required"
    chosen = "rediss://redis.example:6380/0?ssl_cert_reqs=none"
    assert WorkerSettings(REDIS_URL=chosen).redis_url == chosen


ROLES = {"worker": ["worker", "--concurrency", "1"], "beat": ["beat"], "courier": ["bot", "--role", "courier"]}


def environment(folder: Path, server: RedisServer, config: Path) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "HOME": str(folder),
        "REDIS_URL": server.url,
        "EGRESS_DIAG_CONFIG": str(config),
        "EGRESS_DIAG_HEARTBEAT": str(folder / "heartbeat"),
        "EGRESS_DIAG_TICK": "1",
        "SLACK_BOT_TOKEN": "xoxb-made-up",
        "SLACK_SIGNING_SECRET": "made-up",
    }


def start(role: str, folder: Path, server: RedisServer, config: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "checks.cli.main", *ROLES[role]]
    with (folder / "log").open("w") as log:
        return subprocess.Popen(
            command, env=environment(folder, server, config), stdout=log, stderr=log, start_new_session=True
        )


def wait_for(found: Callable[[], bool], folder: Path) -> None:
    deadline = time.monotonic() + 120
    while not found():
        assert time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(0.1)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path, durable=True)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def processes(tmp_path: Path, own_redis: RedisServer) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """A process of each role, after its first heartbeat."""
    config = tmp_path / "config.yaml"
    config.write_text("clusters: []\n")
    started = {}
    try:
        for role in ROLES:
            (tmp_path / role).mkdir()
            started[role] = start(role, tmp_path / role, own_redis, config)
        for role in ROLES:
            wait_for((tmp_path / role / "heartbeat").exists, tmp_path / role)
        yield started
    finally:
        for process in started.values():
            end(process)


def stop_in_time(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    """Terminate all processes and assert that they end by themselves."""
    for process in processes.values():
        process.terminate()
    until = time.monotonic() + 50  # the chart's grace period is longer; it takes five seconds on an idle machine
    ended = {role: process.wait(timeout=until - time.monotonic()) for role, process in processes.items()}
    assert ended == dict.fromkeys(ROLES, 0)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_process_outlives_a_restart_of_redis_and_stops_in_time_while_it_is_down(
    processes: dict[str, subprocess.Popen[bytes]], own_redis: RedisServer, tmp_path: Path
) -> None:
    server = own_redis
    server.kill()
    time.sleep(0.5)
    server.start()
    for role in ROLES:
        file = tmp_path / role / "heartbeat"
        touched = file.stat().st_mtime
        wait_for(lambda file=file, touched=touched: file.stat().st_mtime > touched, tmp_path / role)  # type: ignore[misc]
        judged = [sys.executable, "-m", "workers.queue.liveness"]
        variables = environment(tmp_path / role, server, tmp_path / "config.yaml")
        assert subprocess.run(judged, env=variables, check=False).returncode == 0
    server.kill()
    time.sleep(0.7)
    stop_in_time(processes)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_process_stops_in_time_while_redis_hangs(
    processes: dict[str, subprocess.Popen[bytes]], own_redis: RedisServer
) -> None:
    """Celery waits for replies without limit; a rollout must not."""
    assert own_redis.process is not None
    os.kill(own_redis.process.pid, signal.SIGSTOP)
    time.sleep(0.7)
    stop_in_time(processes)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and its children: a pool's children would outlive it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
