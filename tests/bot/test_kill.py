"""After kill -9 during a run, one complete thread appears within a minute of recovery.

No message is missing, and none appears twice.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import redis

from bot.sandbox import RateLimits, SandboxServer, StoredMessage
from tests.bot.conftest import broken_cluster, write_config
from tests.bot.live_cluster import slow_cluster
from tests.loopback.faults import Fault
from tests.loopback.kube import KubeServer
from tests.redis_server import RedisServer
from tests.system import PATIENT, System, complete, document, slot, slots, whole_thread

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WITHIN = 60.0
"""Seconds from the recovery of all processes to a complete thread."""


ALL = ("worker", "courier", "beat", "listener")


_COUNTED = re.compile(r"(\d+) (?:passed|does not apply|do not apply)")


@dataclass
class Stage:
    """A system with a slow cluster and a durable Redis. Each test starts its own thread."""

    system: System
    slack: SandboxServer
    redis: RedisServer
    kube: KubeServer
    number: int = 0
    ended: dict[int, str] = field(default_factory=dict)
    """The tests whose thread became complete, by the number of the thread."""

    @property
    def thread(self) -> list[StoredMessage]:
        """The thread of the test."""
        return whole_thread(self.slack, number=self.number)

    def renew(self) -> None:
        """Replace every process, with an empty Redis."""
        for name in [*self.system.processes]:
            self.system.kill(name)
        self.redis.kill()
        self.redis.start()
        with redis.Redis.from_url(self.redis.url) as client:
            client.flushall()
        for name in ALL:
            self.system.start(name)


@pytest.fixture(scope="module")
def shared_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The system that the tests share, in which a test restarts what it kills.

    At the end, no complete thread has changed after its run.
    """
    folder = tmp_path_factory.mktemp("kill")
    server = RedisServer(folder, durable=True)
    server.start()
    try:
        with (
            SandboxServer(limits=RateLimits(), timing=PATIENT) as slack,
            slow_cluster(folder, broken_cluster(), seconds=0) as (kube, entry),
            System(folder, server, slack, write_config(folder, entry)) as system,
        ):
            made = Stage(system, slack, server, kube)
            yield made
            _settle(made)
            for number, test in made.ended.items():
                made.number = number
                print(f"the thread of {test}")
                is_complete(made)
    finally:
        server.kill()


@pytest.fixture
def stage(shared_stage: Stage, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """The shared system for one test.

    A test during which a process ended by itself fails, and so does one without a complete thread. The next test gets
    new processes then, and does not fail because of the earlier one.
    """
    shared_stage.system.wait_ready()
    shared_stage.system.idle()
    shared_stage.system.end_incidents()
    shared_stage.number = len([message for message in shared_stage.slack.messages() if slot(message) == "parent"])
    yield shared_stage
    ended = shared_stage.system.ended()
    if is_whole := complete(shared_stage.thread):
        shared_stage.ended[shared_stage.number] = request.node.name
    if ended or not is_whole:
        logs = "\n".join(f"--- {name}\n{shared_stage.system.log(name)[-3000:]}" for name in ended)
        shared_stage.renew()
        assert not ended, f"ended during {request.node.name}, with the exit codes {ended}\n{logs}"


def begin(stage: Stage) -> None:
    """Start a run and wait until steps are shown and the slow read is pending."""
    stage.kube.faults.faults[:] = [Fault("virtualservices", hang=8, times=1)]
    ack = stage.slack.say("/egress-diag live team-egress/egw")
    assert ack.ok, ack
    stage.system.wait(lambda: len(stage.thread) > 1, 60, "the run is not shown")
    assert "verdict" not in slots(stage.thread), "the run ended before it could be interrupted"


def ends_complete(stage: Stage) -> None:
    """Wait at most a minute for one complete thread."""
    began = time.monotonic()
    stage.system.wait(
        lambda: (
            complete(stage.thread)
            and "finding/gateway-pool-missing" in slots(stage.thread)
            and _checks_counted(stage) > 20
        ),
        WITHIN,
        "no complete thread",
    )
    print(f"complete after {time.monotonic() - began:.1f} s")
    is_complete(stage)


def is_complete(stage: Stage) -> None:
    """Assert that the thread has everything of an ended run, and nothing twice."""
    found = [(document(message), slot(message)) for message in stage.thread]
    assert len(found) == len(set(found)), found
    assert complete(stage.thread)
    steps = _steps_shown(stage)
    assert f"{len(steps)} steps" == f"{len(set(steps))} steps", "a step is shown twice"
    assert _checks_counted(stage) > 20, "steps are missing"


def _checks_counted(stage: Stage) -> int:
    """The checks in the lines of the stages, which are delivered after the verdict."""
    return sum(int(number) for line in _steps_shown(stage) for number in _COUNTED.findall(line))


def _steps_shown(stage: Stage) -> list[str]:
    """The lines of the stages, with the numbers of passed and skipped checks."""
    return [
        line
        for message in stage.thread
        if slot(message) == "steps"
        for line in message.shown.splitlines()
        if _COUNTED.search(line) and ":" in line
    ]


def _settle(stage: Stage) -> None:
    """Wait until nothing has changed for four seconds."""
    count, since = len(stage.slack.changes()), time.monotonic()
    while time.monotonic() - since < 4:
        time.sleep(0.1)
        if len(stage.slack.changes()) != count:
            count, since = len(stage.slack.changes()), time.monotonic()


def test_the_worker_dies_and_another_one_resumes(stage: Stage) -> None:
    begin(stage)
    stage.system.kill("worker")
    stage.system.start("worker")
    ends_complete(stage)


def test_the_workers_pool_child_is_killed_as_on_out_of_memory(stage: Stage) -> None:
    begin(stage)
    for child in stage.system.children("worker"):
        os.kill(child, signal.SIGKILL)
    ends_complete(stage)


def test_the_courier_dies_and_another_one_resumes(stage: Stage) -> None:
    begin(stage)
    stage.system.kill("courier")
    time.sleep(1)
    stage.system.start("courier")
    ends_complete(stage)


def test_the_courier_dies_while_it_delivers_an_ended_run(stage: Stage) -> None:
    begin(stage)
    stage.system.wait(lambda: "verdict" in slots(stage.thread), 60, "no verdict")
    stage.system.kill("courier")
    stage.system.start("courier")
    ends_complete(stage)


@pytest.mark.parametrize("away", [1.0, 15.0])
def test_redis_dies_and_is_restarted(stage: Stage, away: float) -> None:
    begin(stage)
    stage.redis.kill()
    time.sleep(away)
    stage.redis.start()
    ends_complete(stage)


@pytest.mark.parametrize("killed", [("worker",), ("courier",), ALL])
def test_a_second_command_during_an_incident_updates_the_card(stage: Stage, killed: tuple[str, ...]) -> None:
    stage.kube.faults.faults[:] = []
    assert stage.slack.say("/egress-diag live team-egress/egw").ok
    ends_complete(stage)
    stage.kube.faults.faults[:] = [Fault("virtualservices", hang=8, times=1)]
    answer = stage.slack.say("/egress-diag live team-egress/egw", user="U0BOB")
    assert answer.message is not None
    assert "runs in the thread of" in answer.message.shown

    def second() -> StoredMessage | None:
        return next((m for m in stage.thread[1:] if slot(m) == "parent"), None)

    stage.system.wait(second, 60, "the second run is not shown")
    for name in killed:
        stage.system.kill(name)
    for name in killed:
        stage.system.start(name)
    stage.system.wait(lambda: "Nothing changed" in (second() or stage.thread[0]).shown, WITHIN, "no result")
    stage.system.wait(lambda: "<@U0BOB>" in stage.thread[0].shown, WITHIN, "the card does not show the last check")
    parents = [m for m in stage.slack.messages() if slot(m) == "parent"]
    assert len(parents) == stage.number + 1
    assert sum(slot(m) == "parent" for m in stage.thread[1:]) == 1


def test_all_processes_die_at_once(stage: Stage) -> None:
    begin(stage)
    for name in ALL:
        stage.system.kill(name)
    stage.redis.kill()
    stage.redis.start()
    for name in ALL:
        stage.system.start(name)
    ends_complete(stage)
