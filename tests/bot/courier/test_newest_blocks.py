"""Slack's newest blocks and canvases, and classic messages elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.courier.courier import Courier
from bot.messages.steps import step_details
from bot.messages.tables import MOST_CHARACTERS, MOST_ROWS, cell_size, data_table, text_cell
from bot.sandbox import App, RateLimits, SandboxServer, StoredMessage
from checks.config.configuration import Config
from checks.config.configuration_file import load
from tests.bot.conftest import write_config
from tests.bot.conversation import Conversation, conversation
from tests.bot.courier.test_courier import deliver
from tests.bot.fleet.test_fleet import ACCESS, form, latest_of
from tests.bot.stories import BROKEN, HEALTHY, ORDER, PASSES, accepted, append, finish
from tests.system import PATIENT, slot, whole_thread
from workers.client import ConnectedClient as Client
from workers.records.listing import Listing, ListingState

pytestmark = pytest.mark.slow

NEW = ("table", "plan")


def types(message: StoredMessage) -> list[str]:
    return [block["type"] for block in message.blocks]


def refused(slack: SandboxServer) -> int:
    return sum(call.error == "invalid_blocks" for call in slack.calls())


def test_an_active_run_has_a_plan(courier: Courier, client: Client, slack: SandboxServer) -> None:
    run = accepted(client)
    append(client, run, *PASSES)
    deliver(courier, run)
    parent, steps = whole_thread(slack)
    assert types(parent)[:3] == ["section", "plan", "section"]
    assert "Prerequisites (in_progress)" in parent.shown
    assert types(steps) == ["section", "actions"]
    deliver(courier, finish(client, run, BROKEN))
    assert "plan" not in types(whole_thread(slack)[0])
    assert not refused(slack)


def test_a_workspace_without_them_has_the_classic_form_and_is_asked_once(
    courier: Courier, client: Client, slack: SandboxServer
) -> None:
    slack.faults.refuse_blocks(*NEW)
    for number in range(2):
        run = accepted(client, replace(ORDER, key=f"k{number}", channel=("C0OPS", "C0PAY")[number]))
        append(client, run, *PASSES)
        deliver(courier, run)
        deliver(courier, finish(client, run, HEALTHY))
        assert refused(slack) == 1, "the plan is tried once"
    for channel in ("C0OPS", "C0PAY"):
        parent, steps = whole_thread(slack, channel)
        assert not {"table", "plan"}.intersection(types(parent) + types(steps))
        assert "✅ *Prerequisites:* 1 passed" in steps.shown


def test_a_refusal_expires(courier: Courier, client: Client, slack: SandboxServer) -> None:
    slack.faults.refuse_blocks(*NEW)
    run = accepted(client)
    append(client, run, *PASSES)
    deliver(courier, run)
    keys = client.stores.redis.keys("*refused-block:T0SANDBOX:*")
    assert [str(key).rsplit(":", 1)[1] for key in keys] == ["plan"]
    assert 0 < client.stores.redis.ttl(keys[0]) <= 86400


def test_blocks_of_ours_that_are_wrong_everywhere_are_sent_as_text(
    courier: Courier, client: Client, slack: SandboxServer
) -> None:
    slack.faults.refuse_blocks(*NEW, "section")
    deliver(courier, finish(client, accepted(client), HEALTHY))
    assert [message.blocks for message in whole_thread(slack)] == [(), ()]


@pytest.mark.parametrize("with_table", [True, False])
def test_a_list_is_a_table_where_the_workspace_takes_one(
    courier: Courier, client: Client, slack: SandboxServer, *, with_table: bool
) -> None:
    if not with_table:
        slack.faults.refuse_blocks(*NEW)
    for number in range(2):
        gateways = (("payments/egress", True), ("shop/egress", False))
        listing = Listing(
            id=f"l{number}", cluster="prod-weu", user="U0ALICE", channel="C0OPS",
            state=ListingState.DONE, gateways=gateways,
        )  # fmt: skip
        client.stores.listings.request(listing)
        client.stores.documents.changed(f"listing/{listing.id}")
        assert courier.deliver(f"listing/{listing.id}").retry_seconds is None
    answers = slack.ephemerals(user="U0ALICE")
    assert len(answers) == 2
    assert [("table" in types(each)) for each in answers] == [with_table] * 2
    assert all("payments/egress" in each.shown and "disabled" in each.shown for each in answers)
    assert refused(slack) == (0 if with_table else 1)


def test_a_table_beyond_a_limit_is_no_table() -> None:
    row = (text_cell("a"), text_cell("b"))
    assert data_table(("A", "B"), [row] * (MOST_ROWS - 1), ()) is not None
    assert data_table(("A", "B"), [row] * MOST_ROWS, ()) is None
    assert data_table(("A", "B"), [(text_cell("x" * MOST_CHARACTERS), text_cell("b"))], ()) is None
    message = step_details([replace(each, summary="x" * 3000) for each in PASSES])
    assert message is not None
    assert message.newest == ()


def test_a_cell_shows_its_text_literally_and_is_never_empty() -> None:
    assert text_cell("*x* <!channel> &\u202e\u2060") == {"type": "raw_text", "text": "*x* <!channel> &"}
    assert cell_size(text_cell(" ")) == 1


# canvases


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(write_config(tmp_path, access=ACCESS))


@pytest.fixture
def with_canvases(client: Client, config: Config) -> Iterator[Conversation]:
    app = App(canvases=True)
    with (
        SandboxServer(app=app, limits=RateLimits.off(), timing=PATIENT) as slack,
        conversation(slack, client, config) as talk,
    ):
        yield talk


def handed_over(talk: Conversation) -> StoredMessage:
    talk.say("/egress-diag weu egw")
    talk.say("/egress-diag handoff 8h @bob pool is with Azure")
    assert talk.slack.submit_view(form(talk, "1 open"), {"next": "U0BOB", "note": "pool is with Azure"}).ok
    until = time.monotonic() + 60
    while time.monotonic() < until:
        talk.play()
        for message in talk.slack.messages("C0OPS"):
            if "Handoff" in message.text:
                return message
    raise AssertionError("no handoff")


def test_a_handoff_is_a_canvas_that_the_channel_can_read(with_canvases: Conversation) -> None:
    talk = with_canvases
    shift = handed_over(talk)
    (canvas,) = talk.slack.canvases()
    assert canvas.title == "Handoff: 1 open, 1 not checked"
    assert canvas.channels == ("C0OPS",)
    assert "## ❌ Open\n- `team-egress/egw` on `prod-weu`" in canvas.markdown
    assert "gwpol" in canvas.markdown
    assert "[thread](" in canvas.markdown
    assert f"/docs/T0SANDBOX/{canvas.id}|Read the handoff>" in shift.shown
    assert "gwpol" not in shift.shown
    assert "pool is with Azure" in shift.shown
    assert "take_handoff" in shift.buttons


def test_the_canvas_shows_the_present_owner(with_canvases: Conversation) -> None:
    talk = with_canvases
    shift = handed_over(talk)
    talk.press(shift, "take_handoff", user="U0BOB")
    (canvas,) = talk.slack.canvases()
    assert "owner ![](@U0BOB)" in canvas.markdown
    assert "took over <!date" in latest_of(talk, shift)
    assert len(talk.slack.calls("canvases.create")) == 1


def test_a_workspace_without_canvases_has_the_message_and_is_asked_once(client: Client, config: Config) -> None:
    with SandboxServer(limits=RateLimits.off(), timing=PATIENT) as slack, conversation(slack, client, config) as talk:
        shift = handed_over(talk)
        assert "gwpol" in shift.shown
        talk.press(shift, "take_handoff", user="U0BOB")
        assert len(talk.slack.calls("canvases.create")) == 1


@pytest.mark.parametrize("method", ["canvases.access.set", "canvases.edit"])
def test_a_handoff_whose_canvas_is_refused_later_is_a_message(with_canvases: Conversation, method: str) -> None:
    talk = with_canvases
    talk.slack.faults.refuse("canvas_not_found", 9, method)
    shift = handed_over(talk)
    talk.press(shift, "take_handoff", user="U0BOB")
    assert "gwpol" in latest_of(talk, shift)
    assert "owner <@U0BOB>" in latest_of(talk, shift)
    assert len(talk.slack.calls("canvases.create")) == 1


def test_an_outage_delays_a_handoff_and_makes_no_second_canvas(with_canvases: Conversation) -> None:
    talk = with_canvases
    talk.slack.faults.server_errors(2, "canvases.access.set")
    shift = handed_over(talk)
    assert len(talk.slack.canvases()) == 1
    assert "Read the handoff" in shift.shown
    assert slot(shift) == "parent"
