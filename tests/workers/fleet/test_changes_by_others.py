"""Records of watches and of the fleet that another process changes between read and write."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from checks.config.configuration import ClusterConfig, Config
from checks.model.findings import Verdict
from checks.model.recurrence import BadRecurrence, recurrence
from checks.sources.recorded import RecordedSource
from checks.sources.source import Source
from tests.clusters.compose import named
from tests.recordings import recording
from tests.workers.fleet.fleet_world import Truth, seen
from workers.client import ConnectedClient as Client
from workers.client import connect
from workers.fleet.sweeping import Sweeper
from workers.queue.settings import WorkerSettings
from workers.records.handoff import HandoffOrder
from workers.records.mute import Mute
from workers.records.run import Accepted, Order, Target
from workers.records.schedule import Schedule
from workers.records.watch import Watch, WatchState
from workers.runs.documents import LockLost

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
CONFIG = Config(clusters=(ClusterConfig(name="prod", bundle=Path("x")),))
TARGET = Target("prod", "egw", "team-egress")


@pytest.fixture
def client(redis_url: str) -> Iterator[Client]:
    found = connect(WorkerSettings(redis_url=redis_url), CONFIG, retry=True)
    yield found
    found.close()


def test_a_watch_that_is_stopped_while_the_beat_advances_it_stays_stopped(client: Client) -> None:
    watch, _ = client.watch(TARGET, "U0ALICE", "C0OPS", None, timedelta(hours=1))

    def start(order: Order) -> Accepted:
        began = time.monotonic()
        assert client.stop(watch, "U0BOB")
        assert time.monotonic() - began < 5, "a person waits for the beat"
        return client.start(order)

    assert client.stores.watches.step(watch.id, start, client.stores.runs.get) is None
    found = client.get(Watch, watch.id)
    assert found is not None
    assert (found.state, found.stopped_by) == (WatchState.STOPPED, "U0BOB")
    assert client.stores.watches.due() == ()


def test_a_watch_that_is_requested_several_times_at_once_begins_once(client: Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        begun = list(
            pool.map(lambda _: client.stores.watches.begin(TARGET, "U0ALICE", "C0OPS", None, timedelta(1)), range(8))
        )
    assert len({watch.id for watch, _ in begun}) == 1
    assert sum(not joined for _, joined in begun) == 1


def test_the_end_of_a_watch_makes_its_message_due_in_the_same_step(client: Client) -> None:
    watch, _ = client.watch(TARGET, "U0ALICE", "C0OPS", None, timedelta(hours=1))
    document = f"watch/{watch.id}"
    client.stores.documents.end_delivery(document, client.stores.documents.revision(document))
    assert client.stores.watches.stop(watch, "U0BOB")
    assert document in client.stores.documents.due(0)


def schedule(name: str) -> Schedule:
    return Schedule(name, "C0OPS", ("prod",), recurrence("08:00"))


def test_two_schedules_of_one_time_that_are_added_at_once_are_one(client: Client) -> None:
    def add(number: int) -> bool:
        try:
            client.stores.fleet.schedules.add(schedule(f"s{number}"), CONFIG, NOW)
        except BadRecurrence:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(add, range(8))) == 1


def test_a_schedule_that_was_removed_is_not_suspended_later(client: Client, redis_client: redis.Redis) -> None:
    client.stores.fleet.schedules.add(schedule("s1"), CONFIG, NOW)
    assert client.stores.fleet.schedules.remove("s1")
    client.stores.fleet.schedules.stop("s1", "its channel was deleted")
    assert redis_client.hgetall("egress-diag:digest:stopped") == {}


def test_a_handoff_that_was_taken_is_not_reminded_of(client: Client, redis_client: redis.Redis) -> None:
    order = HandoffOrder("h1", "C0OPS", "U0ALICE", NOW, timedelta(hours=8), ("prod",))
    handoffs = client.stores.fleet.handoffs
    assert handoffs.hand_over(order, ())
    assert not handoffs.hand_over(order, ())
    taken = handoffs.take("h1", "U0BOB", NOW)
    assert taken is not None
    assert taken.taken_by == "U0BOB"
    redis_client.zadd("egress-diag:handoffs", {"h1": 0})  # the beat has read it before
    handoffs.remind(NOW + timedelta(hours=1))
    found = handoffs.get("h1")
    assert found is not None
    assert not found.reminded
    assert redis_client.zcard("egress-diag:handoffs") == 0


def test_an_old_mute_is_removed_and_a_new_one_of_the_same_fault_stays(client: Client) -> None:
    ledger = client.stores.fleet.ledger
    mute = Mute("prod", "team-egress/egw", "subnet-full", "U0ALICE", "planned", NOW, NOW + timedelta(hours=1))
    ledger.mute(mute)
    assert ledger.mutes(NOW) == (mute,)
    assert ledger.mutes(NOW + timedelta(hours=2)) == ()
    later = replace(mute, until=NOW + timedelta(hours=9))
    ledger.mute(later)
    assert ledger.mutes(NOW + timedelta(hours=2)) == (later,)
    assert ledger.unmute("prod", "team-egress/egw", "subnet-full")
    assert not ledger.unmute("prod", "team-egress/egw", "subnet-full")


def test_checks_that_several_workers_record_at_once_are_all_there(client: Client, redis_client: redis.Redis) -> None:
    """A worker that was killed while it recorded blocks no other: there is no lock."""
    redis_client.set("egress-diag:fleet:lock:prod", "a worker that was killed", ex=20)
    ledger = client.stores.fleet.ledger

    def record(number: int) -> None:
        ledger.record("prod", [seen(Truth(Verdict.BROKEN), "prod", f"ns/egw{number}", "r1", NOW)], NOW)

    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(record, range(12)))
    assert time.monotonic() - began < 15
    assert len(ledger.states("prod")) == 12
    assert len(ledger.transitions("prod", NOW - timedelta(1), NOW)) == 2 * 12, "each appeared, and its outage began"


def test_a_delivery_of_an_older_revision_does_not_replace_a_newer_one(client: Client) -> None:
    documents = client.stores.documents
    for _ in range(3):
        documents.changed("run/r1")
    assert documents.end_delivery("run/r1", 3)
    assert not documents.end_delivery("run/r1", 2)
    assert documents.deliveries("run/r1").revision == 3


class Broken:
    """A source of a cluster that fails for an unforeseen reason."""

    def kubectl_context(self) -> str:
        return ""

    def now(self) -> datetime:
        raise KeyError("a defect")


def sweeper(client: Client, source: Source) -> Sweeper:
    fleet = client.stores.fleet
    return Sweeper(fleet.sweeps, fleet.ledger, CONFIG, lambda _: source, 20, 30, lambda: NOW)


def test_a_killed_worker_blocks_a_cluster_for_no_longer_than_its_lease(
    client: Client, redis_client: redis.Redis
) -> None:
    sweeps = client.stores.fleet.sweeps
    assert sweeps.begin("s1", ["prod"], NOW, timedelta(minutes=10), "test")
    assert sweeps.lease("prod", 30).acquire()
    worker = sweeper(client, RecordedSource(recording(named("base"))))
    worker.execute("s1", "prod")
    assert not done(client), "another worker is checking it"
    assert 0 < redis_client.pttl("egress-diag:sweep:lease:prod") <= 30_000
    redis_client.delete("egress-diag:sweep:lease:prod")  # its time is over
    worker.execute("s1", "prod")
    assert done(client) == {"prod": ""}


def test_a_cluster_whose_check_fails_twice_is_reported_with_a_token_of_the_log(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.stores.fleet.sweeps.begin("s1", ["prod"], NOW, timedelta(minutes=10), "test")
    worker = sweeper(client, Broken())  # type: ignore[arg-type] # it fails before its other methods are used
    worker.execute("s1", "prod")
    assert not done(client), "one attempt is left"
    worker.execute("s1", "prod")
    problem = done(client)["prod"]
    assert problem.startswith("internal error KeyError (error ")
    assert f"error {problem[-9:-1]}" in caplog.text


def done(client: Client) -> dict[str, str]:
    """The problems of a fleet check's clusters that have a result."""
    found = client.stores.fleet.sweeps.get("s1")
    assert found is not None
    return {each.cluster: each.problem for each in found.done}


def test_the_document_of_a_killed_courier_is_free_after_seconds(client: Client, redis_client: redis.Redis) -> None:
    key = "egress-diag:courier:run/r1"
    with client.stores.documents.hold("run/r1") as held:
        assert held is not None
        assert 0 < redis_client.pttl(key) <= 9000
        with client.stores.documents.hold("run/r1") as other:
            assert other is None
        redis_client.set(key, "another courier")
        with pytest.raises(LockLost):
            held.renew()
        redis_client.delete(key)
        with pytest.raises(LockLost):
            held.renew()  # another courier may have delivered a newer revision since
    with client.stores.documents.hold("run/r1") as again:
        assert again is not None
