"""A mention in a reply under an alert's message, and alerts that are answered there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox import SandboxServer, StoredMessage
from bot.sandbox.model.state import User
from checks.config.configuration_file import load
from tests.bot.conftest import write_config
from tests.bot.conversation import Conversation, conversation
from tests.bot.test_alerts import ACCESS, ENTRY, alert, outcomes, send
from tests.system import slot
from workers.client import ConnectedClient as Client

pytestmark = pytest.mark.slow

ATTACHMENT: dict[str, Any] = {
    "color": "danger",
    "fallback": "[FIRING:1] EgressGatewayDown",
    "title": "[FIRING:1] EgressGatewayDown",
    "text": "No request leaves",
    "fields": [
        {"title": "Labels", "value": "cluster: prod-weu\nnamespace: team-egress\nservice: egw", "short": False},
    ],
}  # fmt: skip
"""A message as Alertmanager's receiver for Slack posts it."""


@pytest.fixture
def talk(slack: SandboxServer, client: Client, tmp_path: Path) -> Iterator[Conversation]:
    config = load(write_config(tmp_path, more=ENTRY, access=ACCESS))
    with conversation(slack, client, config) as found:
        yield found


def posted(talk: Conversation, text: str, *attachments: dict[str, Any]) -> StoredMessage:
    """A message of another app."""
    workspace = talk.slack.workspace
    workspace.users["U0ALERTMANAGER"] = User("U0ALERTMANAGER", "alertmanager", "Alertmanager", is_bot=True)
    return workspace.post(
        StoredMessage(
            channel="C0OPS", ts=workspace.new_ts(), author="U0ALERTMANAGER", text=text, attachments=tuple(attachments)
        )
    )


@pytest.mark.parametrize("words", ["", "check", "why?", "is it the gateway or the host?"])
def test_a_mention_under_an_alert_starts_the_check_that_it_is_about(talk: Conversation, words: str) -> None:
    above = posted(talk, "", ATTACHMENT)
    talk.say(f"@egress-diag {words}", thread=above)
    (parent,) = (m for m in talk.slack.thread(above) if slot(m) == "parent")
    assert "*Broken:* `team-egress/egw` on `prod-weu`" in parent.shown
    assert not talk.slack.ephemerals()
    talk.say("@egress-diag who owns it", thread=above)
    assert "has no owner" in talk.slack.thread(above)[-1].shown, "the thread is a conversation from here on"


def test_a_host_in_the_alert_is_checked_too(talk: Conversation) -> None:
    above = posted(talk, "EgressErrors cluster=prod-neu gateway=team-egress/egw host=api.x.example")
    talk.say("@egress-diag", thread=above)
    (parent,) = (m for m in talk.slack.thread(above) if slot(m) == "parent")
    assert "api.x.example is not routed through egw" in parent.shown


def test_what_the_alert_does_not_name_is_asked_for_with_buttons(talk: Conversation) -> None:
    talk.say("/egress-diag prod-weu team-egress/egw")
    talk.say("/egress-diag list prod-neu")
    above = posted(talk, "Egress is slow, gateway=team-egress/egw")
    talk.say("@egress-diag", thread=above)
    asked = talk.slack.ephemerals(user="U0ALICE")[-1]
    assert asked.shown.startswith("Which cluster is this message about?")
    assert "prod-neu team-egress/egw" in asked.shown
    number = next(n for n, label in enumerate(asked.shown.split("\n")[1:]) if label.startswith("prod-neu"))
    talk.press(asked, f"suggestion/{number}")
    (parent,) = (m for m in talk.slack.thread(above) if slot(m) == "parent")
    assert "*Healthy:*" in parent.shown

    above = posted(talk, "cluster=prod-weu: errors at egress")
    talk.say("@egress-diag", thread=above)
    asked = talk.slack.ephemerals(user="U0ALICE")[-1]
    assert asked.shown.startswith("Which gateway on prod-weu is this message about?")


def test_a_message_that_names_nothing_is_answered_as_before(talk: Conversation) -> None:
    above = posted(talk, "Lunch?")
    talk.say("@egress-diag why", thread=above)
    assert "does not belong to a run" in talk.last_answer()
    talk.say("@egress-diag", thread=above)
    assert "finds out why" in talk.last_answer()


def test_a_person_without_permission_is_refused_and_learns_no_name(
    slack: SandboxServer, client: Client, tmp_path: Path
) -> None:
    rule = "  - {allow: [diagnose], users: ['U0ALICE'], channels: ['C0OPS']}\n"
    with conversation(slack, client, load(write_config(tmp_path, access=rule))) as talk:
        above = posted(talk, "", ATTACHMENT)
        talk.say("@egress-diag", thread=above, user="U0BOB")
        assert not [m for m in talk.slack.thread(above) if slot(m) == "parent"]
        assert "prod-weu" not in talk.last_answer("U0BOB")


def test_without_the_history_scope_the_mention_is_answered_as_before(talk: Conversation) -> None:
    above = posted(talk, "", ATTACHMENT)
    talk.slack.faults.take_scope("channels:history")
    talk.say("@egress-diag why", thread=above)
    assert "does not belong to a run" in talk.last_answer()


def test_a_notification_is_answered_in_the_thread_of_the_alerts_message(talk: Conversation) -> None:
    other = posted(talk, "", {**ATTACHMENT, "fields": [{"title": "Labels", "value": "service: other"}]})
    above = posted(talk, "", ATTACHMENT)
    assert outcomes(send(talk, alert())) == ["started"]
    assert slot(talk.slack.thread(above)[0]) == "parent"
    assert "*Broken:*" in talk.slack.thread(above)[0].shown
    assert not talk.slack.thread(other)
    assert not [m for m in talk.parents if not m.is_reply], "no message in the channel"


def test_a_message_of_a_person_is_no_alert(talk: Conversation) -> None:
    talk.slack.say("EgressGatewayDown on egw again?")
    assert outcomes(send(talk, alert())) == ["started"]
    assert [m for m in talk.parents if not m.is_reply]


def test_the_names_in_a_question_under_an_alert_are_read(talk: Conversation) -> None:
    above = posted(talk, "namespace: team-egress\nservice: egw")
    talk.say("@egress-diag is it still broken on prod-weu?", thread=above)
    (parent,) = (m for m in talk.slack.thread(above) if slot(m) == "parent")
    assert "*Broken:* `team-egress/egw` on `prod-weu`" in parent.shown


def test_the_message_of_an_alert_that_arrives_a_little_later_is_its_thread(talk: Conversation) -> None:
    """Alertmanager posts to Slack and to this bot at the same time."""

    def reads() -> int:
        return len(talk.slack.calls("conversations.history"))

    def post_after_the_first_search() -> None:
        talk.slack.wait_until(lambda: reads() > 0)
        above.append(posted(talk, "", ATTACHMENT))

    above: list[StoredMessage] = []
    other = threading.Thread(target=post_after_the_first_search)
    other.start()
    send(talk, alert(labels={"cluster": "prod-weu"}))
    other.join()
    assert [slot(m) for m in talk.slack.thread(above[0])].count("parent") == 1
    assert 2 <= reads() <= 3


def test_a_history_that_cannot_be_read_is_searched_once(talk: Conversation) -> None:
    """The second search would delay the answer to the notification by more than a second."""
    talk.slack.faults.take_scope("channels:history")
    send(talk, alert(labels={"cluster": "prod-weu"}))
    assert len(talk.slack.calls("conversations.history")) == 1
    assert [m for m in talk.slack.messages("C0OPS") if slot(m) == "parent"]


def test_an_alert_of_another_cluster_is_not_answered_under_this_ones_message(talk: Conversation) -> None:
    """The same rule fires for several clusters, with gateways of the same name."""
    above = posted(talk, "", ATTACHMENT)
    assert outcomes(send(talk, alert(labels={"cluster": "prod-neu"}, fingerprint="b"))) == ["started"]
    assert not talk.slack.thread(above)
    assert "prod-neu" in talk.parents[-1].shown
