"""Scheduled probes: rounds, results, permissions, kills."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from checks.actions.results import ActionOutcome
from checks.config.configuration_file import load
from checks.sources.live import close_sources
from tests.clusters.compose import compose, named
from tests.loopback.active import ActiveKubeServer, Kubelet
from tests.redis_server import RedisServer
from tests.workers.runs.test_actions import HASTE, READY, connected, write_config
from tests.workers.runs.test_killed_actions import KilledWorker
from workers.client import ConnectedClient as Client
from workers.records.canary import CanarySummary, ScheduledProbe, summarize_probes
from workers.records.digest import Digest, DigestOrder
from workers.tasks.action_tasks import follow_actions
from workers.tasks.canary import CanaryRunner, drive_canaries, interval_start

GATEWAY = "team-egress/egw"
MINUTES = timedelta(minutes=5)
PERMITTED = ({"allow": ["probe"], "users": ["canary"]},)


@pytest.fixture
def server() -> Iterator[ActiveKubeServer]:
    with ActiveKubeServer(compose(named("base"), {"change": [READY]})) as running:
        yield running
    close_sources()


@pytest.fixture
def client(redis_url: str, server: ActiveKubeServer, tmp_path: Path) -> Iterator[Client]:
    found = connected(redis_url, write_config(server, tmp_path, PERMITTED, canary="5m"))
    yield found
    found.close()


def make_round(client: Client, now: datetime) -> None:
    """The beat's part of a round, then the worker's."""
    drive_canaries(client.stores, now)
    runner = CanaryRunner(client, HASTE)
    while runner.advance("x"):
        pass


def summary(client: Client, now: datetime, gateway: str = GATEWAY) -> CanarySummary:
    found = client.stores.canaries.summary("x", gateway, now)
    assert found is not None
    return found


def now_at(minutes: float) -> datetime:
    return datetime(2026, 11, 30, 10, 0, tzinfo=UTC) + timedelta(minutes=minutes)


def test_each_interval_probes_the_gateway_once_and_leaves_nothing(client: Client, server: ActiveKubeServer) -> None:
    for minutes in (0, 1, 4, 5, 10):
        make_round(client, now_at(minutes))
    assert server.changes == {"POST Job": 3, "DELETE Job": 3}
    assert server.jobs == {}
    found = summary(client, now_at(11))
    assert (found.passed, found.total, found.clean) == (3, 3, True)
    assert (found.addresses, found.median_seconds, found.problem) == (("20.50.60.1",), 0.42, "")
    assert not client.stores.actions.active()
    assert client.stores.documents.due_count() == 0, "no message shows a scheduled probe"
    assert client.stores.audit.last() == (), "those that pass are only in the log"


def test_another_address_is_a_probe_that_failed(client: Client, server: ActiveKubeServer) -> None:
    make_round(client, now_at(0))
    server.kubelet = Kubelet(log="52.1.2.3\n{id} 0 200 0.9 \n")
    make_round(client, now_at(5))
    found = summary(client, now_at(6))
    assert (found.passed, found.failed, found.not_run) == (1, 1, 0)
    assert (found.addresses, found.other_addresses) == (("20.50.60.1",), ("52.1.2.3",))
    assert "not in the egress IP prefix" in found.problem
    assert not found.clean
    assert client.stores.audit.last(1)[0]["outcome"] == "not-as-expected"
    assert [each["user"] for each in client.stores.audit.last()] == ["canary"]


@pytest.mark.parametrize(
    "rules",
    [
        (),
        ({"allow": ["probe"], "users": ["U0ALICE"]},),
        ({"allow": ["probe"], "users": ["*"], "channels": ["C0OPS"]},),
        ({"allow": ["probe"], "users": ["canary"], "gateways": ["other-*"]},),
    ],
)
def test_without_a_rule_for_the_user_canary_nothing_runs_and_the_summary_says_so(
    redis_url: str, server: ActiveKubeServer, tmp_path: Path, rules: Any
) -> None:
    client = connected(redis_url, write_config(server, tmp_path, rules, canary="5m"))
    make_round(client, now_at(0))
    found = summary(client, now_at(1))
    assert (found.passed, found.not_run, found.total) == (0, 1, 1)
    assert "No access rule permits probe to the user canary" in found.problem
    assert not server.changes
    client.close()


def test_a_cluster_that_cannot_be_read_is_not_counted_as_passed(client: Client, server: ActiveKubeServer) -> None:
    make_round(client, now_at(0))
    server.token = "another"
    make_round(client, now_at(5))
    server.token = "loopback-token-0123456789"
    make_round(client, now_at(10))
    found = summary(client, now_at(11))
    assert (found.passed, found.not_run, found.total) == (2, 1, 3)
    assert found.problem.startswith("The gateways could not be read: ")


def test_a_refused_plan_is_a_probe_that_did_not_run(client: Client, server: ActiveKubeServer) -> None:
    server.kubelet = Kubelet(refusal=(403, 'jobs.batch is forbidden: User "u" cannot create resource "jobs"'))
    make_round(client, now_at(0))
    found = summary(client, now_at(1))
    assert (found.passed, found.failed, found.not_run) == (0, 0, 1)
    assert "lacks a permission" in found.problem


def test_intervals_without_a_worker_are_not_made_up_for_and_count_as_not_run(client: Client) -> None:
    make_round(client, now_at(0))
    for minutes in (5, 10, 15):
        drive_canaries(client.stores, now_at(minutes))
    assert summary(client, now_at(16)).not_run == 2
    assert "No worker" in summary(client, now_at(16)).problem
    make_round(client, now_at(20))
    found = summary(client, now_at(21))
    assert (found.passed, found.not_run, found.total) == (2, 3, 5)


def test_an_installation_that_stood_still_counts_the_intervals(client: Client) -> None:
    make_round(client, now_at(0))
    make_round(client, now_at(30))
    found = summary(client, now_at(31))
    assert (found.passed, found.not_run, found.total) == (2, 5, 7)
    late = summary(client, now_at(52))
    assert (late.not_run, late.problem) == (8, "No worker of the queue actions made the latest probes.")


def test_rounds_are_off_by_default(redis_url: str, server: ActiveKubeServer, tmp_path: Path) -> None:
    client = connected(redis_url, write_config(server, tmp_path, PERMITTED))
    make_round(client, now_at(0))
    assert client.stores.canaries.summary("x", GATEWAY, now_at(0)) is None
    assert client.stores.canaries.round("x") is None
    assert not server.changes
    client.close()


def test_one_message_waits_however_long_no_worker_takes_it(client: Client) -> None:
    for minutes in range(10):
        client.stores.redis.delete("egress-diag:canary:sent:x")
        drive_canaries(client.stores, now_at(minutes))
    assert client.stores.redis.llen("egress-diag:actions") == 1


def test_results_of_a_gateway_that_was_removed_are_deleted(client: Client) -> None:
    old = ScheduledProbe(now_at(-5), 300.0, ActionOutcome.AS_EXPECTED, ("20.50.60.1",), 0.1)
    assert client.stores.canaries.record("x", "team-egress/removed", old)
    assert not client.stores.canaries.record("x", "team-egress/removed", old)
    make_round(client, now_at(0))
    assert client.stores.canaries.last_results("x").keys() == {GATEWAY}
    assert client.stores.canaries.summary("x", "team-egress/removed", now_at(1)) is None


def test_the_summary_of_a_span_counts_only_its_intervals() -> None:
    probes = [ScheduledProbe(now_at(5 * n), 300.0, ActionOutcome.AS_EXPECTED, ("20.50.60.1",), 0.4) for n in range(312)]
    found = summarize_probes("x", GATEWAY, probes, now_at(5 * 311 + 1), MINUTES)
    assert found is not None
    assert (found.passed, found.total, found.addresses, found.median_seconds) == (312, 312, ("20.50.60.1",), 0.4)
    assert summarize_probes("x", GATEWAY, [], now_at(0), MINUTES) is None


def test_intervals_begin_at_the_same_times_for_every_beat() -> None:
    assert interval_start(now_at(7.5), MINUTES) == now_at(5)
    assert interval_start(now_at(5), MINUTES) == now_at(5)


def test_history_and_digest_have_the_probes_and_a_digest_only_those_of_visible_gateways(
    client: Client, server: ActiveKubeServer
) -> None:
    make_round(client, now_at(0))
    now = now_at(3)
    for name, author in (("of-the-file", ""), ("of-a-person", "U0BOB")):
        order = DigestOrder(name, "C0OPS", ("x",), now, since=now_at(-60), author=author)
        client.stores.fleet.digests.queue(order, now)
        client.stores.fleet.digests.compose(order, None, now)
    shown = {name: client.get(Digest, name) for name in ("of-the-file", "of-a-person")}
    assert [len(each.canaries) for each in shown.values() if each is not None] == [1, 0]
    assert shown["of-the-file"] is not None
    (line,) = shown["of-the-file"].canaries
    assert (line.gateway, line.passed, line.total, line.addresses) == (GATEWAY, 1, 1, ("20.50.60.1",))
    known = client.gateways.history("x", GATEWAY).canary
    assert known is not None
    assert (known.passed, known.addresses) == (1, ("20.50.60.1",))


def test_metrics_count_each_probe_once_with_its_address(client: Client, server: ActiveKubeServer) -> None:
    def counted(outcome: str, address: str) -> float:
        labels = {"cluster": "x", "gateway": GATEWAY, "outcome": outcome, "address": address}
        return REGISTRY.get_sample_value("egress_diag_canary_probes_total", labels) or 0.0

    before = counted("as-expected", "20.50.60.1"), counted("not-as-expected", "52.1.2.3")
    now = interval_start(datetime.now(UTC), MINUTES)
    make_round(client, now - MINUTES)
    server.kubelet = Kubelet(log="52.1.2.3\n{id} 0 200 0.9 \n")
    make_round(client, now)
    assert counted("as-expected", "20.50.60.1") == before[0] + 1
    assert counted("not-as-expected", "52.1.2.3") == before[1] + 1
    drive_canaries(client.stores, now)
    found = {each.name: each for each in client.backlog_metrics().collect()}
    assert found["egress_diag_canary_interval_seconds"].samples[0].value == MINUTES.total_seconds()
    (sample,) = found["egress_diag_canary_age_seconds"].samples
    assert sample.labels == {"cluster": "x", "gateway": GATEWAY}
    assert 300 <= sample.value < 700, "the last probe did not pass"


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_a_killed_worker_leaves_no_pod_and_its_probe_counts_once(
    redis_server: RedisServer, redis_url: str, tmp_path: Path
) -> None:
    with ActiveKubeServer(compose(named("base"), {"change": [READY]}), Kubelet(seconds=1.5)) as server:
        config = write_config(server, tmp_path, PERMITTED, canary="5m")
        assert load(config).probe is not None
        client = connected(redis_url, config)
        worker = KilledWorker(tmp_path, redis_server, config)
        began = datetime.now(UTC)
        killed, found = 0, None
        try:
            deadline = time.monotonic() + 200
            while time.monotonic() < deadline:
                drive_canaries(client.stores, began)
                follow_actions(client.stores)
                if server.jobs and killed < 3:
                    worker.kill()
                    worker.start()
                    killed += 1
                found = client.stores.canaries.summary("x", GATEWAY, began)
                if found is not None and not client.stores.actions.active():
                    break
                time.sleep(0.2)
        finally:
            worker.kill()
            client.close()
            close_sources()
        assert killed == 3
        assert found is not None
        assert (found.passed, found.total) == (1, 1)
        assert server.jobs == {}
        assert server.changes == {"POST Job": 1, "DELETE Job": 1}
