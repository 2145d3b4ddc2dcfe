"""The whole system on loopback: acknowledgement under load, time to the verdict, memory."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

from bot.sandbox import RateLimits, SandboxServer, StoredMessage
from tests.bench.measure import Sample, memory, shown, table
from tests.clusters.bundles import write_bundle
from tests.clusters.compose import compose, named
from tests.redis_server import RedisServer, find_free_port

ALERTS_TOKEN = "token-of-alerts"
ALERTED = 10
CLUSTERS = 24
BURST = 20
MANY = 200
RUNNING = 50


class System:
    """Redis, worker, beat, courier and listener as processes, over bundles.

    Slack is the sandbox without rate limits.
    """

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.slack = stack.enter_context(SandboxServer(limits=RateLimits.off()))
        self.redis = RedisServer(folder)
        self.redis.start()
        stack.callback(self.redis.stop)
        write_bundle(compose(named("base"), {}), folder / "healthy")
        rows = "".join(f"  - {{name: c{n:03d}, bundle: '{folder}/healthy'}}\n" for n in range(CLUSTERS))
        config = folder / "egress-diag.yaml"
        port, health_port = find_free_port(), find_free_port()
        entry = '{match: {alertname: Down}, cluster: "{{cluster}}", gateway: team-egress/egw, channel: C0PAY}'
        rules = f"access:\n  - {{allow: [diagnose], users: ['*']}}\nalerts:\n  - {entry}\n"
        config.write_text(f"clusters:\n{rows}{rules}", encoding="utf-8")
        self.alerts_url = f"http://127.0.0.1:{port}/alerts"
        self.slack.request_url = f"http://127.0.0.1:{port}/slack/events"
        self.environment = {
            **os.environ,
            "REDIS_URL": self.redis.url,
            "EGRESS_DIAG_CONFIG": str(config),
            "SLACK_BOT_TOKEN": self.slack.app.bot_token,
            "SLACK_SIGNING_SECRET": self.slack.app.signing_secret,
            "SLACK_API_URL": self.slack.api_url,
            "EGRESS_DIAG_ALERTS_TOKEN": ALERTS_TOKEN,
        }
        self.worker = stack.enter_context(self._running("worker", "--concurrency", "2"))
        self.courier = stack.enter_context(self._running("bot", "--role", "courier"))
        stack.enter_context(self._running("beat"))
        self.bot = stack.enter_context(
            self._running(
                *("bot", "--role", "listener", "--bind", "127.0.0.1"),
                *("--port", str(port), "--health-port", str(health_port)),
            )
        )
        _wait(lambda: _ready(health_port), 30)

    @contextmanager
    def _running(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "checks.cli.main", *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)

    def parents(self) -> list[StoredMessage]:
        return [m for m in self.slack.messages("C0OPS") if not m.is_reply]


def measure() -> str:
    """The section of docs/benchmarks.md."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        system = System(stack, folder)
        _one(system, 0)
        single = [_one(system, n) for n in range(1, 6)]
        form = _form(system)
        mention = _mentions(system)
        alert = _alerts(system)
        busy = _busy(system)
        acks = _burst(system)
        mixed = _mixed(system)
        used = _many(system)
        idle = {name: memory(p.pid) for name, p in (("listener", system.bot), ("courier", system.courier))}
    first, final = Sample(tuple(s[1] for s in single)), Sample(tuple(s[2] for s in single))
    ack = Sample(tuple(s[0] for s in single))
    rows = [
        ("command to acknowledgement, one at a time", ack),
        (f"command to acknowledgement, {BURST} at once, 99 %", shown(acks.percentile(0.99))),
        (f"command to acknowledgement, {BURST} at once, median", acks),
        (f"command to acknowledgement while {RUNNING} runs are active", busy),
        ("mention in a thread to acknowledgement", mention),
        ("notification of an alert that starts a check, to its answer", alert),
        (
            f"command, mention or repeated alert to its answer, {BURST} of them at once, 99 %",
            shown(mixed.percentile(0.99)),
        ),
        (f"command, mention or repeated alert to its answer, {BURST} of them at once, median", mixed),
        ("`/egress-diag` without arguments to the open form", form),
        ("command to the first steps in the thread", first),
        ("command to the verdict in the channel", final),
    ]
    growth = [(count, f"{mib:.0f} MiB") for count, mib in used]
    return "\n".join(
        [
            "## From a command in Slack to the thread",
            "",
            (
                "Real processes (listener, courier, worker with two children, beat), Redis, and the sandbox without rate "
                "limits, over a bundle: no time is spent waiting for a cluster."
            ),
            "",
            table(("", "median (range)"), rows),
            "",
            "## Memory",
            "",
            "Proportional set size (PSS) of the worker with its two children after a number of runs:",
            "",
            table(("runs", "worker"), growth),
            "",
            f"Listener {idle['listener']:.0f} MiB, courier {idle['courier']:.0f} MiB after all of these runs.",
        ]
    )


def _one(system: System, number: int) -> tuple[float, float, float]:
    """One command on a quiet system.

    Returns the seconds to the acknowledgement, to the first reply, and to the verdict.
    """
    before = len(system.parents())
    began = time.perf_counter()
    ack = system.slack.say(f"/egress-diag c{number:03d} team-egress/egw")
    assert ack.ok, ack.error
    acknowledged = time.perf_counter() - began
    _wait(lambda: len(system.parents()) > before and system.slack.thread(system.parents()[before]), 30)
    first = time.perf_counter() - began
    _wait(lambda: "Healthy" in system.parents()[before].shown, 30)
    return acknowledged, first, time.perf_counter() - began


def _burst(system: System) -> Sample:
    """Twenty commands at once."""
    acks: list[float] = []
    lock = threading.Lock()

    def say(number: int) -> None:
        ack = system.slack.say(f"/egress-diag c{number % CLUSTERS:03d} team-egress/egw --host h{number}.example.com")
        with lock:
            acks.append(ack.seconds if ack.ok else 3.0)

    for round_ in range(5):
        threads = [threading.Thread(target=say, args=(round_ * BURST + n,)) for n in range(BURST)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        _wait(lambda: not _going(system), 60)
    return Sample(tuple(acks))


def _mentions(system: System) -> Sample:
    """Questions in the thread of a check."""
    parent = system.parents()[0]
    acks = [system.slack.say("@egress-diag what changed?", thread=parent) for _ in range(10)]
    return Sample(tuple(ack.seconds if ack.ok else 3.0 for ack in acks))


def _alerts(system: System) -> Sample:
    """The first notifications of gateways."""
    return Sample(tuple(_notify(system, number) for number in range(ALERTED)))


def _notify(system: System, number: int) -> float:
    """Send the notification of a gateway; return the seconds until it is accepted."""
    alert = {
        "status": "firing",
        "labels": {"alertname": "Down", "cluster": f"c{number:03d}"},
        "startsAt": "2026-11-30T00:00:00Z",
        "fingerprint": f"{number:016x}",
    }
    body = json.dumps({"receiver": "egress-diag", "alerts": [alert]}).encode()
    headers = {"Authorization": f"Bearer {ALERTS_TOKEN}", "Content-Type": "application/json"}
    began = time.perf_counter()
    request = Request(system.alerts_url, body, headers)  # noqa: S310 - our own server
    with urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
        assert answer.status == 200
    return time.perf_counter() - began


def _mixed(system: System) -> Sample:
    """Commands, mentions and repeated alerts at once."""
    seconds: list[float] = []
    lock = threading.Lock()
    parent = system.parents()[0]

    def ask(number: int) -> None:
        if number % 3 == 0:
            taken = _notify(system, number % ALERTED)
        else:
            command = f"/egress-diag c{number % CLUSTERS:03d} team-egress/egw --host m{number}.example.com"
            asked = ("@egress-diag what next?", parent) if number % 3 == 1 else (command, None)
            ack = system.slack.say(asked[0], thread=asked[1])
            taken = ack.seconds if ack.ok else 3.0
        with lock:
            seconds.append(taken)

    for round_ in range(5):
        threads = [threading.Thread(target=ask, args=(round_ * BURST + n,)) for n in range(BURST)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        _wait(lambda: not _going(system), 60)
    return Sample(tuple(seconds))


def _form(system: System) -> Sample:
    """From the command without arguments to the empty form on the screen."""
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        system.slack.say("/egress-diag")
        _wait(lambda: system.slack.view("U0ALICE") is not None, 5)
        seconds.append(time.perf_counter() - began)
        view = system.slack.view("U0ALICE")
        if view is not None:
            system.slack.close_view(view)
    return Sample(tuple(seconds))


def _busy(system: System) -> Sample:
    """Acknowledgements while many runs are queued and active."""
    for number in range(RUNNING):
        system.slack.say(f"/egress-diag c{number % CLUSTERS:03d} team-egress/egw --host busy{number}.example.com")
    acks = [
        system.slack.say(f"/egress-diag c{number:03d} team-egress/egw --host later{number}.example.com")
        for number in range(10)
    ]
    _wait(lambda: not _going(system), 180)
    return Sample(tuple(ack.seconds if ack.ok else 3.0 for ack in acks))


def _many(system: System) -> list[tuple[int, float]]:
    """The worker's memory after increasing numbers of runs."""
    used = [(0, memory(system.worker.pid))]
    done = 0
    while done < MANY:
        for number in range(BURST):
            system.slack.say(f"/egress-diag c{number:03d} team-egress/egw --from team-a")
        _wait(lambda: not _going(system), 120)
        done += BURST
        if done % 50 == 0 or done >= MANY:
            used.append((done, memory(system.worker.pid)))
    return used


def _going(system: System) -> list[StoredMessage]:
    return [m for m in system.parents() if "Checking" in m.shown or "Waiting" in m.shown]


def _ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _wait(condition: "object", seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():  # type: ignore[operator]
            return
        time.sleep(0.01)
    raise TimeoutError(f"not within {seconds:.0f} s")
