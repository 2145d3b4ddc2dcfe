"""Long outages: 90 seconds of Slack's rate limit, and a restart of everything in a watch."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from bot.sandbox import RateLimits, SandboxServer
from tests.bot.conftest import broken_cluster, write_config
from tests.bot.live_cluster import slow_cluster
from tests.clusters.compose import named, write_bundle
from tests.redis_server import RedisServer
from tests.system import PATIENT, System, complete, slot, slots, whole_thread

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The system of both tests. Each has a channel of its own."""
    folder = tmp_path_factory.mktemp("outages")
    redis = RedisServer(folder, durable=True)
    redis.start()
    try:
        with (
            SandboxServer(limits=RateLimits(), timing=PATIENT) as slack,
            slow_cluster(folder, broken_cluster(), seconds=3) as (_, entry),
            System(
                folder,
                redis,
                slack,
                write_config(folder, entry),
                environment={"EGRESS_DIAG_WATCH_INTERVAL": "1.5"},
            ) as system,
        ):
            yield system
    finally:
        redis.kill()


@pytest.fixture
def system(shared: System) -> System:
    """The shared system, with every process, and without anything that the other test left."""
    shared.slack.faults.clear()
    for name in shared.ended():
        shared.start(name)
    shared.wait_ready()
    shared.idle()
    shared.end_incidents()
    return shared


def test_ninety_seconds_of_rate_limit_during_a_run(system: System) -> None:
    """The verdict is delivered once, before remaining progress, and the thread is complete."""
    slack = system.slack
    assert slack.say("/egress-diag live team-egress/egw").ok
    system.wait(lambda: whole_thread(slack), 90, "nothing is shown")
    slack.faults.rate_limit(90, "chat.postMessage", "chat.update")
    calls = len(slack.calls())
    system.wait(lambda: complete(whole_thread(slack)), 200, "no complete thread")
    system.wait(lambda: "finding/gateway-pool-missing" in slots(whole_thread(slack)), 90, "no finding")
    refused = [call for call in slack.calls()[calls:] if call.status == 429]
    assert refused, "the limit met no call"
    # A call that Slack already accepted when the limit began is still recorded.
    after = [change.message for change in slack.changes() if change.at > refused[0].at]
    order = [slot(message) for message in after if message is not None]
    assert order.index("verdict") <= 1, order
    assert all(name in ("parent", "verdict") for name in order[: order.index("verdict")])
    assert order.count("verdict") == 1
    assert len(refused) < 16, "the bot calls Slack repeatedly before Retry-After has passed"


def test_a_watch_survives_a_restart_of_every_process_and_reports_recovery_once(system: System) -> None:
    slack, folder = system.slack, system.folder
    assert slack.say("/egress-diag weu egw", channel="C0PAY").ok
    system.wait(lambda: complete(whole_thread(slack, "C0PAY")), 90, "no thread")
    parent = whole_thread(slack, "C0PAY")[0]
    assert slack.press(parent, "watch").ok

    def found(name: str) -> list[str]:
        return [m.shown for m in slack.thread(parent) if slot(m) == name]

    # Slack shows the watch every 10 s at most, so that any single count may be passed over.
    system.wait(lambda: any(re.search(r"\b[1-9]\d* checks?\b", shown) for shown in found("watch")), 90, "no check")
    system.restart()
    system.redis.stop()
    system.redis.start()
    system.wait_ready()
    write_bundle(named("base"), folder / "fixed")
    (folder / "broken").rename(folder / "before")
    (folder / "fixed").rename(folder / "broken")
    system.wait(lambda: found("end"), 90, "the watch has no end")
    system.idle()
    assert "Recovered" in found("end")[0]
    assert "<@U0ALICE>" in found("end")[0]
    assert len(found("end")) == len(found("watch")) == len(found("change/1")) == 1
