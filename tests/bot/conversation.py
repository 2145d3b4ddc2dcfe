"""A conversation without processes: the real Bolt app over HTTP, everything else by step.

The test plays the steps of worker, beat and courier.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bot.app import make_bolt
from bot.courier.courier import Courier
from bot.listeners.alerts import AlertIntake
from bot.listeners.intake import Intake
from bot.messages.interaction_values import MenuValue
from bot.sandbox import Ack, SandboxServer, StoredMessage
from bot.slack.settings import SlackSettings as BotSettings
from bot.slack.web_api import Slack
from bot.web.alert_requests import AlertAnswer, AlertGate, alerts_handler
from bot.web.server import BoundedServer, make_application
from bot.web.slack_requests import SLACK_LIMITS, Gate, slack_handler
from checks.config.configuration import Config
from tests.system import slot
from workers.client import ConnectedClient as Client
from workers.records.run import Run
from workers.runs.cluster_sources import ClusterSources
from workers.tasks.execution import Diagnoser

ALERTS_TOKEN = "token-of-alerts"
"""The bearer token of alerts in conversations."""
_SOON = 4.0
"""Seconds: `play` waits for what is due sooner."""


class ListenerThreads(ThreadPoolExecutor):
    """The threads of Bolt's listeners. A listener works on after it has acknowledged."""

    def __init__(self) -> None:
        super().__init__(32, thread_name_prefix="listener")
        self._working = 0
        self._changed = threading.Lock()

    @property
    def busy(self) -> bool:
        """Whether a listener works."""
        return self._working > 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self._count(1)
        found = super().submit(fn, *args, **kwargs)
        found.add_done_callback(lambda _: self._count(-1))
        return found

    def _count(self, more: int) -> None:
        with self._changed:
            self._working += more


@dataclass
class Conversation:
    """The actions of a person, and all work that follows from them."""

    slack: SandboxServer
    client: Client
    config: Config
    courier: Courier
    diagnoser: Diagnoser
    listeners: ListenerThreads = field(default_factory=ListenerThreads)

    def say(
        self, text: str, *, user: str = "U0ALICE", channel: str = "C0OPS", thread: StoredMessage | None = None
    ) -> Ack:
        """Type a text, then do all work that follows."""
        ack = self.slack.say(text, user=user, channel=channel, thread=thread)
        self.play()
        return ack

    def press(self, where: StoredMessage, action: str, *, user: str = "U0ALICE", option: str | None = None) -> Ack:
        """Press a button, then do all work that follows."""
        ack = self.slack.press(where, action, user=user, option=option)
        self.play()
        return ack

    def menu(self, where: StoredMessage, word: str, *, user: str = "U0ALICE") -> Ack:
        """Choose from the menu of a message."""
        latest = self.slack.latest(where) or where
        for block in latest.blocks:
            for element in block.get("elements", ()):
                for option in element.get("options", ()):
                    if MenuValue.decode(option["value"]).option == word:
                        return self.press(latest, element["action_id"], user=user, option=option["value"])
        raise AssertionError(f"no {word} in the menu")

    def play(self, timeout: float = 90) -> None:
        """Do all due work of workers, beat and courier, until nothing is left to do.

        Listeners work on after they have acknowledged; `play` waits for them.
        """
        until, quiet = time.monotonic() + timeout, 0
        while quiet < 3:
            assert time.monotonic() < until, "the work does not end"
            busy = self.listeners.busy  # before the step, which does what a listener has left
            busy = self.step() or busy
            quiet = 0 if busy else quiet + 1
            if not busy:
                time.sleep(0.05)

    def step(self) -> bool:
        """Do one round of work; True if there was any."""
        busy = False
        for watch_id in self.client.stores.watches.due():
            if (
                watch := self.client.stores.watches.step(watch_id, self.client.start, self.client.stores.runs.get)
            ) is not None:
                self.client.stores.watch_changed(watch)
                busy = True
        for run in self.client.active(Run):
            self.diagnoser.execute(run.id)
            busy = True
        for document in self.client.stores.documents.due(0):
            outcome = self.courier.deliver(document)
            # A watch edits its message every ten seconds at most; its end is shown at once.
            busy = busy or not (outcome.limited or (outcome.retry_seconds or 0.0) > _SOON)
        return busy

    @property
    def parents(self) -> list[StoredMessage]:
        """The parent messages of runs in the channel."""
        return [m for m in self.slack.messages("C0OPS") if slot(m) == "parent"]

    def last_answer(self, user: str = "U0ALICE") -> str:
        """The text of the latest ephemeral message to this person."""
        found = self.slack.ephemerals(user=user)
        return found[-1].shown.replace("\u2060", "") if found else ""


@contextmanager
def conversation(slack: SandboxServer, client: Client, config: Config) -> Iterator[Conversation]:
    """Serve the bot's app to the sandbox."""
    settings = BotSettings(
        SLACK_BOT_TOKEN=slack.app.bot_token,
        SLACK_SIGNING_SECRET=slack.app.signing_secret,
        SLACK_API_URL=slack.api_url,
        SLACK_APP_TOKEN="",
    )
    app, listeners = make_bolt(settings, config, client), ListenerThreads()
    app.listener_runner.listener_executor = listeners
    gate = Gate(slack.app.signing_secret, Intake(app).http)
    intake = AlertIntake(config, client, Slack(settings))
    alerts = AlertGate(ALERTS_TOKEN, lambda body: AlertAnswer(*intake.answer(body)))
    application = make_application([slack_handler(gate), alerts_handler(alerts)])
    server = BoundedServer(application, "127.0.0.1", 0, SLACK_LIMITS, "conversation")
    server.start()
    slack.request_url = f"http://127.0.0.1:{server.port}/slack/events"
    try:
        yield Conversation(
            slack,
            client,
            config,
            Courier(client, Slack(settings)),
            Diagnoser(client.stores, ClusterSources(config)),
            listeners,
        )
    finally:
        server.stop()
        listeners.shutdown()
