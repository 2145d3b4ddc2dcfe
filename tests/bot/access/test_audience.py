"""A run belongs to the channel of its request: no other channel joins it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.sandbox import SandboxServer
from checks.config.configuration_file import load
from tests.bot.conftest import write_config
from tests.bot.conversation import Conversation, conversation
from tests.system import slot
from workers.client import ConnectedClient as Client
from workers.records.run import Run

ROOT = Path(__file__).parents[3]
RULES = "  - {allow: [diagnose, handoff, digest], users: ['*'], channels: ['*']}\n"


@pytest.fixture
def talk(slack: SandboxServer, client: Client, tmp_path: Path) -> Iterator[Conversation]:
    with conversation(slack, client, load(write_config(tmp_path, access=RULES))) as found:
        yield found


def parents(talk: Conversation, channel: str) -> list[str]:
    return [message.text for message in talk.slack.messages(channel) if slot(message) == "parent"]


def test_the_same_request_in_another_channel_starts_a_run_of_its_own(talk: Conversation) -> None:
    assert talk.slack.say("/egress-diag weu egw", user="U0ALICE", channel="C0PAY").ok
    ack = talk.say("/egress-diag weu egw", user="U0BOB", channel="C0OPS")
    assert ack.message is None, ack.message
    assert (len(parents(talk, "C0PAY")), len(parents(talk, "C0OPS"))) == (1, 1)


def test_the_same_request_in_one_channel_joins(talk: Conversation) -> None:
    assert talk.slack.say("/egress-diag weu egw", user="U0ALICE").ok
    talk.slack.wait_until(lambda: talk.client.active(Run))
    ack = talk.say("/egress-diag weu egw", user="U0BOB")
    assert ack.message is not None
    assert "already started this check" in ack.message.shown
    assert len(parents(talk, "C0OPS")) == 1


def test_listeners_get_records_only_where_their_rights_are_checked() -> None:
    """A record that a listener reads by itself is used without a check of its channel."""
    reads = re.compile(r"client\.(get|active)\(|client\.gateways\.(known|verdicts)\(")
    files = [*(ROOT / "bot" / "listeners").glob("*.py"), *(ROOT / "bot" / "fleet").glob("*.py")]
    assert len(files) > 10
    found = [f"{file.name}: {line}" for file in files for line in file.read_text().splitlines() if reads.search(line)]
    assert found == []
