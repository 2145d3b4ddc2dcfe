"""The system as processes that a test can kill, over a real Redis and the Slack sandbox.

The processes are worker, beat, listener and courier.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self
from urllib.error import HTTPError
from urllib.request import urlopen

import redis

from bot.sandbox import SandboxServer, StoredMessage, Timing
from tests.redis_server import RedisServer, find_free_port

EGRESS_DIAG = [sys.executable, "-m", "checks.cli.main"]
PATIENT = Timing(answer_seconds=20.0, trigger_seconds=20.0)
"""Times of the stand-in for Slack in tests whose subject is not Slack's three seconds.

On a busy machine, any one answer can take longer.
"""


class System:
    """Processes by name (`worker`, `beat`, `listener`, `courier`), with their logs in a folder.

    `actions`, the worker of active steps, runs only if it is started.
    """

    def __init__(
        self,
        folder: Path,
        redis: RedisServer,
        slack: SandboxServer,
        config: Path,
        *,
        socket_mode: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.redis = redis
        self.slack = slack
        self.port, self.health_port = find_free_port(), find_free_port()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._written: dict[str, int] = {}
        self.environment = {
            **os.environ,  # noqa: TID251 - child processes get the environment, and their own settings read it
            "REDIS_URL": redis.url,
            "EGRESS_DIAG_CONFIG": str(config),
            "EGRESS_DIAG_CONCURRENCY": "2",
            "EGRESS_DIAG_TICK": "1",
            "EGRESS_DIAG_LEASE": "5",
            "SLACK_BOT_TOKEN": slack.app.bot_token,
            "SLACK_SIGNING_SECRET": slack.app.signing_secret,
            "SLACK_API_URL": slack.api_url,
            **(environment or {}),
        }
        self.environment.pop("SLACK_APP_TOKEN", None)
        if socket_mode:
            self.environment["SLACK_APP_TOKEN"] = slack.app.app_token
            del self.environment["SLACK_SIGNING_SECRET"]
        else:
            slack.request_url = f"http://127.0.0.1:{self.port}/slack/events"

    def __enter__(self) -> Self:
        try:
            for name in ("worker", "beat", "listener", "courier"):
                self.start(name)
            self.wait_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._kill_group(process)

    def start(self, name: str) -> None:
        """Start one process in its own process group."""
        words = {
            "worker": ["worker"],
            "actions": ["worker", "--queues", "actions"],
            "beat": ["beat"],
            "listener": ["bot", "--role", "listener", "--bind", "127.0.0.1", *self._ports()],
            "courier": ["bot", "--role", "courier"],
        }[name]
        self._written[name] = len(self.log(name))
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*EGRESS_DIAG, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,
            )

    def _ports(self) -> list[str]:
        return ["--port", str(self.port), "--health-port", str(self.health_port)]

    def kill(self, name: str) -> None:
        """Kill the process and its children (SIGKILL), as when a node is lost."""
        self._kill_group(self.processes.pop(name))

    def ended(self) -> dict[str, int]:
        """The exit codes of processes that ended without being killed, by name."""
        codes = {name: process.poll() for name, process in self.processes.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def children(self, name: str) -> list[int]:
        """The process IDs of a process's children: a worker's pool."""
        listing = Path(f"/proc/{self.processes[name].pid}/task/{self.processes[name].pid}/children")
        return [int(pid) for pid in listing.read_text().split()]

    def restart(self) -> None:
        """Terminate every process and start it again."""
        self.__exit__()
        for name in list(self.processes):
            self.start(name)
        self.wait_ready()

    def log(self, name: str) -> str:
        """The log of a process so far."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_ready(self, timeout: float = 150) -> None:
        """Wait until the listener answers and the other processes are ready."""
        self.wait(lambda: self.ready() == 200, timeout, "the listener is not ready")
        for name in ("worker", "actions", "courier", "beat"):
            if name in self.processes:
                self.wait(lambda name=name: self.is_ready(name), timeout, f"{name} is not ready")  # type: ignore[misc]

    def is_ready(self, name: str) -> bool:
        """Whether the process has logged that it is ready since its last start."""
        return " ready." in self.log(name)[self._written[name] :]

    def ready(self) -> int:
        """The status of `GET /readyz`; 0 without a connection."""
        try:
            with urlopen(f"http://127.0.0.1:{self.health_port}/readyz", timeout=10) as answer:
                return int(answer.status)
        except HTTPError as refused:
            with refused:
                return refused.code
        except OSError:
            return 0

    def idle(self) -> None:
        """Wait until no run is active, and every message is delivered.

        Runs of an earlier test are shown before the next test begins.
        """
        prefix, quiet = "egress-diag:", 0
        with redis.Redis.from_url(self.redis.url, socket_timeout=10) as client:

            def is_idle() -> bool:
                nonlocal quiet
                now = time.time()
                waiting = sum(client.llen(f"{prefix}{queue}") for queue in ("diagnose", "actions", "courier"))
                busy = waiting or client.zcard(f"{prefix}active") or client.zcount(f"{prefix}due", 0, now)
                quiet = 0 if busy or next(client.scan_iter(f"{prefix}courier:*"), None) else quiet + 1
                return quiet >= 3

            self.wait(is_idle, 90, "the work of an earlier test does not end")

    def end_incidents(self) -> None:
        """Let every incident be over: the next command about its gateway has a message of its own."""
        with redis.Redis.from_url(self.redis.url) as client:
            for key in client.scan_iter("egress-diag:cards:*"):
                client.delete(key)

    def wait(self, condition: Callable[[], object], timeout: float, otherwise: str) -> None:
        """Wait until the condition is true.

        Raises AssertionError with the processes' logs after the time-out.
        """
        until = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > until:
                logs = "\n".join(f"--- {name}\n{self.log(name)[-3000:]}" for name in self.processes)
                ended = "".join(f"; {name} has ended with {code}" for name, code in self.ended().items())
                raise AssertionError(f"{otherwise} within {timeout} s{ended}\n{logs}")
            time.sleep(0.05)

    @staticmethod
    def _kill_group(process: subprocess.Popen[bytes]) -> None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.kill()
        process.wait(timeout=10)


def slot(message: StoredMessage) -> str:
    """The slot that a message was posted for."""
    return str(((message.metadata or {}).get("event_payload") or {}).get("slot", ""))


def document(message: StoredMessage) -> str:
    """The document that a message belongs to."""
    return str(((message.metadata or {}).get("event_payload") or {}).get("document", ""))


def whole_thread(slack: SandboxServer, channel: str = "C0OPS", number: int = 0) -> list[StoredMessage]:
    """The parent message with this number in a channel, with its replies."""
    parents = [m for m in slack.messages(channel) if slot(m) == "parent"]
    if len(parents) <= number:
        return []
    return [parents[number], *slack.thread(parents[number])]


def slots(thread: list[StoredMessage]) -> list[str]:
    """The slots of a thread, in the order of posting."""
    return [slot(message) for message in thread]


def complete(thread: list[StoredMessage]) -> bool:
    """Whether a thread is that of a finished run.

    It has all messages once, and a parent with the verdict.
    """
    found = [(document(message), slot(message)) for message in thread]
    whole = {"parent", "steps"} <= set(slots(thread)) and len(found) == len(set(found))
    return whole and shows_verdict(thread[0]) and ("verdict" in slots(thread) or "❌" not in thread[0].shown)


def shows_verdict(parent: StoredMessage) -> bool:
    """Whether the parent shows a verdict: it has no button that stops the run."""
    return "stop" not in parent.buttons
