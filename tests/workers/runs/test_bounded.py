"""Records that grow with time or with what people type are bounded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis

from checks.config.configuration import Config
from checks.config.configuration_file import load
from tests.clusters.compose import named, write_bundle
from workers.client import ConnectedClient, connect
from workers.queue.settings import WorkerSettings
from workers.records.run import Order, Run, Target
from workers.runs.cluster_sources import ClusterSources
from workers.runs.history import MOST_GATEWAYS
from workers.runs.run_store import MOST_REMARKS
from workers.tasks.execution import Diagnoser

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
    found = connect(WorkerSettings(REDIS_URL=redis_url), config, retry=True)
    yield found
    found.close()


@pytest.fixture
def run(client: ConnectedClient) -> Run:
    return client.start(Order(Target("base", "egw", "team-egress"), "U0ALICE", "C0OPS", "command/1")).run


def test_the_owners_of_a_cluster_are_bounded(client: ConnectedClient, redis_client: redis.Redis) -> None:
    """A name is one that a person typed: nothing removed it, and the key had no end."""
    history, owners = client.stores.history, client.stores.fleet.owners
    for number in range(3):
        owners.take("base", f"typed-{number}", "U0ALICE", "button", NOW - timedelta(days=number))
    one = redis_client.hget(f"{PREFIX}owners:base", "typed-0")
    assert one is not None
    redis_client.hset(f"{PREFIX}owners:base", mapping={f"more-{n}": one for n in range(MOST_GATEWAYS - 3)})
    owners.take("base", "team-egress/egw", "U0BOB", "button", NOW)
    found = history.owners("base")
    assert len(found) == MOST_GATEWAYS
    assert {"typed-0", "typed-1", "team-egress/egw"} <= found.keys()
    assert "typed-2" not in found, "the oldest"
    assert 0 < redis_client.ttl(f"{PREFIX}owners:base") <= 30 * 86400


def test_the_verdicts_of_a_cluster_are_bounded(
    client: ConnectedClient, run: Run, config: Config, redis_client: redis.Redis
) -> None:
    """A gateway that was removed from its cluster kept its verdict for ever."""
    value = {"verdict": "healthy", "root_causes": [], "at": NOW.isoformat(), "run": "a"}
    stored: dict[Any, Any] = {f"ns/gone-{n}": json.dumps(value) for n in range(MOST_GATEWAYS)}
    stored["ns/gone-7"] = json.dumps({**value, "at": (NOW - timedelta(days=9)).isoformat()})
    redis_client.hset(f"{PREFIX}verdicts:base", mapping=stored)
    assert len(client.stores.history.verdicts("base")) == MOST_GATEWAYS
    Diagnoser(client.stores, ClusterSources(config)).execute(run.id)
    found = client.stores.history.verdicts("base")
    assert len(found) == MOST_GATEWAYS
    assert "ns/gone-7" not in found
    assert found["team-egress/egw"].run == run.id
    assert 0 < redis_client.ttl(f"{PREFIX}verdicts:base") <= 30 * 86400


def test_the_comments_on_a_run_are_bounded_and_no_key_lists_all(
    client: ConnectedClient, run: Run, redis_client: redis.Redis
) -> None:
    """The runs with comments were a set without an end."""
    for number in range(MOST_REMARKS + 5):
        client.remark(run, "U0BOB", f"comment {number}")
    found = [each.comment for each in client.stores.runs.remarks(run.id)]
    assert (len(found), found[0], found[-1]) == (MOST_REMARKS, "comment 5", f"comment {MOST_REMARKS + 4}")
    # The transport keeps one set of bindings for each queue; it declares them before the first message of a process.
    kept = [key for key in redis_client.scan_iter(f"{PREFIX}*") if not key.startswith(f"{PREFIX}_kombu.".encode())]
    endless = [key for key in kept if redis_client.ttl(key) < 0]
    assert set(endless) <= {f"{PREFIX}{name}".encode() for name in ("active", "due", "courier", "diagnose")}


def test_a_comment_on_an_expired_run_leaves_no_record(
    client: ConnectedClient, run: Run, redis_client: redis.Redis
) -> None:
    redis_client.delete(f"{PREFIX}run:{run.id}")
    client.remark(run, "U0BOB", "not broken")
    assert not redis_client.exists(f"{PREFIX}run:{run.id}:remarks")
