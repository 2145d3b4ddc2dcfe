"""The commands, probes and Redis settings of the chart, executed with real processes."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import yaml

from bot.sandbox import SandboxServer
from bot.slack.settings import SlackSettings as BotSettings
from tests.helm.chart import Json, named, of_kind, pod, pods, rendered
from tests.helm.matrix import HERE, MATRIX, RULE
from tests.redis_server import RedisServer, find_free_port, find_server_program
from tests.system import PATIENT, System
from workers.queue.celery_app import DIAGNOSE_QUEUE, make_publisher
from workers.queue.settings import WorkerSettings

pytestmark = pytest.mark.slow  # make check runs only fast tests

COMPONENTS = ["bot", "courier", "worker", "beat"]


def container(values: Json, component: str) -> Json:
    found: Json = pod(rendered(values), component)["spec"]["containers"][0]
    return found


@pytest.mark.parametrize("component", [*COMPONENTS, "actions"])
def test_the_arguments_are_commands_of_egress_diag(component: str) -> None:
    values = MATRIX["with probe and restart"] if component == "actions" else {}
    command = [sys.executable, "-m", "checks.cli.main", *container(values, component)["args"], "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX.keys())
def test_egress_diag_reads_every_environment_variable(values: Json) -> None:
    known = {
        str(field.validation_alias) for each in (WorkerSettings, BotSettings) for field in each.model_fields.values()
    }
    settings = [values.get("pod", {}), values.get("worker", {})]
    further = {each["name"] for place in settings for each in place.get("extraEnv", [])}
    if values.get("caBundle"):
        further |= {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"}  # variables of OpenSSL and of the library requests
    for component, each in pods(rendered(values)):
        if component in (*COMPONENTS, "actions"):
            named_here = {variable["name"] for variable in each["spec"]["containers"][0]["env"]}
            assert named_here - further <= known, component


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX.keys())
def test_the_redis_address_is_valid(values: Json, tmp_path: Path) -> None:
    if values.get("rbacOnly"):
        return
    url = next(each["value"] for each in container(values, "worker")["env"] if each["name"] == "REDIS_URL")
    (tmp_path / "ca.crt").touch()
    url = url.replace("/etc/egress-diag-redis-ca", str(tmp_path))  # where the pod mounts the Secret
    external = values.get("redis", {}).get("external", {})
    if external.get("auth") == "entra":
        settings = WorkerSettings(REDIS_URL=url, REDIS_AUTH="entra")
        assert settings.redis_url.startswith(f"rediss://{external['host']}:{external['port']}/0?credential_provider=")
        return
    connection = redis.Redis.from_url(WorkerSettings(REDIS_URL=url, REDIS_PASSWORD="a/b=").redis_url).connection_pool
    options = connection.connection_kwargs
    assert options["password"] == "a/b="
    assert options["host"] == (external["host"] if external else redis_service(values))
    if external and external.get("tls", True):
        assert options["ssl_cert_reqs"] == "required"


def redis_service(values: Json) -> str:
    services: list[str] = [o["metadata"]["name"] for o in of_kind(rendered(values), "Service")]
    return next(name for name in services if name.endswith("-redis"))


# probes


@pytest.mark.parametrize("component", ["courier", "worker", "beat"])
def test_a_probe_starts_python_only_if_the_heartbeat_is_old(component: str, tmp_path: Path) -> None:
    probe = container({}, component)["livenessProbe"]["exec"]["command"]
    calls = tmp_path / "asked"
    # Replaces the image's python: records that it was started, and reports a failure.
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$@" >> {calls}\nexit 1\n')
    python.chmod(0o755)
    heartbeat = tmp_path / "heartbeat"
    environment = {"PATH": f"{tmp_path}:{os.defpath}", "EGRESS_DIAG_HEARTBEAT": str(heartbeat)}

    heartbeat.touch()
    assert subprocess.run(probe, env=environment, check=False).returncode == 0
    assert not calls.exists()
    os.utime(heartbeat, (time.time() - 300, time.time() - 300))
    assert subprocess.run(probe, env=environment, check=False).returncode == 1
    assert calls.read_text() == "-m workers.queue.liveness\n"
    ready = container({}, component)["readinessProbe"]["exec"]["command"]
    assert subprocess.run(ready, env=environment, check=False).returncode == 1
    heartbeat.touch()
    assert subprocess.run(ready, env=environment, check=False).returncode == 0


def test_the_listeners_probes_use_its_health_port() -> None:
    found = container({}, "bot")
    assert {"name": "http", "containerPort": 3000} in found["ports"]
    assert {"name": "metrics", "containerPort": 3001} in found["ports"]
    assert found["args"][-4:] == ["--port", "3000", "--health-port", "3001"]
    assert found["startupProbe"]["tcpSocket"] == {"port": "metrics"}
    assert found["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "metrics"}
    assert found["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "metrics"}


# redis


@pytest.fixture
def settled(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """A Redis server with the chart's command and settings, and a password that needs quotes."""
    password = 'a "b\\c$HOME'
    objects = rendered({"redis": {"existingSecret": "own"}})
    found = pod(objects, "redis")["spec"]["containers"][0]
    written = named(objects, "ConfigMap", "egress-diag-redis")["data"]["redis.conf"]
    port = find_free_port()
    settings = written.replace("port 6379", f"port {port}\nbind 127.0.0.1").replace("dir /data", f"dir {tmp_path}")
    (tmp_path / "redis.conf").write_text(settings)
    command = [
        part.replace("/etc/redis/", f"{tmp_path}/").replace("/tmp/redis", f"{tmp_path}/made")
        for part in found["command"]
    ]
    programs = f"{Path(find_server_program()).parent}:{os.defpath}"
    process = subprocess.Popen(command, env={"PATH": programs, "REDIS_PASSWORD": password}, stdout=subprocess.DEVNULL)
    try:
        yield port, password
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.mark.skipif(
    Path(find_server_program()).name not in ("redis-server", "valkey-server"), reason="no server on PATH"
)
def test_redis_persists_refuses_writes_when_full_and_accepts_any_password(settled: tuple[int, str]) -> None:
    port, password = settled
    client = redis.Redis(port=port, password=password, decode_responses=True)
    deadline = time.monotonic() + 60
    while True:
        try:
            client.ping()
            break
        except redis.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert client.config_get("append*")["appendonly"] == "yes"
    assert client.config_get("append*")["appendfsync"] == "always"
    assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
    assert client.config_get("maxmemory")["maxmemory"] == str(192 * 1024 * 1024)
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=port).ping()
    assert client.info("server")["process_id"] > 0
    client.close()


def test_redis_maxmemory_leaves_room_for_a_rewrite_below_the_limit() -> None:
    found = pod(rendered({}), "redis")["spec"]["containers"][0]
    limit = int(found["resources"]["limits"]["memory"].removesuffix("Mi"))
    held = int(
        re.findall(r"maxmemory (\d+)mb", named(rendered({}), "ConfigMap", "egress-diag-redis")["data"]["redis.conf"])[0]
    )
    assert held * 1.5 <= limit


# the queue


@pytest.mark.parametrize("name", ["scaled by the queue", "scaled by the queue of an external Redis"])
def test_keda_reads_the_queue_of_waiting_diagnoses(name: str, redis_url: str) -> None:
    values = MATRIX[name]
    trigger = of_kind(rendered(values), "ScaledObject")[0]["spec"]["triggers"][0]["metadata"]
    prefix = values.get("keyPrefix", "egress-diag:")
    publisher = make_publisher(WorkerSettings(REDIS_URL=redis_url, EGRESS_DIAG_KEY_PREFIX=prefix))
    for run in range(3):
        publisher.send_task("workers.diagnose", args=[str(run)], queue=DIAGNOSE_QUEUE)
    publisher.close()
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen(trigger["listName"]) == 3
    assert trigger["enableTLS"] == ("true" if "external" in values.get("redis", {}) else "false")
    assert trigger["databaseIndex"] == str(values.get("redis", {}).get("external", {}).get("database", 0))


def test_only_keda_may_also_connect_to_redis_if_it_scales_the_workers() -> None:
    def peers(values: Json) -> str:
        policy = named(rendered(values), "NetworkPolicy", "egress-diag-redis")
        return yaml.safe_dump(policy["spec"]["ingress"])

    assert "kubernetes.io/metadata.name: keda" in peers(MATRIX["scaled by the queue"])
    assert "namespaceSelector" not in peers({})


def pod_config(values: Json) -> str:
    return str(named(rendered(values), "ConfigMap", "egress-diag-config")["data"]["config.yaml"])


@pytest.mark.slow
def test_helm_test_passes_for_a_running_installation_and_names_a_missing_process(tmp_path: Path) -> None:
    """The command of the chart's test pod, with real processes.

    Without a worker it fails, with the output of doctor.
    """
    command = pod(rendered({}), "test")["spec"]["containers"][0]["command"]
    config = pod_config({"config": {"clusters": [HERE], "access": [RULE]}})
    (tmp_path / "config.yaml").write_text(config)
    server = RedisServer(tmp_path, durable=True)
    server.start()
    try:
        with (
            SandboxServer(timing=PATIENT) as slack,
            System(tmp_path, server, slack, tmp_path / "config.yaml") as system,
        ):
            here = {
                **system.environment,
                "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
                "READYZ": f"http://127.0.0.1:{system.health_port}/readyz",
            }
            good = subprocess.run(command, env=here, capture_output=True, text=True, check=False)
            assert (good.returncode, "ready: ok" in good.stdout, "egress-diag, version" in good.stdout) == (
                0,
                True,
                True,
            ), good.stdout + good.stderr
            system.kill("listener")
            bad = subprocess.run(command, env=here, capture_output=True, text=True, check=False)
            assert (bad.returncode, "does not answer" in bad.stderr) == (1, True)
    finally:
        server.kill()
