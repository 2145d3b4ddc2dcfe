"""kill -9 in the middle of a run: one complete thread within a minute of everything being back, nothing twice or missing."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.sandbox import RateLimits, SandboxServer
from tests.bot.conftest import broken_cluster, write_config
from tests.bot.live_cluster import slow_cluster
from tests.redis_server import RedisServer
from tests.system import System, complete, slot, slots, whole_thread

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WITHIN = 60.0
"""Seconds from everything being back to a complete thread."""


@dataclass(frozen=True)
class Stage:
    """A system over a slow cluster, on a Redis that keeps what it acknowledged."""

    system: System
    slack: SandboxServer
    redis: RedisServer


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    redis = RedisServer(tmp_path, durable=True)
    redis.start()
    try:
        with (
            SandboxServer(limits=RateLimits()) as slack,
            slow_cluster(tmp_path, broken_cluster(), seconds=4) as (_, entry),
            System(tmp_path, redis, slack, write_config(tmp_path, entry)) as system,
        ):
            yield Stage(system, slack, redis)
    finally:
        redis.kill()


def begin(stage: Stage) -> None:
    """Starts a run and waits until it is in the middle: steps are shown, the slow read is still out."""
    ack = stage.slack.say("/egress-diag live team-egress/egw")
    assert ack.ok, ack
    stage.system.wait(lambda: len(whole_thread(stage.slack)) > 1, 30, "nothing of the run is shown")
    assert "verdict" not in slots(whole_thread(stage.slack)), "the run was over before it could be met in the middle"


def ends_complete(stage: Stage) -> None:
    """Within a minute there is one complete thread, and it stays as it is."""
    began = time.monotonic()

    def whole() -> bool:
        thread = whole_thread(stage.slack)
        return complete(thread) and "finding/gateway-pool-missing" in slots(thread)

    stage.system.wait(whole, WITHIN, "no complete thread")
    print(f"complete after {time.monotonic() - began:.1f} s")
    _settle(stage)
    thread = whole_thread(stage.slack)
    found = slots(thread)
    assert len(found) == len(set(found)), found
    assert complete(thread)
    assert len([m for m in stage.slack.messages() if slot(m) == "parent"]) == 1
    assert f"{len(_steps_shown(stage))} steps" == f"{len(set(_steps_shown(stage)))} steps", "a step is shown twice"
    shown = {
        line.split()[1] for m in thread for line in m.shown.splitlines() if line[:1] in "✅▫❌⚠❔" and " EG" in line
    }
    assert len(shown) > 20, "steps are missing"


def _steps_shown(stage: Stage) -> list[str]:
    """Every line of a passed or skipped step."""
    thread = whole_thread(stage.slack)
    return [
        line
        for message in thread
        if slot(message).startswith("steps/")
        for line in message.shown.splitlines()
        if line.startswith(("✅", "▫️"))
    ]


def _settle(stage: Stage) -> None:
    """Until nothing has changed for some seconds."""
    count, since = len(stage.slack.changes()), time.monotonic()
    while time.monotonic() - since < 4:
        time.sleep(0.1)
        if len(stage.slack.changes()) != count:
            count, since = len(stage.slack.changes()), time.monotonic()


def test_the_worker_dies_and_another_one_carries_on(stage: Stage) -> None:
    begin(stage)
    stage.system.kill("worker")
    stage.system.start("worker")
    ends_complete(stage)


def test_the_workers_pool_child_dies_as_when_memory_runs_out(stage: Stage) -> None:
    begin(stage)
    for child in stage.system.children("worker"):
        os.kill(child, signal.SIGKILL)
    ends_complete(stage)


def test_the_courier_dies_and_another_one_carries_on(stage: Stage) -> None:
    begin(stage)
    stage.system.kill("courier")
    time.sleep(1)
    stage.system.start("courier")
    ends_complete(stage)


def test_the_courier_dies_in_the_middle_of_a_thread_whose_run_has_ended(stage: Stage) -> None:
    begin(stage)
    stage.system.wait(lambda: "verdict" in slots(whole_thread(stage.slack)), 30, "no verdict")
    stage.system.kill("courier")
    stage.system.start("courier")
    ends_complete(stage)


@pytest.mark.parametrize("away", [1.0, 15.0])
def test_redis_dies_and_comes_back(stage: Stage, away: float) -> None:
    begin(stage)
    stage.redis.kill()
    time.sleep(away)
    stage.redis.start()
    ends_complete(stage)


def test_everything_dies_at_once(stage: Stage) -> None:
    begin(stage)
    for name in ("worker", "courier", "beat", "listener"):
        stage.system.kill(name)
    stage.redis.kill()
    stage.redis.start()
    for name in ("worker", "courier", "beat", "listener"):
        stage.system.start(name)
    ends_complete(stage)
