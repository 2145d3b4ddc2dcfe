"""Transitions are compare-and-set: a run that has ended stays ended.

A lost reply is not a refusal.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import TimeoutError as TimedOut
from redis.retry import Retry

from checks.config.configuration import Config
from checks.config.configuration_file import load
from tests.clusters.compose import named, write_bundle
from tests.redis_proxy import RedisProxy
from tests.redis_server import RedisServer
from workers.client import ConnectedClient as Client
from workers.client import connect
from workers.client.stores import Stores
from workers.queue.celery_app import make_publisher
from workers.queue.settings import WorkerSettings
from workers.records.delivered import Delivered
from workers.records.handoff import Handoff, HandoffOrder
from workers.records.run import Order, Run, RunState, Target
from workers.runs.cluster_sources import ClusterSources
from workers.runs.compare_and_set import Contended, Expected, Transitions, until_applied
from workers.runs.documents import Documents, LockLost
from workers.tasks.execution import MAX_RUN_ATTEMPTS, Diagnoser

ORDER = Order(Target("base", "egw", "team-egress"), "U0ALICE", "C0OPS", "command/1")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("clusters")
    write_bundle(named("base"), folder / "base")
    (folder / "egress-diag.yaml").write_text("clusters:\n  - {name: base, bundle: base}\n")
    return load(folder / "egress-diag.yaml")


@pytest.fixture
def client(redis_url: str, config: Config) -> Iterator[Client]:
    found = connect(WorkerSettings(REDIS_URL=redis_url), config, retry=True)
    yield found
    found.close()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


def impatient(server: RedisServer, config: Config) -> Client:
    """A client that repeats a command after 0.2 s without a reply; the workers wait 5 s."""
    settings = WorkerSettings(REDIS_URL=server.url)
    connection = redis.Redis.from_url(
        server.url,
        decode_responses=True,
        socket_timeout=0.2,
        retry=Retry(ConstantBackoff(0.05), 40),
        retry_on_error=[Disconnected, TimedOut],
    )
    return Client(Stores(connection, make_publisher(settings), settings, config))


@contextmanager
def paused(server: RedisServer, seconds: float) -> Iterator[None]:
    """Pause a server, and let it go on after so many seconds, while the block runs."""
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGSTOP)
    resume = threading.Timer(seconds, os.kill, (server.process.pid, signal.SIGCONT))
    resume.start()
    yield
    resume.join()


def read(client: Client, run: Run) -> Run:
    found = client.get(Run, run.id)
    assert found is not None
    return found


def test_a_run_that_was_stopped_after_it_was_read_does_not_begin(client: Client) -> None:
    run = client.start(ORDER).run
    lease = client.stores.runs.lease(run.id, 10)
    assert lease.acquire()
    assert client.stop(run, "U0BOB")
    assert client.stores.runs.begin(run, 10, lease) is None
    assert read(client, run).state is RunState.CANCELLED


def test_a_worker_that_lost_its_lease_does_not_begin_the_run_of_another(client: Client) -> None:
    run = client.start(ORDER).run
    first, second = client.stores.runs.lease(run.id, 0.05), client.stores.runs.lease(run.id, 10)
    assert first.acquire()
    assert not threading.Event().wait(0.1)
    assert second.acquire()
    assert client.stores.runs.begin(run, 10, first) is None
    assert client.stores.runs.begin(run, 10, second) == 1


@pytest.mark.slow
def test_a_begin_whose_reply_was_lost_is_one_attempt(own_redis: RedisServer, config: Config) -> None:
    """Redis executes each repetition of the command after its pause."""
    with (
        closing(connect(WorkerSettings(REDIS_URL=own_redis.url), config, retry=True)) as client,
        closing(impatient(own_redis, config)) as slow,
    ):
        run = client.start(ORDER).run
        lease = slow.stores.runs.lease(run.id, 60)
        assert lease.acquire()
        with paused(own_redis, 1.0), ThreadPoolExecutor(1) as pool:
            begun = pool.submit(slow.stores.runs.begin, run, 10, lease)
        assert begun.result() == 1
        found = read(client, run)
        assert (found.state, found.attempts) == (RunState.RUNNING, 1)


@pytest.mark.slow
def test_the_end_of_a_run_whose_reply_was_lost_is_made_once_and_known_to_its_worker(
    own_redis: RedisServer, config: Config
) -> None:
    with closing(impatient(own_redis, config)) as client:
        run = client.start(ORDER).run
        revision = client.stores.documents.revision(f"run/{run.id}")
        with paused(own_redis, 1.0), ThreadPoolExecutor(1) as pool:
            ended = pool.submit(client.stores.runs.fail, run, "No worker took up the run.", "1a2b3c4d")
        assert ended.result(), "the worker believes that the run had ended before, and does not show its end"
        assert client.stores.documents.revision(f"run/{run.id}") == revision + 1
        assert f"run/{run.id}" in client.stores.documents.due(0)


def test_the_end_of_a_run_makes_its_message_due_in_the_same_step(client: Client) -> None:
    """A worker that dies right after it has ended a run leaves no thread at "checking…"."""
    run = client.start(ORDER).run
    document = f"run/{run.id}"
    client.stores.documents.end_delivery(document, client.stores.documents.revision(document))
    assert document not in client.stores.documents.due(0)
    assert client.stores.runs.cancel(run, "U0BOB")
    assert document in client.stores.documents.due(0)


def test_a_note_about_an_expired_run_leaves_no_record(client: Client, redis_client: redis.Redis) -> None:
    run = client.start(ORDER).run
    redis_client.delete(f"egress-diag:run:{run.id}")
    client.own(run, "U0BOB")
    assert not redis_client.exists(f"egress-diag:run:{run.id}")


def test_a_comment_and_a_discard_at_once_keep_the_comment_or_the_deletion(client: Client, config: Config) -> None:
    """The run was deleted after a comment on it was accepted."""
    runs = client.stores.runs
    for number in range(60):
        run = client.start(replace(ORDER, key=f"command/{number}")).run
        runs.cancel(run, "U0ALICE")
        with ThreadPoolExecutor(2) as both:
            begin = threading.Barrier(2)
            comment = both.submit(lambda: (begin.wait(), runs.remark(run, "U0BOB", "not broken"))[1])  # noqa: B023
            discard = both.submit(lambda: (begin.wait(), runs.discard(run.id))[1])  # noqa: B023
        assert comment.result() != discard.result()
        assert (runs.get(run.id) is not None) == comment.result() == bool(runs.remarks(run.id))


def test_failures_that_are_noted_at_once_are_all_counted(client: Client) -> None:
    """Two couriers read the same count; one failure was not counted."""
    failures = client.stores.failures
    with ThreadPoolExecutor(4) as couriers:
        list(couriers.map(lambda _: failures.note("run/1", "unknown"), range(40)))
    assert failures.all()["run/1"].count == 40


def test_a_courier_that_lost_a_document_changes_no_record_of_it(client: Client, redis_client: redis.Redis) -> None:
    """It overwrote the message of the courier that had taken the document over."""
    documents = client.stores.documents
    documents.changed("run/1")
    with documents.hold("run/1") as lost:
        assert lost is not None
        lost.note(Delivered("verdict", "C0OPS", "1.0", "d"))
        redis_client.delete("egress-diag:courier:run/1")
        with documents.hold("run/1") as held:
            assert held is not None
            held.note(Delivered("parent", "C0OPS", "2.0", "d"))
            changes: tuple[Callable[[], None], ...] = (
                lambda: lost.note(Delivered("parent", "C0OPS", "1.0", "d")),
                lambda: lost.forget("parent"),
                lambda: lost.forget_doubt("parent"),
                lambda: lost.note_picture("C0OPS", "F1"),
            )
            for change in changes:
                with pytest.raises(LockLost):
                    change()
            found = held.deliveries().slots
    assert found["parent"] == Delivered("parent", "C0OPS", "2.0", "d")


def test_a_handoff_is_due_in_the_same_step(own_redis: RedisServer, config: Config) -> None:
    """A listener that died before the notification left a handoff that no one saw."""
    with RedisProxy(own_redis.port) as proxy, closing(connect(WorkerSettings(REDIS_URL=proxy.url), config)) as client:
        proxy.break_at(b"told:handoff", times=5)
        order = HandoffOrder("h1", "C0OPS", "U0ALICE", datetime.now(UTC), timedelta(hours=8), ("base",))
        with pytest.raises(Disconnected):
            client.request(order)
        assert client.get(Handoff, "h1") is not None
        assert client.stores.documents.due(-1) == ("handoff/h1",)


def test_one_notification_covers_the_changes_that_follow(client: Client, redis_client: redis.Redis) -> None:
    for _ in range(3):
        client.stores.documents.changed("run/1")
    assert redis_client.llen("egress-diag:courier") == 1


def test_a_notification_that_the_queue_did_not_take_does_not_cover_later_changes(
    client: Client, redis_client: redis.Redis
) -> None:
    """The document would otherwise wait ten seconds for its next notification."""
    nowhere = make_publisher(WorkerSettings(REDIS_URL="redis://127.0.0.1:1/0"))
    Documents(client.stores.redis, "egress-diag:", nowhere).changed("run/1")
    assert redis_client.llen("egress-diag:courier") == 0
    client.stores.documents.changed("run/1")
    assert redis_client.llen("egress-diag:courier") == 1


def test_an_expectation_that_does_not_hold_writes_nothing(redis_client: redis.Redis) -> None:
    transitions = Transitions(redis_client, "egress-diag:")
    redis_client.set("egress-diag:record", "old")
    for reply in ("other", None, "", 3):
        changed = transitions.apply(
            [Expected(("GET", "egress-diag:record"), reply)], [("SET", "egress-diag:record", "new")]
        )
        assert not changed, reply
    assert redis_client.get("egress-diag:record") == b"old"
    assert transitions.apply([Expected(("GET", "egress-diag:none"), None)], [("SET", "egress-diag:record", "ä\n=")])
    assert transitions.apply([Expected(("GET", "egress-diag:record"), "ä\n=")], [("INCR", "egress-diag:count")])
    assert redis_client.get("egress-diag:count") == b"1"


def test_a_race_that_is_lost_each_time_is_an_error() -> None:
    tries = iter([None, None, "won"])
    assert until_applied(lambda: next(tries)) == "won"
    with pytest.raises(Contended):
        until_applied(lambda: None)


@pytest.mark.slow
def test_a_lease_is_renewed_while_its_holder_works_and_free_soon_after_it_died(client: Client) -> None:
    mine, other = client.stores.runs.lease("r1", 3), client.stores.runs.lease("r1", 60)
    assert mine.acquire()
    with mine.kept():
        assert not threading.Event().wait(4)
        assert not other.acquire()
    assert other.acquire(), "it was given back"
    assert not mine.renew()
    assert not mine.release()
    short = client.stores.runs.lease("r2", 0.1)
    assert short.acquire()
    assert not threading.Event().wait(0.3)
    assert short.renew(), "it expired, and no other process took it"


def test_a_run_that_fails_with_an_exception_is_not_said_to_have_killed_its_worker(
    client: Client, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(ClusterSources):
        """Sources whose configuration has a cluster that cannot be opened for an unforeseen reason."""

        def source(self, entry: object, namespace: object = None) -> object:  # type: ignore[override]
            raise KeyError(f"{entry} {namespace}")

    run = client.start(ORDER).run
    for _ in range(MAX_RUN_ATTEMPTS):
        Diagnoser(client.stores, Broken(config)).execute(run.id)
    found = read(client, run)
    assert found.state is RunState.FAILED
    assert found.problem == "The run failed with an internal error (KeyError)."
    assert f"error {found.error}" in caplog.text, "the token is in no log"
