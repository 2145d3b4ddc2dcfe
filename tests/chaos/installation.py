"""An installation with a proxy to Redis for each process, and the commands it has accepted."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
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
from workers.records.digest import Digest
from workers.records.run import Run, RunState, Target
from workers.records.watch import Watch

PROCESSES = ("worker", "courier", "beat", "listener")
CHANNELS = ("C0OPS", "C0PAY")
SLOW_COMMAND = "/egress-diag live team-egress/egw"
"""The command whose run takes long enough to be interrupted."""
SLOW_GATEWAY, FAST_GATEWAY = Target("live", "egw", "team-egress"), Target("prod-weu", "egw", "team-egress")
OTHER_COMMANDS = (
    *("/egress-diag weu egw", "/egress-diag digest now"),
    *("/egress-diag neu team-egress/egw", "/egress-diag watch weu egw 1m"),
)
RECOVERY = 60.0
"""Seconds after a fault within which every accepted command must be answered."""
_ACCESS = "  - {allow: [diagnose, digest], users: ['*'], channels: ['C0OPS', 'C0PAY']}\n"
_NOT_CHECKED = ("it did not answer in time", "checking it was interrupted")
"""The reasons by which a digest says that a fault has cost it a cluster."""


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
        self._finished: set[str] = set()
        self.watch, _ = client.watch(Target("prod-weu", "egw"), "U0ALICE", "C0PAY", None, timedelta(hours=2))

    def command(self) -> None:
        """Send the slow command and one other; a listener without Redis accepts none."""
        turn = self.sent // 2
        channel = CHANNELS[turn // len(OTHER_COMMANDS) % len(CHANNELS)]
        for text in (SLOW_COMMAND, OTHER_COMMANDS[turn % len(OTHER_COMMANDS)]):
            self.slack.say(text, channel=channel)
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
            time.sleep(0.2)
        return False

    def accepted(self) -> list[str]:
        """The documents of every accepted command: `run/ID`, `digest/ID` and `watch/ID`."""
        prefix, redis = WorkerSettings().prefix, self.client.stores.redis
        found = []
        for kind, pattern in (("run", "run:*"), ("digest", "digest:order:*"), ("watch", "watch:*")):
            names = {str(key).removeprefix(prefix) for key in redis.scan_iter(f"{prefix}{pattern}", count=5000)}
            place = pattern.count(":")
            found += [f"{kind}/{each}" for each in sorted({name.split(":")[place] for name in names})]
        return found

    def unfinished(self) -> set[str]:
        """The accepted documents that Slack does not show yet.

        Of a watch, Slack must show the beginning, and after its time the end.
        """
        shown = self._messages()
        unfinished = set()
        for name in self.accepted():
            if name in self._finished:
                continue
            if not self._is_shown(name, shown[name]):
                unfinished.add(name)
            elif not name.startswith("watch/"):
                self._finished.add(name)
        return unfinished

    def _messages(self) -> dict[str, list[StoredMessage]]:
        """The messages by document, oldest first, also those in threads."""
        found: dict[str, list[StoredMessage]] = defaultdict(list)
        for message in (each for channel in CHANNELS for each in self.slack.workspace.messages(channel)):
            if message.only_for is None and (name := document(message)):
                found[name].append(message)
        return found

    def _is_shown(self, name: str, messages: list[StoredMessage]) -> bool:
        kind, _, record = name.partition("/")
        slots = {slot(message): message for message in messages}
        if kind == "run":
            run = self.client.get(Run, record)
            if run is None or run.order.watch:
                return True
            return run.state.ended and "parent" in slots and (not run.report or shows_verdict(slots["parent"]))
        if kind == "digest":
            return self.client.get(Digest, record) is not None and "parent" in slots
        watch = self.client.get(Watch, record)
        if watch is None:
            return True
        due = "end" if watch.state.ended or datetime.now(UTC) > watch.until else "watch"
        return due in slots

    def is_quiet(self) -> bool:
        """Whether every accepted command has its answer in Slack."""
        return not self.unfinished()

    def is_working(self) -> bool:
        """Whether the beat has made a round of each kind in the last ten seconds."""
        ages = self.client.stores.rounds.ages(datetime.now(UTC)).values()
        return all(age is not None and age < timedelta(seconds=10) for age in ages)

    def watch_checks(self) -> int:
        """The number of checks that the watch over the whole time has made."""
        found = self.client.get(Watch, self.watch.id)
        return found.checks if found is not None else 0

    def outcome(self) -> dict[str, int]:
        """The numbers of accepted, lost, doubled and stuck documents."""
        self._finished.clear()
        names = [each for each in self.accepted() if not self._is_of_watch(each)]
        unfinished, messages = self.unfinished(), self._messages()
        doubled = 0
        for name in names:
            doubled += any(count > 1 for count in Counter(slot(message) for message in messages[name]).values())
        kinds = Counter(each.partition("/")[0] for each in names)
        return {
            "accepted": len(names),
            **{f"{kind} documents": count for kind, count in sorted(kinds.items())},
            "lost": sum(self._is_lost(each) for each in names),
            "doubled": doubled,
            "stuck": len(unfinished),
            "untrue cards": self.untrue_cards(),
        }

    def untrue_cards(self) -> int:
        """The broken gateways and channels whose card is missing, doubled or not present."""
        return sum(
            not self._is_true(target, channel) for target in (SLOW_GATEWAY, FAST_GATEWAY) for channel in CHANNELS
        )

    def _is_true(self, target: Target, channel: str) -> bool:
        card = self.client.stores.cards.find(channel, target)
        broken = [
            message
            for message in self.slack.messages(channel)
            if slot(message) == "parent" and "*Broken:*" in message.shown and f"`{target.cluster}`" in message.shown
        ]
        if card is None:
            return not broken
        latest = self.client.get(Run, card.latest)
        return (
            [document(message) for message in broken] == [f"run/{card.run}"]
            and latest is not None
            and f"run `{latest.id}`" in broken[0].shown
        )

    def _is_of_watch(self, name: str) -> bool:
        kind, _, record = name.partition("/")
        return kind == "run" and ((run := self.client.get(Run, record)) is None or bool(run.order.watch))

    def _is_lost(self, name: str) -> bool:
        """Whether a fault has cost a person the answer.

        The run failed, or the digest says that a cluster was not checked.
        """
        kind, _, record = name.partition("/")
        if kind == "run":
            run = self.client.get(Run, record)
            return run is None or run.state is RunState.FAILED
        digest = self.client.get(Digest, record) if kind == "digest" else None
        return digest is not None and any(each.why.startswith(_NOT_CHECKED) for each in digest.unchecked)


@contextmanager
def installation(folder: Path) -> Iterator[Installation]:
    """A running installation over a slow and a fast cluster, with its logs in the folder."""
    with ExitStack() as stack:
        server = RedisServer(folder, durable=True)
        server.start()
        stack.callback(server.kill)
        slack = stack.enter_context(SandboxServer(limits=RateLimits.off()))
        _, entry = stack.enter_context(slow_cluster(folder, broken_cluster(), seconds=1.5))
        config = write_config(folder, entry, _ACCESS)
        environment = {"EGRESS_DIAG_WATCH_INTERVAL": "5"}
        system = ProxiedSystem(folder, server, slack, config, environment=environment)
        system.proxies = {name: stack.enter_context(RedisProxy(server.port)) for name in PROCESSES}
        stack.enter_context(system)
        client = connect(WorkerSettings(REDIS_URL=server.url), load(config), retry=True)
        stack.callback(client.close)
        yield Installation(system, slack, server, client)
