"""A task that exceeds its time limit is ended as such, wherever the signal meets it."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from checks.config.configuration import ClusterConfig, Config
from checks.config.configuration_file import load
from checks.sources.source import Source
from tests.clusters.compose import named, write_bundle
from workers.client import ConnectedClient as Client
from workers.client import connect
from workers.queue.settings import WorkerSettings
from workers.records.listing import Listing, ListingState
from workers.records.run import Order, Run, RunState, Target
from workers.runs.cluster_sources import ClusterSources
from workers.tasks.execution import Diagnoser
from workers.tasks.run_tasks import answer_listing, refresh_inventory
from workers.tasks.time_limit import TimeLimitReached, interrupted_by_time_limit

ORDER = Order(Target("base", "egw", "team-egress"), "U0ALICE", "C0OPS", "command/1")


class SignalledSources(ClusterSources):
    """Sources of a worker whose pool signals the time limit right after a source was opened."""

    def source(self, entry: ClusterConfig, namespace: str | None = None) -> Source:
        opened = super().source(entry, namespace)
        os.kill(os.getpid(), signal.SIGUSR1)
        return opened


class DefectiveSources(ClusterSources):
    """Sources with a defect."""

    def source(self, entry: ClusterConfig, namespace: str | None = None) -> Source:
        raise KeyError(entry.name, namespace)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    write_bundle(named("base"), tmp_path / "base")
    (tmp_path / "egress-diag.yaml").write_text("clusters:\n  - {name: base, bundle: base}\n")
    return load(tmp_path / "egress-diag.yaml")


@pytest.fixture
def client(redis_url: str, config: Config) -> Iterator[Client]:
    found = connect(WorkerSettings(REDIS_URL=redis_url), config, retry=True)
    yield found
    found.close()


def test_a_run_that_exceeds_its_time_limit_is_ended_with_a_token_of_the_log(
    client: Client, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    run = client.start(ORDER).run
    Diagnoser(client.stores, SignalledSources(config)).execute(run.id)
    found = client.get(Run, run.id)
    assert found is not None
    assert (found.state, found.problem) == (RunState.FAILED, "The run exceeded its time limit.")
    assert f"error {found.error}" in caplog.text


def test_a_broad_catch_does_not_swallow_the_time_limit() -> None:
    """Checks and client libraries catch Exception, and would continue."""

    def broad() -> str:
        try:
            os.kill(os.getpid(), signal.SIGUSR1)
        except Exception:  # noqa: BLE001 - the subject of the test
            return "swallowed"
        return "not interrupted"

    with pytest.raises(TimeLimitReached), interrupted_by_time_limit():
        broad()
    assert issubclass(SoftTimeLimitExceeded, Exception), "Celery's own exception would be enough"


def test_other_threads_and_later_tasks_keep_the_handler_of_the_pool() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    with interrupted_by_time_limit():
        assert signal.getsignal(signal.SIGUSR1) is not before
    assert signal.getsignal(signal.SIGUSR1) is before

    def enter() -> None:
        with interrupted_by_time_limit():
            seen.append(signal.getsignal(signal.SIGUSR1))

    seen: list[object] = []
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before]


def test_a_list_that_exceeds_its_time_limit_is_answered(
    client: Client, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    """Celery's exception ended the task, and the person got no answer."""
    client.request(Listing("1234567890ab", "base", "U0ALICE", "C0OPS"))
    answer_listing(client.stores, SignalledSources(config), "1234567890ab")
    found = client.get(Listing, "1234567890ab")
    assert found is not None
    assert found.state is ListingState.FAILED
    token = found.problem.removeprefix("Azure did not answer in time (error ").removesuffix(").")
    assert f"exceeded its time limit, error {token}" in caplog.text
    assert client.stores.documents.due(-1) == ("listing/1234567890ab",)


def test_a_list_that_fails_with_an_exception_is_answered(
    client: Client, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    client.request(Listing("1234567890ab", "base", "U0ALICE", "C0OPS"))
    answer_listing(client.stores, DefectiveSources(config), "1234567890ab")
    found = client.get(Listing, "1234567890ab")
    assert found is not None
    token = found.problem.removeprefix("The read failed (error ").removesuffix(").")
    assert f"listing 1234567890ab failed, error {token}" in caplog.text


def test_a_refresh_that_exceeds_its_time_limit_keeps_the_known_gateways(
    client: Client, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    refresh_inventory(client.stores, ClusterSources(config), "base")
    known = client.gateways.known("base")
    assert known
    refresh_inventory(client.stores, SignalledSources(config), "base")
    assert "reading the gateways of base exceeded its time limit, error " in caplog.text
    assert client.gateways.known("base") == known
