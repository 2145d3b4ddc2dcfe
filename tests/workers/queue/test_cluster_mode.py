"""A Redis in cluster mode is refused; the whole system runs in one hash slot."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from bot.sandbox import RateLimits, SandboxServer
from tests.clusters.compose import named, write_bundle
from tests.redis_proxy import RedisProxy
from tests.redis_server import RedisServer, find_free_port
from tests.system import EGRESS_DIAG, PATIENT, System, complete, whole_thread
from workers.queue.cluster_mode import cluster_mode_problem, refuse_clusters
from workers.queue.connection import DISTRIBUTES, REDIRECTS, quick_connection, redis_problem
from workers.queue.settings import WorkerSettings

ONE_SLOT = "{egress-diag}:"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real Redis in cluster mode, with all hash slots."""
    server = RedisServer(tmp_path_factory.mktemp("cluster"), cluster=True)
    try:
        server.start()
    except RuntimeError:
        pytest.skip("this server has no cluster mode")
    yield server
    server.kill()


@pytest.fixture
def one_address(cluster: RedisServer) -> Iterator[RedisProxy]:
    """The cluster behind one address, as with the clustering policy Enterprise."""
    with RedisProxy(cluster.port) as proxy:
        proxy.hide_cluster_mode()
        yield proxy


def environment(url: str, folder: Path) -> dict[str, str]:
    config = folder / "config.yaml"
    config.write_text("clusters: []\n")
    return {
        "PATH": os.defpath,
        "REDIS_URL": url,
        "EGRESS_DIAG_CONFIG": str(config),
        "SLACK_BOT_TOKEN": "xoxb-1",
        "SLACK_SIGNING_SECRET": "secret",
    }


@pytest.mark.parametrize(
    "words", [["worker"], ["beat"], ["bot", "--role", "listener"], ["bot", "--role", "courier"]], ids=" ".join
)
def test_no_process_starts_over_a_redis_in_cluster_mode(words: list[str], cluster: RedisServer, tmp_path: Path) -> None:
    done = subprocess.run(
        [*EGRESS_DIAG, *words],
        env=environment(cluster.url, tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"Error: Redis {REDIRECTS}"
    assert "Traceback" not in done.stderr


def test_a_redirection_is_cluster_mode_also_if_info_does_not_say_so(tmp_path: Path) -> None:
    """Two servers with half of the hash slots each; INFO says that there is no cluster."""
    servers = [RedisServer(tmp_path / name, cluster=True) for name in ("first", "second")]
    for server in servers:
        server.folder.mkdir()
        server.start()
    with redis.Redis(port=servers[0].port) as first, redis.Redis(port=servers[1].port) as second:
        second.execute_command("CLUSTER FLUSHSLOTS")
        name = second.execute_command("CLUSTER MYID").decode()
        first.execute_command(
            "CLUSTER MEET", "127.0.0.1", servers[1].port, second.config_get("cluster-port")["cluster-port"]
        )
        deadline = time.monotonic() + 30
        while name not in str(first.execute_command("CLUSTER NODES")):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        commands = first.pipeline(transaction=False)
        for slot in range(8192, 16384):
            commands.execute_command("CLUSTER SETSLOT", slot, "NODE", name)
        commands.execute()
        with RedisProxy(servers[0].port) as proxy:
            proxy.hide_cluster_mode()
            with quick_connection(proxy.url) as client:
                assert cluster_mode_problem(client, "egress-diag:") == REDIRECTS
    for server in servers:
        server.kill()


def test_one_address_with_several_hash_slots_needs_a_prefix_in_braces(one_address: RedisProxy) -> None:
    with quick_connection(one_address.url) as client:
        assert cluster_mode_problem(client, "egress-diag:") == DISTRIBUTES
        assert cluster_mode_problem(client, ONE_SLOT) is None


def test_a_single_server_has_no_problem(redis_url: str) -> None:
    with quick_connection(redis_url) as client:
        assert cluster_mode_problem(client, "egress-diag:") is None


def test_a_redis_that_does_not_answer_is_not_refused() -> None:
    refuse_clusters(WorkerSettings(REDIS_URL=f"redis://127.0.0.1:{find_free_port()}/0"))


def test_commands_are_answered_with_the_reason_while_redis_distributes_keys(one_address: RedisProxy) -> None:
    with quick_connection(one_address.url) as client, pytest.raises(redis.RedisError) as raised:
        client.eval("return 1", 2, "egress-diag:a", "egress-diag:b")
    assert redis_problem(raised.value).reason == DISTRIBUTES
    assert redis_problem(redis.exceptions.MovedError("1234 10.0.0.1:6379")).reason == REDIRECTS


@pytest.mark.slow
def test_the_whole_system_runs_in_one_hash_slot(one_address: RedisProxy, cluster: RedisServer, tmp_path: Path) -> None:
    """A command and its thread over an address that refuses keys of several hash slots."""
    write_bundle(named("base"), tmp_path / "bundle")
    config = tmp_path / "config.yaml"
    config.write_text(
        f"clusters: [{{name: replay, bundle: '{tmp_path}/bundle'}}]\n"
        "access: [{allow: [diagnose], users: ['*'], channels: [C0OPS]}]\n"
    )
    with SandboxServer(limits=RateLimits.off(), timing=PATIENT) as slack:
        settings = {"REDIS_URL": one_address.url, "EGRESS_DIAG_KEY_PREFIX": ONE_SLOT}
        with System(tmp_path, cluster, slack, config, environment=settings) as system:
            slack.say("/egress-diag replay team-egress/egw")
            system.wait(lambda: complete(whole_thread(slack)), 120, "no thread")
            assert "CROSSSLOT" not in "".join(system.log(name) for name in system.processes)
    with redis.Redis(port=cluster.port) as client:
        slots = {int(client.execute_command("CLUSTER KEYSLOT", key)) for key in client.scan_iter(count=1000)}
    assert len(slots) == 1
