"""A record that cannot be read is left out and named, and the others are served."""

from __future__ import annotations

import importlib
import logging
import pkgutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis
from pydantic import TypeAdapter

import checks as checks_package
import workers as workers_package
from checks.config.configuration import Config
from checks.config.configuration_file import load
from checks.doctor.requirement_lines import DoctorOptions, State
from tests.clusters.compose import named, write_bundle
from workers.client import ConnectedClient, connect
from workers.doctor.part import workers
from workers.queue.settings import WorkerSettings
from workers.records.delivered import Delivered, Deliveries
from workers.records.digest import Digest, DigestOrder
from workers.records.gateway_state import SweptCluster
from workers.records.handoff import Handoff
from workers.records.listing import Listing
from workers.records.run import Order, Run, Target
from workers.records.schedule import Schedule
from workers.records.watch import Watch
from workers.runs.cluster_sources import ClusterSources
from workers.runs.unreadable import UnreadableRecords
from workers.tasks.beat import step_watches
from workers.tasks.execution import Diagnoser
from workers.tasks.fleet_tasks import drive_fleet
from workers.tasks.janitor import run_janitor
from workers.telemetry.metrics import BacklogCollector

TARGET = Target("base", "egw", "team-egress")
BROKEN = "{broken"
PREFIX = "egress-diag:"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("clusters")
    write_bundle(named("base"), folder / "base")
    (folder / "egress-diag.yaml").write_text("clusters:\n  - {name: base, bundle: base}\n")
    return load(folder / "egress-diag.yaml")


@pytest.fixture
def client(redis_url: str, config: Config) -> Iterator[ConnectedClient]:
    found = connect(WorkerSettings(REDIS_URL=redis_url, EGRESS_DIAG_LEASE=60, EGRESS_DIAG_TICK=1), config, retry=True)
    yield found
    found.close()


@pytest.fixture
def run(client: ConnectedClient, config: Config) -> Run:
    """A run that has ended, and which the history and the ledger know."""
    made = client.start(Order(TARGET, "U0ALICE", "C0OPS", "command/1")).run
    Diagnoser(client.stores, ClusterSources(config)).execute(made.id)
    found = client.get(Run, made.id)
    assert found is not None
    return found


def break_records(db: redis.Redis, run: Run) -> None:
    """Write one record of each kind that cannot be read, beside those that can."""
    soon, ids = NOW.timestamp(), {"active": "run:{}", "watches": "watch:{}", "listings": "listing:{}"}
    for index, record in ids.items():
        for name, stored in (("000000000bad", BROKEN), ("00000000list", "[]")):
            db.zadd(f"{PREFIX}{index}", {name: 1})
            if index == "active":
                db.hset(PREFIX + record.format(name), mapping={"order": stored, "state": "queued"})
            else:
                db.set(PREFIX + record.format(name), stored)
    for key in ("verdicts:base", "owners:base", "fleet:state:base", "fleet:mutes", "undelivered", "digest:schedules"):
        db.hset(PREFIX + key, "bad/bad", BROKEN)
    for key in ("fleet:events:base", "fleet:sweeps:base"):
        db.zadd(PREFIX + key, {BROKEN: soon})
    for key in ("past:base:team-egress/egw", f"run:{run.id}:remarks"):
        db.rpush(PREFIX + key, BROKEN)
    db.zadd(PREFIX + "digests", {"bad": 1})
    db.set(PREFIX + "digest:order:bad", BROKEN)
    db.zadd(PREFIX + "sweeps", {"bad": 1})
    db.hset(PREFIX + "sweep:bad", "clusters", "base")
    db.hset(PREFIX + "processes", "bad@host", BROKEN)
    for queue in ("diagnose", "courier", "sweep"):
        db.rpush(PREFIX + queue, BROKEN)


def test_every_loop_over_records_serves_the_others(
    client: ConnectedClient, run: Run, redis_client: redis.Redis
) -> None:
    """One of them ended the rounds of the beat, the App Home and doctor for all."""
    stores = client.stores
    client.own(run, "U0ALICE")
    client.remark(run, "U0BOB", "not broken")
    waiting = client.start(Order(TARGET, "U0ALICE", "C0OPS", "command/2")).run
    watch, _ = client.watch(TARGET, "U0ALICE", "C0OPS", None, timedelta(hours=1))
    listing = Listing("1234567890ab", "base", "U0ALICE", "C0OPS")
    client.request(listing)
    stores.failures.note("run/1", "unknown")
    break_records(redis_client, run)

    assert [each.id for each in client.active(Run)] == [waiting.id]
    assert [each.id for each in client.active(Watch)] == [watch.id]
    assert client.active(Schedule) == ()
    assert [each.id for each, _ in stores.listings.waiting(NOW)] == [listing.id]
    assert [each.comment for each in stores.runs.remarks(run.id)] == ["not broken"]
    state = client.installation(["base"])
    assert (len(state.verdicts), list(state.owners.values())) == (1, ["U0ALICE"])
    history = client.gateways.history("base", "team-egress/egw")
    assert [each.run for each in history.past] == [run.id]
    assert history.state is not None
    span = (NOW - timedelta(days=1), datetime.now(UTC) + timedelta(minutes=1))
    assert list(stores.fleet.ledger.states("base")) == ["team-egress/egw"]
    assert len(stores.fleet.ledger.transitions("base", *span)) == 1
    assert (stores.fleet.ledger.sweeps("base", *span), stores.fleet.ledger.mutes(NOW)) == ((), ())
    assert list(stores.failures.all()) == ["run/1"]
    assert stores.presence.present(NOW) == ()


def test_the_rounds_of_the_beat_do_the_other_work(
    client: ConnectedClient, run: Run, redis_client: redis.Redis, redis_url: str
) -> None:
    watch, _ = client.watch(TARGET, "U0ALICE", "C0OPS", None, timedelta(hours=1))
    waiting = client.start(Order(TARGET, "U0ALICE", "C0OPS", "command/2")).run
    client.request(DigestOrder("d1", "C0OPS", ("base",), NOW))
    break_records(redis_client, run)
    redis_client.delete(PREFIX + "diagnose")
    redis_client.hset(f"{PREFIX}run:{waiting.id}", "created", (NOW - timedelta(minutes=5)).isoformat())
    run_janitor(client.stores)
    assert redis_client.llen(PREFIX + "diagnose") == 1
    drive_fleet(client.stores)
    assert redis_client.llen(PREFIX + "sweep") == 2, "the part of the digest, beside the message that is none"
    step_watches(client)
    stepped = client.get(Watch, watch.id)
    assert stepped is not None
    assert stepped.run
    assert list(BacklogCollector(WorkerSettings(REDIS_URL=redis_url)).collect()), "a metric fails for no message"


def test_a_run_overwrites_records_of_its_gateway_that_cannot_be_read(
    client: ConnectedClient, run: Run, config: Config, redis_client: redis.Redis
) -> None:
    for key in ("verdicts:base", "fleet:state:base"):
        redis_client.hset(PREFIX + key, "team-egress/egw", BROKEN)
    again = client.start(Order(TARGET, "U0ALICE", "C0OPS", "command/2")).run
    Diagnoser(client.stores, ClusterSources(config)).execute(again.id)
    assert client.stores.history.verdicts("base")["team-egress/egw"].run == again.id
    assert client.gateways.history("base", "team-egress/egw").state is not None


def test_an_unreadable_record_is_named_once_in_the_log_and_by_doctor(
    client: ConnectedClient,
    redis_client: redis.Redis,
    redis_url: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    redis_client.zadd(f"{PREFIX}watches", {"000000000bad": 1})
    redis_client.set(f"{PREFIX}watch:000000000bad", BROKEN)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            step_watches(client)
    (logged,) = [each for each in caplog.messages if "cannot be read" in each]
    monkeypatch.setenv("REDIS_URL", redis_url)
    (line,) = [each for each in workers(DoctorOptions()) if each.requirement.name == "records-readable"]
    assert line.state is State.FAILED
    token = logged.rpartition(" ")[2]
    assert line.observed == f"left out: watch/000000000bad; JSONDecodeError, error {token}"
    assert logged == f"watch/000000000bad cannot be read, error {token}"


def test_the_records_that_are_named_are_bounded_and_expire(
    client: ConnectedClient, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    found = UnreadableRecords(client.stores.redis, PREFIX)
    assert [number for _, number in found.read_each("run", map(str, range(300)), int)] == list(range(300))
    assert list(found.read_each("run", (f"x{number}" for number in range(300)), int)) == []
    assert redis_client.hlen(f"{PREFIX}unreadable") == 100
    assert len([each for each in caplog.messages if "cannot be read" in each]) == 100
    assert 0 < redis_client.ttl(f"{PREFIX}unreadable") <= 86400


def _plain_times(schema: object) -> Iterator[object]:
    """The datetime schemas that are not followed by a function that adds an offset."""
    if isinstance(schema, dict):
        if schema.get("type") == "datetime":
            yield schema
        followed = schema.get("type") == "function-after" and schema["schema"].get("type") == "datetime"
        for value in () if followed else schema.values():
            yield from _plain_times(value)
    elif isinstance(schema, list | tuple):
        for value in schema:
            yield from _plain_times(value)


def test_every_time_of_a_record_has_an_offset() -> None:
    """A time without one was accepted, and could then not be compared with any other."""
    folders = (workers_package, checks_package)
    names = [each.name for folder in folders for each in pkgutil.walk_packages(folder.__path__, f"{folder.__name__}.")]
    loaded = [importlib.import_module(name) for name in names if "__main__" not in name]
    adapters = {
        f"{module.__name__}.{name}": value
        for module in loaded
        for name, value in vars(module).items()
        if isinstance(value, TypeAdapter)
    }
    assert len(adapters) > 20
    assert [name for name, adapter in adapters.items() if list(_plain_times(adapter.core_schema))] == []


def test_a_time_without_an_offset_is_read_as_utc(client: ConnectedClient) -> None:
    watch, _ = client.watch(TARGET, "U0ALICE", "C0OPS", None, timedelta(hours=1))
    key = f"{PREFIX}watch:{watch.id}"
    stored = str(client.stores.redis.get(key))
    client.stores.redis.set(key, stored.replace("Z", ""))
    assert "Z" in stored
    assert client.active(Watch) == (watch,)


def _break(db: redis.Redis, key: str, *fields: str) -> None:
    """Write a value that cannot be read to a key, or to fields of a hash."""
    for field in fields:
        db.hset(PREFIX + key, field, BROKEN)
    if not fields:
        db.set(PREFIX + key, BROKEN)


def break_single_values(db: redis.Redis, run: Run) -> None:
    """Write a value that cannot be read to each key of a single value, and to its fields."""
    document = f"run/{run.id}"
    db.hset(f"{PREFIX}sweep:s1", mapping={"clusters": "base", "created": NOW.isoformat(), "why": ""})
    db.hset(f"{PREFIX}sweep:s1", "until", NOW.isoformat())
    for key in ("inventory:base", "chosen:C0OPS", "sweep:slot", "handoff:h1", "digest:doc:d1", "action:a1"):
        _break(db, key)
    for key in ("watch:w1", "listing:l1", f"evidence:{run.id}", "run:r1:order"):
        _break(db, key)
    db.rpush(f"{PREFIX}probes:base", BROKEN)
    db.zadd(f"{PREFIX}open-actions", {"a1": 1})
    _break(db, "fleet:state:base", "team-egress/egw")
    _break(db, f"fleet:day:base:{NOW.date()}", "team-egress/egw")
    _break(db, "sweep:s1:done", "base")
    _break(db, f"delivered:{document}", "parent", "revision")
    _break(db, f"doubts:{document}", "verdict")
    _break(db, "beat:rounds", "janitor")
    _break(db, "deleted-early", "count", "at", "kept_since")
    _break(db, "unreadable", "run/1")


def test_a_single_value_that_cannot_be_read_counts_as_absent(
    client: ConnectedClient, run: Run, redis_client: redis.Redis
) -> None:
    """Each of them ended the command that read it with an internal error."""
    break_single_values(redis_client, run)
    stores = client.stores
    assert client.gateways.known("base") == ()
    assert client.get(Target, "C0OPS") is None
    assert (client.get(Handoff, "h1"), client.get(Digest, "d1"), client.get(Watch, "w1")) == (None, None, None)
    assert (client.get(Listing, "l1"), client.get(Run, "r1")) == (None, None)
    assert (stores.actions.get("a1"), stores.actions.active(), stores.actions.probe_results("base")) == (None, (), ())
    assert client.gateways.history("base", "team-egress/egw").state is None
    assert list(stores.fleet.ledger.days("base", [NOW.date()]).values()) == ["."]
    assert client.request_file(run, "bundle") == "unreadable"
    named = stores.unreadable.all()
    assert {"inventory/base", "chosen/C0OPS", "handoff/h1"} <= set(named)


def test_the_work_beside_single_values_that_cannot_be_read_is_done(
    client: ConnectedClient, run: Run, redis_client: redis.Redis
) -> None:
    stores = client.stores
    document = f"run/{run.id}"
    stores.documents.note_delivered(document, Delivered("parent", "C0OPS", "1.2", "x"))
    break_single_values(redis_client, run)
    sweep = stores.fleet.sweeps.get("s1")
    assert sweep is not None
    assert sweep.waiting == ("base",)
    assert stores.fleet.sweeps.record_part("s1", SweptCluster("base", "s1", NOW, 1, 1.0)), (
        "it takes the broken one's place"
    )
    assert stores.documents.deliveries(document) == Deliveries()
    assert stores.rounds.ages(NOW)["janitor"] is None
    assert stores.memory.memory.deleted() is None
    run_janitor(stores)
    drive_fleet(stores)
    assert list(BacklogCollector(stores.settings).collect())


def test_a_request_starts_anew_if_the_active_record_cannot_be_read(
    client: ConnectedClient, redis_client: redis.Redis
) -> None:
    """It failed for as long as the record was kept."""
    waiting = client.start(Order(TARGET, "U0ALICE", "C0OPS", "command/1")).run
    watch, _ = client.watch(TARGET, "U0ALICE", "C0OPS", None, timedelta(hours=1))
    redis_client.hset(f"{PREFIX}run:{waiting.id}", "order", BROKEN)
    redis_client.set(f"{PREFIX}watch:{watch.id}", BROKEN)
    joined = client.start(Order(TARGET, "U0BOB", "C0OPS", "command/2"))
    assert (joined.joined, joined.run.id == waiting.id) == (False, False)
    again, active = client.watch(TARGET, "U0ALICE", "C0OPS", None, timedelta(hours=1))
    assert (active, again.id == watch.id) == (False, False)


INDEXES = (
    "presence",
    "open-actions",
    "fleet:mutes",
    "digest:schedules",
    "digest:stopped",
    "handoffs",
    "active",
    "watches",
)


def test_keys_of_the_wrong_type_are_renamed_and_named(
    client: ConnectedClient, redis_client: redis.Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them ended every round of the beat."""
    for index in INDEXES:
        redis_client.set(PREFIX + index, "a string")
    run_janitor(client.stores)
    drive_fleet(client.stores)
    step_watches(client)
    assert client.installation(["base"]).watches == ()
    assert client.stores.fleet.ledger.mutes(NOW) == ()
    assert {index for index in INDEXES if redis_client.exists(f"{PREFIX}{index}:wrong-type")} == set(INDEXES)
    monkeypatch.setenv("REDIS_URL", redis_url)
    (line,) = [each for each in workers(DoctorOptions()) if each.requirement.name == "records-readable"]
    assert (line.state, "active:wrong-type and 7 other keys" in line.observed) == (State.FAILED, True)
