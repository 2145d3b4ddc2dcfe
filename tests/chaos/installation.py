"""An installation whose processes have a proxy to Redis each, and the runs it has lost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.sandbox import RateLimits, SandboxServer, StoredMessage
from checks.config.configuration_file import load
from tests.bot.conftest import broken_cluster, write_config
from tests.bot.live_cluster import slow_cluster
from tests.redis_proxy import RedisProxy
from tests.redis_server import RedisServer
from tests.system import System, document, shows_verdict, slot
from workers.client import ConnectedClient, connect
from workers.queue.connection import Unavailable
from workers.queue.settings import WorkerSettings
from workers.records.run import Run, RunState, Target
from workers.records.watch import Watch

PROCESSES = ("worker", "courier", "beat", "listener")
COMMANDS = ("/egress-diag live team-egress/egw", "/egress-diag weu egw")
RECOVERY = 60.0
"""Seconds after a fault within which every accepted command must be answered."""


class ProxiedSystem(System):
    """A system in which each process has a proxy of its own."""

    proxies: dict[str, RedisProxy]

    def start(self, name: str) -> None:
        self.environment["REDIS_URL"] = self.proxies[name].url
        super().start(name)


class Installation:
    """A system under commands, with one watch over all of them."""

    def __init__(
        self, system: ProxiedSystem, slack: SandboxServer, server: RedisServer, client: ConnectedClient
    ) -> None:
        self.system = system
        self.slack = slack
        self.server = server
        self.client = client
        self.sent = 0
        self.watch, _ = client.watch(Target("prod-weu", "egw"), "U0ALICE", "C0PAY", None, timedelta(hours=2))

    def command(self) -> None:
        """Send the next command; a listener without Redis refuses it, and then it is not accepted."""
        self.slack.say(COMMANDS[self.sent % len(COMMANDS)])
        self.sent += 1

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until a condition holds, also while Redis does not answer.

        False after so many seconds.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                if condition():
                    return True
            except Unavailable:
                pass
            time.sleep(0.1)
        return False

    def runs(self) -> tuple[Run, ...]:
        """Every accepted command's run."""
        prefix = WorkerSettings().prefix
        names = {str(key).split(":")[2] for key in self.client.stores.redis.scan_iter(f"{prefix}run:*", count=1000)}
        found = (self.client.get(Run, name) for name in sorted(names))
        return tuple(run for run in found if run is not None and not run.order.watch)

    def is_quiet(self) -> bool:
        """Whether every run has ended and Slack shows it."""
        return all(self.is_shown(run) for run in self.runs())

    def is_shown(self, run: Run) -> bool:
        """Whether a run has ended and its parent message says so."""
        parents = [m for m in self.messages(run) if slot(m) == "parent"]
        return run.state.ended and bool(parents) and (run.state is not RunState.DONE or shows_verdict(parents[0]))

    def messages(self, run: Run) -> list[StoredMessage]:
        """The messages of a run."""
        parents = [m for m in self.slack.messages(run.order.channel) if document(m) == f"run/{run.id}"]
        return [message for each in parents for message in (each, *self.slack.thread(each))]

    def is_working(self) -> bool:
        """Whether the beat has made a round of each kind in the last ten seconds."""
        ages = self.client.stores.rounds.ages(datetime.now(UTC)).values()
        return all(age is not None and age < timedelta(seconds=10) for age in ages)

    def watch_checks(self) -> int:
        """The number of checks that the watch has made."""
        found = self.client.get(Watch, self.watch.id)
        return found.checks if found is not None else 0

    def outcome(self) -> dict[str, int]:
        """The numbers of accepted, lost, doubled and stuck runs."""
        runs = self.runs()
        doubled = 0
        for run in runs:
            slots = Counter(slot(message) for message in self.messages(run))
            doubled += any(count > 1 for count in slots.values())
        return {
            "accepted": len(runs),
            "lost": sum(run.state is RunState.FAILED for run in runs),
            "doubled": doubled,
            "stuck": sum(not self.is_shown(run) for run in runs),
        }


@contextmanager
def installation(folder: Path) -> Iterator[Installation]:
    """A running installation over a slow and a fast cluster, with its logs in the folder."""
    with ExitStack() as stack:
        server = RedisServer(folder, durable=True)
        server.start()
        stack.callback(server.kill)
        slack = stack.enter_context(SandboxServer(limits=RateLimits.off()))
        _, entry = stack.enter_context(slow_cluster(folder, broken_cluster(), seconds=1.5))
        config = write_config(folder, entry)
        environment = {"EGRESS_DIAG_WATCH_INTERVAL": "5"}
        system = ProxiedSystem(folder, server, slack, config, environment=environment)
        system.proxies = {name: stack.enter_context(RedisProxy(server.port)) for name in PROCESSES}
        stack.enter_context(system)
        client = connect(WorkerSettings(REDIS_URL=server.url), load(config))
        stack.callback(client.close)
        yield Installation(system, slack, server, client)
