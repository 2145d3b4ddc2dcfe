"""The secrets of the corpus, planted in a cluster, are in nothing that the product writes.

The whole product runs: worker, beat, listener, courier, real Redis, the stand-in for Slack, and the command line.
"""

from __future__ import annotations

import gzip
import io
import re
import subprocess
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import redis

from bot.messages.interaction_values import MenuValue
from bot.sandbox import RateLimits, SandboxServer, StoredMessage
from tests.bot.conftest import broken_cluster
from tests.clusters.compose import named, write_bundle
from tests.redaction.corpus import HARMLESS, SECRET_FORMS, SECRET_STRUCTURES
from tests.redaction.planting import planted
from tests.redis_server import RedisServer
from tests.system import EGRESS_DIAG, PATIENT, System, complete, shows_verdict, slot, whole_thread

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CANARIES = sorted(
    {
        secret.strip()
        for form in (*SECRET_FORMS, *(each.form for each in SECRET_STRUCTURES))
        for secret in form.secrets
        if len(secret.strip()) >= 7 and re.search(r"\d", secret)
    }
    - set(" ".join(HARMLESS).split()),
    key=len,
)
TYPED = (
    "prod-weu team-egress/egw --host https://anna:Typed001xQ@api.bank.example/?token=Typed002xQ",
    "prod-weu team-egress/egw password=Typed003xQ",
    "prod-weu Authorization: Bearer Typed004xQ9Zk3mW",
    "Typed005xQ: xoxb-1122334455-6677889900-Typed006xQ",
    "history prod-weu --token Typed007xQ",
    "list password:Typed008xQ",
)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    for name, cluster in (
        ("broken", broken_cluster()),
        ("healthy", named("base")),
        ("routes", named("many-webhooks-and-routes")),
    ):
        write_bundle(planted(cluster), folder / name)
    path = folder / "egress-diag.yaml"
    path.write_text(
        "clusters:\n"
        f"  - {{name: prod-weu, bundle: '{folder / 'broken'}'}}\n"
        f"  - {{name: prod-neu, bundle: '{folder / 'healthy'}'}}\n"
        f"  - {{name: prod-use, bundle: '{folder / 'routes'}'}}\n"
        "access:\n  - {allow: [diagnose], users: ['*'], channels: ['C0OPS']}\nask: '#platform-team'\n",
        encoding="utf-8",
    )
    return path


def leaked(text: str) -> list[str]:
    """The canaries in this text, and what users typed."""
    return sorted({each for each in CANARIES if each in text} | set(re.findall(r"Typed\d{3}xQ", text)) - {"Typed005xQ"})


def test_nothing_that_the_product_shows_or_stores_contains_a_secret(config: Path, tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    try:
        with (
            SandboxServer(limits=RateLimits.off(), timing=PATIENT) as slack,
            System(tmp_path, server, slack, config) as system,
        ):
            for command in (
                "prod-weu team-egress/egw",
                "prod-neu team-egress/egw --host api.bank.example",
                "prod-use team-egress/egw",
            ):
                _run(system, command)
            _press_everything(system)
            for text in TYPED:
                slack.say(f"/egress-diag {text}")
                slack.say(f"@egress-diag {text}")
            slack.open_home()
            system.wait(lambda: len(slack.files()) >= 3, 90, "no files")
            _all_ended(system)
            system.idle()
            written = {
                "slack": "\n".join(_slack_texts(slack)),
                "files": "\n".join(_file_texts(slack)),
                "redis": "\n".join(_redis_texts(server.url)),
                "logs": "\n".join(system.log(name) for name in system.processes),
                "metrics": urlopen(f"http://127.0.0.1:{system.health_port}/metrics").read().decode(),
            }
    finally:
        server.kill()
    assert all(len(text) > 200 for text in written.values()), {name: len(text) for name, text in written.items()}
    assert "[redacted]" in written["slack"]
    assert {name: leaked(text) for name, text in written.items() if leaked(text)} == {}


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_the_command_line_prints_no_secret(config: Path, form: str) -> None:
    for cluster in ("prod-weu", "prod-neu"):
        done = _command(config, "diagnose", cluster, "team-egress/egw", "--host", "api.bank.example", "--output", form)
        assert done.returncode in (0, 1, 2, 3, 4), done.stderr
        assert len(done.stdout) > 200
        assert leaked(done.stdout + done.stderr) == []


def test_a_bundle_contains_no_secret(config: Path, tmp_path: Path) -> None:
    done = _command(config, "collect", "prod-neu", "team-egress/egw", "-o", str(tmp_path / "incident.tar.gz"))
    assert done.returncode in (0, 1, 2, 3, 4), done.stderr
    text = "\n".join(_unpacked((tmp_path / "incident.tar.gz").read_bytes()))
    assert "[redacted]" in text
    assert leaked(text) == []


def _command(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*EGRESS_DIAG, *words, "--config", str(config)], capture_output=True, text=True, timeout=120, check=False
    )


def _run(system: System, command: str) -> None:
    system.idle()
    number = len([m for m in system.slack.messages() if slot(m) == "parent"])
    assert system.slack.say(f"/egress-diag {command}").ok

    def over() -> bool:
        thread = whole_thread(system.slack, number=number)
        return bool(thread) and shows_verdict(thread[0]) and complete(thread)

    system.wait(over, 90, f"the thread of {command} is not complete")


def _press_everything(system: System) -> None:
    """Open everything that shows more: folds, reasons, commands, bundle, report."""
    for message in [m for m in system.slack.messages() if slot(m) == "parent"]:
        for word in ("why", "commands", "bundle", "report"):
            _choose(system, message, word)
        for reply in whole_thread(system.slack, number=0):
            for button in (each for each in reply.buttons if each.startswith(("open", "unfold"))):
                system.slack.press(reply, button)


def _choose(system: System, message: StoredMessage, word: str) -> None:
    latest = system.slack.latest(message) or message
    for element in (each for block in latest.blocks for each in block.get("elements", ())):
        for option in element.get("options", ()):
            if MenuValue.decode(option["value"]).option == word:
                system.slack.press(latest, element["action_id"], option=option["value"])
                return
    raise AssertionError(f"no {word} in the menu")


def _all_ended(system: System) -> None:
    parents = [m for m in system.slack.messages() if slot(m) == "parent"]
    system.wait(
        lambda: all(shows_verdict(now) for m in parents if (now := system.slack.latest(m))), 90, "a run is active"
    )


def _slack_texts(slack: SandboxServer) -> Iterator[str]:
    """The arguments of every call of the Web API, and every reply to a command."""
    for call in slack.calls():
        yield str(call.args)
    for message in slack.ephemerals():
        yield str(message.blocks)
    for delivery in slack.deliveries():
        yield str(delivery.ack)


def _file_texts(slack: SandboxServer) -> Iterator[str]:
    for file in slack.files():
        yield from _unpacked(file.content or b"")


def _unpacked(content: bytes) -> Iterator[str]:
    if content[:2] != b"\x1f\x8b":
        yield content.decode(errors="replace")
        return
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as packed:
        for member in packed.getmembers():
            if (opened := packed.extractfile(member)) is not None:
                yield f"{member.name}\n{opened.read().decode(errors='replace')}"


def _redis_texts(url: str) -> Iterator[str]:
    client: Any = redis.Redis.from_url(url)
    for key in client.scan_iter(count=1000):
        yield key.decode(errors="replace")
        match client.type(key):
            case b"string":
                values = [client.get(key)]
            case b"hash":
                values = [each for item in client.hgetall(key).items() for each in item]
            case b"stream":
                values = [each for _, fields in client.xrange(key) for item in fields.items() for each in item]
            case b"set":
                values = list(client.smembers(key))
            case b"zset":
                values = client.zrange(key, 0, -1)
            case _:
                values = client.lrange(key, 0, -1)
        for value in values:
            yield from _readable(value)
    client.close()


def _readable(raw: bytes) -> Iterator[str]:
    """A value as text, also if it is compressed or a packed bundle."""
    if raw[:1] == b"\x78":
        with suppress(zlib.error):
            raw = zlib.decompress(raw)
    yield from _unpacked(raw)
