"""The custom step of Workflow Builder, with real Bolt over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from bot.listeners.workflow_steps import WORKFLOW_STEP
from bot.sandbox import SandboxServer, signed_headers
from bot.sandbox.event_delivery import http_body
from bot.sandbox.model.functions import Execution
from checks.config.configuration_file import load
from tests.bot.conftest import write_config
from tests.bot.conversation import Conversation, conversation
from tests.bot.test_alerts import everything, latest, runs
from workers.client import ConnectedClient as Client
from workers.records.run import Run
from workers.runs.alerts import STARTS_PER_MINUTE

pytestmark = pytest.mark.slow

ACCESS = """  - {allow: [diagnose], users: ['workflows'], clusters: ['prod-*'], channels: ['C0OPS', 'C0OLD']}
  - {allow: [diagnose], users: ['*'], channels: ['*']}
"""
BROKEN = {"cluster": "prod-weu", "gateway": "team-egress/egw", "channel": "C0OPS"}
HEALTHY = BROKEN | {"cluster": "prod-neu"}


@pytest.fixture
def talk(slack: SandboxServer, client: Client, tmp_path: Path) -> Iterator[Conversation]:
    config = load(write_config(tmp_path, access=ACCESS))
    client.stores.config = config
    with conversation(slack, client, config) as found:
        yield found


def run_step(talk: Conversation, inputs: dict[str, str]) -> Execution:
    """The end of a step in a workflow."""
    ack, execution = talk.slack.run_step(WORKFLOW_STEP, inputs)
    assert ack.ok
    assert ack.seconds < 3
    until = time.monotonic() + 60
    while talk.slack.execution(execution).state == "running" and time.monotonic() < until:
        talk.play()
    return talk.slack.execution(execution)


def test_a_step_ends_with_verdict_root_cause_and_link(talk: Conversation) -> None:
    ended = run_step(talk, BROKEN)
    (card,) = talk.parents
    assert ended.state == "completed"
    assert ended.outputs is not None
    assert ended.outputs["verdict"] == "broken"
    assert str(ended.outputs["root_cause"]).startswith("EG407 ")
    assert f"p{card.ts.replace('.', '')}" in str(ended.outputs["link"])
    assert "a workflow · " in latest(talk, card).shown
    assert "<@workflows>" not in str([m.blocks for m in everything(talk)])


def test_a_healthy_gateway_has_no_root_cause(talk: Conversation) -> None:
    ended = run_step(talk, HEALTHY)
    assert (ended.state, ended.outputs and ended.outputs["verdict"]) == ("completed", "healthy")
    assert "root_cause" not in (ended.outputs or {})


def test_the_host_of_a_step_is_checked(talk: Conversation) -> None:
    ended = run_step(talk, HEALTHY | {"host": "api.unknown.example"})
    (run_id,) = runs(talk)
    run = talk.client.get(Run, run_id)
    assert run is not None
    assert run.order.target.host == "api.unknown.example"
    assert ended.outputs is not None
    assert ended.outputs["root_cause"]


def test_two_steps_at_once_share_a_check_and_both_end(talk: Conversation) -> None:
    first, second = (talk.slack.run_step(WORKFLOW_STEP, BROKEN)[1] for _ in range(2))
    talk.play()
    assert len(runs(talk)) == 1
    ends = [talk.slack.execution(each) for each in (first, second)]
    assert [each.state for each in ends] == ["completed", "completed"]
    assert ends[0].outputs == ends[1].outputs


def test_a_step_of_a_gateway_with_a_card_links_to_the_card(talk: Conversation) -> None:
    talk.say("/egress-diag prod-weu team-egress/egw")
    ended = run_step(talk, BROKEN)
    (card,) = talk.parents
    assert f"p{card.ts.replace('.', '')}" in str((ended.outputs or {})["link"])


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (BROKEN | {"channel": "C0PAY"}, "No access rule lets the user `workflows` check"),
        (BROKEN | {"cluster": "prod-wue"}, "prod-weu"),
        (BROKEN | {"gateway": "egress --from x"}, "is not one name"),
        (BROKEN | {"gateway": "--from"}, "is not one name"),
        (BROKEN | {"cluster": "handoff", "gateway": "8h"}, "names no cluster"),
        (BROKEN | {"gateway": "payments/nosuch"}, "payments/nosuch"),
    ],
)
def test_a_step_that_starts_nothing_fails_with_the_reason(
    talk: Conversation, inputs: dict[str, str], words: str
) -> None:
    ended = run_step(talk, inputs)
    assert ended.state == "failed"
    assert words in ended.error
    assert not talk.parents
    assert not talk.slack.ephemerals()


def test_a_rule_for_everyone_permits_workflows_nothing(slack: SandboxServer, client: Client, tmp_path: Path) -> None:
    config = load(write_config(tmp_path, access="  - {allow: [diagnose], users: ['*'], channels: ['*']}\n"))
    client.stores.config = config
    with conversation(slack, client, config) as talk:
        ended = run_step(talk, BROKEN)
        assert (ended.state, runs(talk)) == ("failed", [])
        assert "prod-neu" not in run_step(talk, BROKEN | {"cluster": "prod-ne"}).error, "a name that it may not know"


def test_workflows_start_a_limited_number_of_checks_in_a_minute(talk: Conversation) -> None:
    started = [talk.slack.run_step(WORKFLOW_STEP, HEALTHY)[1] for _ in range(2 * STARTS_PER_MINUTE + 1)]
    talk.play()
    ends = [talk.slack.execution(each) for each in started]
    failed = [each.error for each in ends if each.state == "failed"]
    assert failed, "a minute can end in between, two cannot"
    assert set(failed) == {"Too many checks were started in this channel in this minute."}
    assert len(ends) - len(failed) >= STARTS_PER_MINUTE


def test_a_step_ends_without_a_link_if_its_channel_takes_no_messages(talk: Conversation) -> None:
    ended = run_step(talk, BROKEN | {"channel": "C0OLD"})
    assert ended.state == "completed"
    assert ended.outputs is not None
    assert sorted(ended.outputs) == ["root_cause", "verdict"]
    assert not talk.slack.ephemerals()


def test_an_outage_of_slack_delays_the_end_of_a_step(talk: Conversation) -> None:
    talk.slack.faults.server_errors(2, "functions.completeSuccess")
    assert run_step(talk, BROKEN).state == "completed"


def test_a_lost_answer_does_not_repeat_the_end(talk: Conversation) -> None:
    talk.slack.faults.lose_answers(1, "functions.completeSuccess")
    assert run_step(talk, BROKEN).state == "completed"
    until = time.monotonic() + 60
    while len(talk.slack.calls("functions.completeSuccess")) < 2 and time.monotonic() < until:
        talk.play()
    assert [call.error for call in talk.slack.calls("functions.completeSuccess")][
        -1
    ] == "execution_not_in_running_state"
    talk.play()
    assert len(talk.slack.calls("functions.completeSuccess")) == 2


def test_a_redelivered_event_starts_nothing_more(talk: Conversation) -> None:
    run_step(talk, BROKEN)
    before = [(m.ts, m.shown) for m in everything(talk)]
    payload = talk.slack.deliveries("events_api")[-1].payload
    assert payload["event"]["type"] == "function_executed"
    body, kind = http_body("events_api", payload)
    headers = signed_headers(body, talk.slack.app.signing_secret, int(time.time()))
    answer = urllib3.request(
        "POST", talk.slack.request_url or "", body=body, headers=headers | {"Content-Type": kind}, retries=False
    )
    assert answer.status == 200
    talk.play()
    assert [(m.ts, m.shown) for m in everything(talk)] == before
    assert len(runs(talk)) == 1
    assert len(talk.slack.calls("functions.completeSuccess")) == 1


def test_a_stopped_check_fails_its_step(talk: Conversation) -> None:
    _, execution = talk.slack.run_step(WORKFLOW_STEP, BROKEN)
    talk.slack.wait_until(lambda: talk.client.active(Run))
    (run,) = talk.client.active(Run)
    assert talk.client.stop(run, "U0ALICE")
    talk.play()
    assert talk.slack.execution(execution).error == "The check was stopped."
