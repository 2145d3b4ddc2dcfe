"""Signed payloads of any shape get an answer or one line in the log, and no traceback."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest
import urllib3

from bot.sandbox import SandboxServer, View, signed_headers
from checks.config.configuration_file import load
from tests.bot.conftest import write_config
from tests.bot.conversation import Conversation, conversation
from tests.bot.web.mutated_payloads import body_of, mutated
from tests.system import slot, whole_thread
from workers.client import connect
from workers.queue.settings import WorkerSettings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SEED = int(os.environ.get("EGRESS_DIAG_SEED", "12"))  # noqa: TID251 - another run by hand

ACCESS = "  - {allow: [diagnose, digest, handoff], users: ['*'], channels: ['*']}\n"


@pytest.fixture
def talk(slack: SandboxServer, redis_url: str, tmp_path: Path, clusters_folder: Path) -> Iterator[Conversation]:
    config = load(write_config(clusters_folder, access=ACCESS))
    client = connect(WorkerSettings(REDIS_URL=redis_url), config, retry=True)
    with conversation(slack, client, config) as found:
        yield found
    client.close()


def opened(slack: SandboxServer, text: str) -> View:
    """The open form with this text."""

    def found() -> View | None:
        view = slack.view()
        return view if view is not None and text in f"{view.title} {view.shown}" else None

    return slack.wait_until(found)


def genuine(talk: Conversation) -> list[tuple[str, dict[str, Any]]]:
    """Payloads of every kind that the listeners read, as the stand-in for Slack sends them."""
    slack = talk.slack
    talk.say("/egress-diag weu egw")
    parent = whole_thread(slack)[0]
    for action in ("own", "watch", "check_again"):
        talk.press(parent, action)
    for word in ("why", "report", "wrong"):
        talk.menu(parent, word)
    talk.say("@egress-diag why", thread=parent)
    talk.say("/egress-diag prod-wue egw")
    slack.open_home()
    slack.say("/egress-diag")
    form = opened(slack, "Gateway")
    slack.type_ahead(form, "gateway", "egw")
    slack.submit_view(form, {"gateway": "egw", "host": "api.bank.example:443"})
    for command, title in (("digest add", "Add a digest"), ("handoff 8h", "Hand over")):
        slack.say(f"/egress-diag {command}")
        slack.submit_view(opened(slack, title), {})
    talk.play()
    return [(delivery.kind, delivery.payload) for delivery in slack.deliveries()]


@pytest.mark.parametrize("count", [300, pytest.param(2500, marks=pytest.mark.matrix)])
def test_mutated_payloads_cause_no_traceback(talk: Conversation, caplog: pytest.LogCaptureFixture, count: int) -> None:
    payloads, random, url = genuine(talk), Random(SEED), talk.slack.request_url or ""
    kinds = {(kind, str(payload.get("type") or payload.get("command"))) for kind, payload in payloads}
    assert len(kinds) >= 5, "every kind of payload is mutated"
    caplog.clear()
    caplog.set_level(logging.WARNING)
    http = urllib3.PoolManager(retries=False, timeout=20, maxsize=8)

    def send(request: tuple[bytes, str]) -> int:
        body, content_type = request
        signed = signed_headers(body, talk.slack.app.signing_secret, int(time.time()))
        return int(http.request("POST", url, body=body, headers={"Content-Type": content_type} | signed).status)

    requests = []
    for _ in range(count):
        kind, payload = random.choice(payloads)
        requests.append(body_of(kind, mutated(payload, random), random))
    with ThreadPoolExecutor(8) as pool:
        statuses = Counter(pool.map(send, requests))
    time.sleep(1)
    tracebacks = [r.getMessage()[:300] for r in caplog.records if r.exc_info or "Traceback" in r.getMessage()]
    print(f"{count} payloads of {len(kinds)} kinds with seed {SEED}: {dict(statuses)}, {len(tracebacks)} tracebacks")
    assert tracebacks == []
    assert set(statuses) <= {200, 400, 404, 413}
    assert statuses[200] > count // 10, "the mutations are not all refused"
    assert statuses[400] > count // 10
    assert talk.slack.say("/egress-diag list").ok, "the bot works afterwards"


@pytest.mark.parametrize("field", ["user_id", "channel_id"])
def test_a_person_whose_command_arrived_incomplete_gets_a_sentence(
    talk: Conversation, field: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert talk.slack.say("/egress-diag list").ok
    payload = dict(talk.slack.deliveries("slash_commands")[-1].payload)
    del payload[field]
    caplog.clear()
    body, content_type = body_of("slash_commands", payload, Random(3))
    headers = signed_headers(body, talk.slack.app.signing_secret, int(time.time())) | {"Content-Type": content_type}
    answer = urllib3.PoolManager().request("POST", talk.slack.request_url or "", body=body, headers=headers)
    assert answer.status == 200
    assert answer.json()["response_type"] == "ephemeral"
    assert field in answer.json()["text"]
    (line,) = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert field in line.getMessage()
    assert not talk.parents


def test_a_form_with_odd_private_data_does_no_harm(talk: Conversation) -> None:
    """The private data of a form is a JSON text that can have any shape."""
    talk.slack.say("/egress-diag handoff 8h")
    view = opened(talk.slack, "Hand over")
    assert talk.slack.submit_view(view, {}).ok
    payload = talk.slack.deliveries("interactive")[-1].payload
    for number, private in enumerate(
        ('["C0OPS"]', '{"channel": "C0OPS", "span": "x"}', '{"channel": "C0OPS", "span": 1e300}')
    ):
        odd = payload | {
            "view": payload["view"] | {"private_metadata": private, "hash": f"h{number}", "id": f"V0ODD{number}"}
        }
        body, content_type = body_of("interactive", odd, Random(3))
        headers = signed_headers(body, talk.slack.app.signing_secret, int(time.time())) | {"Content-Type": content_type}
        assert (
            urllib3.PoolManager().request("POST", talk.slack.request_url or "", body=body, headers=headers).status
            == 200
        )
    talk.play()
    handoffs = [m for m in talk.slack.messages() if slot(m) == "parent"]
    assert all("internal error" not in m.shown.lower() for m in handoffs)
    assert not [m for m in talk.slack.ephemerals() if "Internal error" in m.shown]
