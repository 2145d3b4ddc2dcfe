"""The liveness probe fails for a stuck process, not for one that works or waits for Redis."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
from kombu.asynchronous.timer import Timer

from tests.redis_server import RedisServer
from workers.queue.app import make_app
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


@pytest.mark.parametrize(("queue", "timers"), [("diagnose", 1), ("ticks", 0)])
def test_after_a_reconnect_a_process_touches_its_file_as_often_as_before(
    queue: str, timers: int, tmp_path: Path
) -> None:
    """The consumer starts again with each restart of Redis.

    The consumer of `ticks` has no timer: each tick touches the file.
    """
    app = make_app(WorkerSettings())
    app.amqp.queues.select([queue])
    consumer = SimpleNamespace(app=app, timer=Timer())
    heartbeat = Heartbeat(consumer)
    heartbeat.file = tmp_path / "heartbeat"
    for _ in range(3):
        heartbeat.start(consumer)
        heartbeat.stop(consumer)
    assert [each.entry for each in consumer.timer.queue if not each.entry.canceled] == []
    heartbeat.start(consumer)
    assert len([each for each in consumer.timer.queue if not each.entry.canceled]) == timers
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


def test_the_certificate_of_an_encrypted_redis_is_verified() -> None:
    """Without the parameter, Celery's transport accepts any certificate and redis-py's none."""
    assert WorkerSettings(REDIS_URL="rediss://redis.example:6380/0").redis_url.endswith("/0?ssl_cert_reqs=required")
    named = "rediss://redis.example:6380/0?ssl_ca_certs=/etc/ca.crt"
    assert WorkerSettings(REDIS_URL=named).redis_url == f"{named}&ssl_cert_reqs=required"
    chosen = "rediss://redis.example:6380/0?ssl_cert_reqs=none"
    assert WorkerSettings(REDIS_URL=chosen).redis_url == chosen


ROLES = {"worker": ["worker", "--concurrency", "1"], "beat": ["beat"], "courier": ["bot", "--role", "courier"]}


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_each_process_touches_its_file_and_outlives_a_restart_of_redis(role: str, tmp_path: Path) -> None:
    server = RedisServer(tmp_path, durable=True)
    server.start()
    config = tmp_path / "config.yaml"
    config.write_text("clusters: []\n")
    file = tmp_path / "heartbeat"
    process = start(role, tmp_path, server, config)
    try:
        wait_for(file.exists, tmp_path)
        server.kill()
        time.sleep(0.5)
        server.start()
        touched = file.stat().st_mtime
        wait_for(lambda: file.stat().st_mtime > touched, tmp_path)
        judged = [sys.executable, "-m", "workers.queue.liveness"]
        assert subprocess.run(judged, env=environment(tmp_path, server, config), check=False).returncode == 0
        process.terminate()
        assert process.wait(timeout=20) == 0
    finally:
        end(process)
        server.kill()


def environment(folder: Path, server: RedisServer, config: Path) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "HOME": str(folder),
        "REDIS_URL": server.url,
        "EGRESS_DIAG_CONFIG": str(config),
        "EGRESS_DIAG_HEARTBEAT": str(folder / "heartbeat"),
        "EGRESS_DIAG_TICK": "1",
        "SLACK_BOT_TOKEN": "xoxb-made-up",
        "SLACK_SIGNING_SECRET": "made up",
    }


def start(role: str, folder: Path, server: RedisServer, config: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "checks.cli.main", *ROLES[role]]
    with (folder / "log").open("w") as log:
        return subprocess.Popen(
            command, env=environment(folder, server, config), stdout=log, stderr=log, start_new_session=True
        )


def wait_for(found: Callable[[], bool], folder: Path) -> None:
    deadline = time.monotonic() + 80
    while not found():
        assert time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["is down", "hangs"])
def test_every_process_stops_in_time_while_redis_does_not_answer(how: str, tmp_path: Path) -> None:
    """During an outage of Redis, Celery waits for replies without limit; a rollout must not."""
    server = RedisServer(tmp_path)
    server.start()
    assert server.process is not None
    config = tmp_path / "config.yaml"
    config.write_text("clusters: []\n")
    processes = {}
    try:
        for role in ROLES:
            (tmp_path / role).mkdir()
            processes[role] = start(role, tmp_path / role, server, config)
        for role in ROLES:
            wait_for((tmp_path / role / "heartbeat").exists, tmp_path / role)
        os.kill(server.process.pid, signal.SIGSTOP if how == "hangs" else signal.SIGKILL)
        time.sleep(0.7)
        for process in processes.values():
            process.terminate()
        until = time.monotonic() + 25  # half of the chart's grace period; it takes five seconds on an idle machine
        ended = {role: process.wait(timeout=until - time.monotonic()) for role, process in processes.items()}
        assert ended == dict.fromkeys(ROLES, 0)
    finally:
        for process in processes.values():
            end(process)
        server.kill()


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and its children: a pool's children would outlive it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
