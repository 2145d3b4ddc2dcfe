"""Runs are accepted once, executed by one worker and ended once.

Repeated deliveries and killed processes change nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from checks.config.configuration import Config
from checks.config.configuration_file import load
from checks.model.findings import Finding, Report, Severity, Stage, Status
from tests.clusters.compose import compose, named, write_bundle
from workers.client import ConnectedClient as Client
from workers.client import connect
from workers.queue.connection import Unavailable
from workers.queue.settings import WorkerSettings
from workers.queue.waiting import MOST_WAITING
from workers.records.beginnings import FirstSeen
from workers.records.digest import DigestOrder
from workers.records.listing import Listing, ListingState
from workers.records.run import Order, Run, RunState, Target
from workers.runs.cluster_sources import ClusterSources
from workers.runs.run_store import Runs
from workers.tasks.execution import MAX_RUN_ATTEMPTS, Diagnoser
from workers.tasks.fleet_tasks import drive_fleet
from workers.tasks.janitor import run_janitor

ORDER = Order(Target("base", "egw", "team-egress"), "U0ALICE", "C0OPS", "command/1")
LISTING = Listing("1234567890ab", "base", "U0ALICE", "C0OPS")
FINDING = Finding("a-fault", "EG1", Stage.ISTIO, Severity.BLOCKS, (), "A fault", Status.PASS, "Fine.")
TWIN = {
    "azure": {
        "managed_cluster": {
            "properties": {
                "serviceMeshProfile": {
                    "istio": {
                        "components": {
                            "egressGateways": [
                                {
                                    "enabled": True,
                                    "name": "egw",
                                    "namespace": "team-egress",
                                    "gatewayConfigurationName": "sgc",
                                },
                                {
                                    "enabled": True,
                                    "name": "egw",
                                    "namespace": "shop",
                                    "gatewayConfigurationName": "sgc",
                                },
                            ]
                        }
                    }
                }
            }
        }
    }
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clusters")
    write_bundle(named("base"), folder / "base")
    write_bundle(compose(named("base"), TWIN), folder / "twin")
    (folder / "egress-diag.yaml").write_text(
        "clusters:\n  - {name: base, bundle: base}\n  - {name: twin, bundle: twin}\n  - {name: gone, bundle: gone}\n"
    )
    return folder


@pytest.fixture
def config(folder: Path) -> Config:
    return load(folder / "egress-diag.yaml")


@pytest.fixture
def client(redis_url: str, config: Config) -> Iterator[Client]:
    found = connect(WorkerSettings(REDIS_URL=redis_url, EGRESS_DIAG_LEASE=60, EGRESS_DIAG_TICK=1), config, retry=True)
    yield found
    found.close()


@pytest.fixture
def diagnoser(client: Client, config: Config) -> Diagnoser:
    return Diagnoser(client.stores, ClusterSources(config))


def queued(redis_client: redis.Redis, queue: str = "diagnose") -> int:
    """The tasks waiting in a queue."""
    return int(redis_client.llen(f"egress-diag:{queue}"))


def begin(client: Client, run: Run) -> None:
    """Take a run up as a worker that dies before its end."""
    lease = client.stores.runs.lease(run.id, 10)
    assert lease.acquire()
    found = client.get(Run, run.id)
    assert found is not None
    assert client.stores.runs.begin(found, 10, lease) is not None
    lease.release()


def test_a_request_is_executed_and_recorded(client: Client, diagnoser: Diagnoser) -> None:
    run = client.start(ORDER).run
    diagnoser.execute(run.id)
    ended = client.get(Run, run.id)
    assert ended is not None
    assert ended.state is RunState.DONE
    assert ended.report is not None
    assert len(ended.findings) == len(ended.report.findings)
    assert client.stores.history.verdicts("base")["team-egress/egw"].run == run.id
    assert client.stores.evidence.bundle(run.id)
    assert not client.active(Run)


def test_a_repeated_request_gets_the_run_it_had(client: Client, redis_client: redis.Redis) -> None:
    first = client.start(ORDER)
    again = client.start(ORDER)
    assert again.repeated
    assert again.run.id == first.run.id
    assert queued(redis_client) == 1


def test_a_second_person_joins_until_the_run_has_ended(client: Client, diagnoser: Diagnoser) -> None:
    first = client.start(ORDER)
    second = client.start(replace(ORDER, user="U0BOB", key="command/2"))
    assert second.joined
    assert second.run.joined == ("U0BOB",)
    diagnoser.execute(first.run.id)
    third = client.start(replace(ORDER, user="U0BOB", key="command/3"))
    assert not third.joined
    assert third.run.id != first.run.id


@pytest.mark.parametrize(
    ("target", "text"),
    [(Target("weu", "egw"), "weu egw"), (Target("weu", "egw", "team-egress"), "weu team-egress/egw")],
)
def test_a_target_is_named_as_it_is_typed(target: Target, text: str) -> None:
    assert str(target) == text


def test_other_hosts_and_watches_have_separate_runs(client: Client) -> None:
    first = client.start(ORDER)
    host = client.start(replace(ORDER, key="2", target=replace(ORDER.target, host="api.bank.example")))
    watch = client.start(replace(ORDER, key="3", watch="w1"))
    person = client.start(replace(ORDER, key="4"))
    assert len({first.run.id, host.run.id, watch.run.id}) == 3
    assert person.run.id == first.run.id


def test_a_task_that_is_delivered_twice_is_executed_once(client: Client, diagnoser: Diagnoser) -> None:
    run = client.start(ORDER).run
    diagnoser.execute(run.id)
    before = client.get(Run, run.id)
    diagnoser.execute(run.id)
    assert client.get(Run, run.id) == before


def test_two_workers_do_not_work_on_one_run(client: Client, diagnoser: Diagnoser) -> None:
    run = client.start(ORDER).run
    lease = client.stores.runs.lease(run.id, 10)
    assert lease.acquire()
    diagnoser.execute(run.id)
    found = client.get(Run, run.id)
    assert found is not None
    assert found.state is RunState.QUEUED
    lease.release()


def test_appending_again_replaces_and_keeps_the_place(client: Client) -> None:
    run = client.start(ORDER).run
    client.stores.runs.append(run.id, "a-fault", [FINDING])
    client.stores.runs.append(run.id, "b-fault", [replace(FINDING, check="b-fault")])
    client.stores.runs.append(run.id, "a-fault", [replace(FINDING, summary="Finer.")])
    found = client.get(Run, run.id)
    assert found is not None
    assert [(f.check, f.summary) for f in found.findings] == [("a-fault", "Finer."), ("b-fault", "Fine.")]


def test_a_cancelled_run_remains_cancelled(client: Client, diagnoser: Diagnoser) -> None:
    run = client.start(ORDER).run
    assert client.stop(run, "U0BOB")
    assert not client.stop(run, "U0ALICE")
    assert not client.stores.runs.append(run.id, "a-fault", [FINDING])
    diagnoser.execute(run.id)
    found = client.get(Run, run.id)
    assert found is not None
    assert (found.state, found.cancelled_by, found.findings) == (RunState.CANCELLED, "U0BOB", ())


def test_a_name_in_two_namespaces_is_refused_with_both(client: Client, diagnoser: Diagnoser) -> None:
    run = client.start(replace(ORDER, target=Target("twin", "egw"))).run
    diagnoser.execute(run.id)
    found = client.get(Run, run.id)
    assert found is not None
    assert found.state is RunState.REFUSED
    assert found.choices == ("shop/egw", "team-egress/egw")


def test_a_cluster_that_cannot_be_opened_is_refused_with_the_reason(client: Client, diagnoser: Diagnoser) -> None:
    for name in ("gone", "never-configured"):
        run = client.start(replace(ORDER, key=name, target=Target(name, "egw"))).run
        diagnoser.execute(run.id)
        found = client.get(Run, run.id)
        assert found is not None
        assert found.state is RunState.REFUSED
        assert name in found.problem


def test_a_run_that_takes_its_worker_down_is_ended_with_a_token(
    client: Client, diagnoser: Diagnoser, caplog: pytest.LogCaptureFixture
) -> None:
    run = client.start(ORDER).run
    for _ in range(MAX_RUN_ATTEMPTS):
        begin(client, run)
    diagnoser.execute(run.id)
    found = client.get(Run, run.id)
    assert found is not None
    assert found.state is RunState.FAILED
    assert "its worker was killed" in found.problem
    assert f"error {found.error}" in caplog.text, "the token is in no log"


def test_the_janitor_sends_a_lost_run_again_and_not_at_every_tick(client: Client, redis_client: redis.Redis) -> None:
    run = client.start(ORDER).run
    redis_client.delete("egress-diag:diagnose")
    run_janitor(client.stores)
    assert queued(redis_client) == 0, "it may still wait in the queue"
    begin(client, run)
    run_janitor(client.stores)
    run_janitor(client.stores)
    assert queued(redis_client) == 1
    lease = client.stores.runs.lease(run.id, 10)
    assert lease.acquire()
    redis_client.delete("egress-diag:diagnose", f"egress-diag:run:{run.id}:resent")
    run_janitor(client.stores)
    assert queued(redis_client) == 0, "a worker holds it"
    lease.release()


def test_the_janitor_ends_a_run_without_a_worker_after_half_an_hour(client: Client, redis_client: redis.Redis) -> None:
    run = client.start(ORDER).run
    long_ago = (datetime.now(UTC) - timedelta(minutes=31)).isoformat()
    redis_client.hset(f"egress-diag:run:{run.id}", "created", long_ago)
    run_janitor(client.stores)
    found = client.get(Run, run.id)
    assert found is not None
    assert found.state is RunState.FAILED
    assert "No worker" in found.problem


def test_without_a_worker_and_a_courier_the_queues_do_not_grow(client: Client, redis_client: redis.Redis) -> None:
    """A round was followed by a message for each due document: 450 after 75 s with 50 runs."""
    for number in range(50):
        client.start(replace(ORDER, key=f"command/{number}", target=replace(ORDER.target, gateway=f"egw-{number}")))
    client.request(LISTING)
    client.request(DigestOrder("d1", "C0OPS", ("base", "twin"), datetime.now(UTC)))
    for _ in range(8):
        # As if the seconds had passed after which a message counts as lost.
        for pattern in ("told:*", "run:*:resent", "listing:*:resent", "sweep:sent:*"):
            for key in redis_client.scan_iter(f"egress-diag:{pattern}"):
                redis_client.delete(key)
        for key in client.stores.documents.due(-1):
            redis_client.zadd("egress-diag:due", {key: 0})
        for key in redis_client.keys("egress-diag:run:????????????"):
            redis_client.hset(key, "created", (datetime.now(UTC) - timedelta(minutes=5)).isoformat())
        redis_client.zadd("egress-diag:listings", {LISTING.id: time.time() - 60})
        run_janitor(client.stores)
        drive_fleet(client.stores)
    found = {queue: queued(redis_client, queue) for queue in ("diagnose", "courier", "sweep")}
    assert found == {"diagnose": 51, "courier": 50, "sweep": 2}


def test_without_a_courier_changes_send_a_bounded_number_of_messages(client: Client, redis_client: redis.Redis) -> None:
    """Each change ten seconds after the last was a message; what is not sent remains due."""
    for number in range(MOST_WAITING + 20):
        client.stores.documents.changed(f"run/{number}")
    assert queued(redis_client, "courier") == MOST_WAITING
    assert len(client.stores.documents.due(-1)) == MOST_WAITING + 20


def test_a_list_whose_task_was_lost_is_sent_again(client: Client, redis_client: redis.Redis) -> None:
    client.request(LISTING)
    redis_client.delete("egress-diag:diagnose")
    run_janitor(client.stores)
    assert queued(redis_client) == 0, "a worker may have it"
    redis_client.zadd("egress-diag:listings", {LISTING.id: time.time() - 60})
    for _ in range(2):
        run_janitor(client.stores)
        assert queued(redis_client) == 1


def test_a_list_that_no_worker_answers_is_answered_once(client: Client, redis_client: redis.Redis) -> None:
    client.request(LISTING)
    redis_client.zadd("egress-diag:listings", {LISTING.id: time.time() - 360})
    run_janitor(client.stores)
    found = client.get(Listing, LISTING.id)
    assert found is not None
    assert found.state is ListingState.FAILED
    assert found.problem.startswith("No worker answered the request (error ")
    assert client.stores.documents.due(-1) == (f"listing/{LISTING.id}",)
    assert not client.stores.listings.answer(replace(LISTING, state=ListingState.DONE)), "a late worker changes nothing"
    assert client.get(Listing, LISTING.id) == found
    assert redis_client.zcard("egress-diag:listings") == 0


def test_the_janitor_notifies_the_courier_of_due_documents(client: Client, redis_client: redis.Redis) -> None:
    run = client.start(ORDER).run
    redis_client.delete("egress-diag:courier")
    run_janitor(client.stores)
    assert queued(redis_client, "courier") == 0, "word is under way"
    for key in redis_client.scan_iter("egress-diag:told:*"):
        redis_client.delete(key)
    redis_client.zadd("egress-diag:due", {f"run/{run.id}": 0})
    run_janitor(client.stores)
    run_janitor(client.stores)
    assert queued(redis_client, "courier") == 1


def test_changes_that_slack_does_not_show_are_counted(client: Client) -> None:
    """App Home shows this number: the courier is down while it grows."""
    assert client.installation(()).undelivered == 0
    for key in ("command/1", "command/2"):
        client.start(replace(ORDER, key=key, target=replace(ORDER.target, gateway=key)))
    assert client.installation(()).undelivered == 2


def test_every_key_of_a_run_expires(client: Client, diagnoser: Diagnoser, redis_client: redis.Redis) -> None:
    """Every key of a single run expires; the records of gateways and the audit stay."""
    run = client.start(ORDER).run
    diagnoser.execute(run.id)
    for key in redis_client.scan_iter(f"*{run.id}*"):
        assert redis_client.ttl(key) > 0, key


def test_a_run_that_a_person_stops_at_its_end_is_not_in_the_history_and_leaves_no_evidence(
    client: Client, config: Config, diagnoser: Diagnoser
) -> None:
    """Its report was complete, but not accepted: the run had been stopped."""

    class StoppedAtTheEnd(Runs):
        def finish(self, run: Run, report: Report, first_seen: tuple[FirstSeen, ...] = ()) -> bool:
            assert self.cancel(run, "U0BOB")
            return super().finish(run, report, first_seen)

    kept = config.retention.runs
    client.stores.runs = StoppedAtTheEnd(client.stores.redis, "egress-diag:", kept, kept)
    run = client.start(ORDER).run
    diagnoser.execute(run.id)
    found = client.get(Run, run.id)
    assert found is not None
    assert (found.state, found.report) == (RunState.CANCELLED, None)
    assert client.deliveries.evidence(run.id) is None
    assert client.stores.history.verdicts("base") == {}


def test_a_remarked_run_is_kept_for_a_year(client: Client, diagnoser: Diagnoser, redis_client: redis.Redis) -> None:
    run = client.start(ORDER).run
    diagnoser.execute(run.id)
    client.remark(run, "U0BOB", "not true")
    for key in (f"run:{run.id}", f"evidence:{run.id}", f"run:{run.id}:remarks"):
        assert redis_client.ttl(f"egress-diag:{key}") > 300 * 86400, key


def test_without_redis_a_request_is_refused_at_once(config: Config) -> None:
    client = connect(WorkerSettings(REDIS_URL="redis://127.0.0.1:1/0"), config)
    began = datetime.now(UTC)
    with pytest.raises(Unavailable):
        client.start(ORDER)
    assert (datetime.now(UTC) - began).total_seconds() < 5
    client.close()
