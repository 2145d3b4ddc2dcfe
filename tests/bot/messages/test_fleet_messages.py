"""Digests, handoffs and their forms as people read them; rewritten by `make accept`, reviewed as prose."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bot.fleet import forms as fleet_forms
from bot.fleet import handoff_messages as handoffs
from bot.fleet.digest_messages import digest_messages
from bot.fleet.digest_picture import MAX_ROWS_DRAWN, digest_alt_text, digest_picture
from bot.sandbox.blocks import problems_of_message, problems_of_view
from checks.model.recurrence import recurrence
from tests.bot.fleet import fleet_stories as story
from tests.bot.messages.test_messages import compare
from tests.bot.stories import BEGAN
from workers.client import Client
from workers.fleet import digest
from workers.fleet.digest import Digest, DriftedGateway, GatewayLine, Row, Unchecked, compose_digest
from workers.fleet.handoff import Coverage, Handoff
from workers.fleet.records import Drift, Fault, GatewayState, Mute, SweptCluster
from workers.fleet.schedule import Schedule

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


@pytest.fixture
def remembered(client: Client) -> Client:
    story.play(client, NOW)
    return client


def made(client: Client, order: digest.DigestOrder) -> Digest:
    known = [each for each in story.known(client, NOW, order.since or NOW) if each.cluster in order.clusters]
    return compose_digest(order, known, client.stores.fleet.ledger.mutes(NOW), NOW)


def test_a_digest_reads_like_this(remembered: Client) -> None:
    order = story.order(NOW, due=NOW - timedelta(minutes=47), late=True, since=NOW - timedelta(hours=18))
    found = made(remembered, order)
    compare("digest_busy", digest_messages(found, "F123", digest_alt_text(found)))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("digest_quiet", {}),
        ("digest_weekly", {"weekly": True}),
        ("digest_full", {"show": "full", "user": "U0BOB", "when": ""}),
        ("digest_gone", {"gone": ("prod-old",), "clusters": ()}),
    ],
)
def test_a_quiet_digest_is_one_line(name: str, changes: dict[str, object], remembered: Client) -> None:
    order = story.order(NOW, **{"clusters": ("prod-sea",), **changes})
    quiet = [
        replace(each, swept=SweptCluster("prod-sea", "x", NOW, 3), events=(), states=_seen(each))
        for each in story.known(remembered, NOW, NOW - timedelta(days=1))
        if each.cluster in order.clusters
    ]
    compare(name, digest_messages(compose_digest(order, quiet, (), NOW)))


def _seen(known: digest.Known) -> dict[str, GatewayState]:
    return {name: replace(state, inconclusive_since=None, at=NOW) for name, state in known.states.items()}


SHIFTS: dict[str, Callable[[Handoff], Handoff]] = {
    "handoff_open": lambda shift: shift,
    "handoff_taken": lambda shift: replace(shift, taken_by="U0BOB", taken_at=NOW),
    "handoff_reminded": lambda shift: replace(shift, reminded=True),
    "handoff_empty": lambda shift: Handoff(
        replace(shift.order, to="", note=""),
        replace(shift.coverage, missed=0, sweeps=16, runs=0, clusters=2, gateways=4),
    ),
    "handoff_blind": lambda shift: Handoff(replace(shift.order, to="", note=""), Coverage(clusters=2)),
}


@pytest.mark.parametrize("name", SHIFTS)
def test_a_handoff_reads_like_this(name: str, remembered: Client) -> None:
    shift = SHIFTS[name](remembered.stores.fleet.preview_handoff(story.shift(NOW), ()))
    compare(
        name,
        handoffs.handoff_messages(shift, {"prod-weu shop/egress-shop": "https://example.slack.com/archives/C0OPS/p1"}),
    )


def test_forms_and_answers_are_what_slack_takes(remembered: Client) -> None:
    shift = remembered.stores.fleet.preview_handoff(story.shift(NOW), ())
    for view in (
        fleet_forms.digest_form("C0OPS", [f"cluster-{n}" for n in range(300)], "Europe/Berlin"),
        fleet_forms.handoff_form("C0OPS", 3600, None, "", ""),
        fleet_forms.handoff_form("C0OPS", 3600, shift, "U0BOB", "note " * 600),
    ):
        assert not problems_of_view(view)
    schedule = Schedule("s1", "C0OPS", ("prod-*", "dev"), recurrence("09:00", "mon-fri", "Europe/Berlin"), user="U0BOB")
    stopped = replace(schedule, id="c1", user="", stopped="the channel is archived or not accessible (is_archived)")
    mute = Mute("prod", "a/b", "gateway-pool-missing", "U0BOB", "because *bold* <!here>", NOW, NOW + timedelta(days=1))
    compare(
        "digest_answers",
        (
            fleet_forms.digest_list(()),
            fleet_forms.digest_list([(schedule, NOW), (stopped, NOW)]),
            fleet_forms.digest_added(schedule, NOW),
            fleet_forms.mute_added(mute),
        ),
    )


HOSTILE = st.text(min_size=1, max_size=300) | st.sampled_from(
    ["<!channel> *x*", "<@U0BOB>", "`" * 9, "a" * 5000, "\u202egnp", "<https://evil.example|click>"]
)


@given(names=st.lists(HOSTILE, min_size=1, max_size=4), count=st.integers(1, 400))
def test_whatever_gateways_are_called_the_messages_are_valid(names: list[str], count: int) -> None:
    one = names[0]
    fault = Fault("c", "EG1", one, one, one, "i", BEGAN)
    lines = tuple(
        GatewayLine(one, f"{names[n % len(names)]}{n}", (fault,) * (n % 4), BEGAN, "U0BOB", n) for n in range(count)
    )
    drift = (DriftedGateway(one, one, (Drift(one, one, one, one, one, BEGAN),) * 9, BEGAN),) * count
    rows = tuple(Row(one, f"{each}{n}", "bud.hhhhhhhhhh") for n, each in enumerate(names * 10))
    found = Digest(
        order=story.order(NOW),
        at=NOW,
        counts=digest.Counts(1, count),
        unchecked=(Unchecked(one, one, tuple(names)),) * count,
        broke=lines,
        fixed=lines,
        still=lines,
        prefix_changes=drift,
        drift=drift,
        rows=rows,
        first_day=date(2026, 11, 11),
    )
    shift = Handoff(story.shift(NOW, note=one), Coverage(), lines, unchecked=found.unchecked, changed=drift)
    alt = digest_alt_text(found)
    for message in (
        *digest_messages(found, "F123", alt),
        *handoffs.handoff_messages(replace(shift, reminded=True), {}),
    ):
        assert not problems_of_message(list(message.blocks)), message.slot
        # The alternative text of a picture is plain: nothing in it means anything to Slack.
        said = str([block for block in message.blocks if block["type"] != "image"])
        for mark in ("<!channel", "<!here", "<@U0BOB>"):
            # Owners are mentioned by us, never by what a cluster says.
            assert mark not in said.replace("owner <@U0BOB>", "").replace("to <@U0BOB>", "").replace("⏰ <@U0BOB>", "")


def test_the_picture_reads_without_colour_and_on_a_phone(remembered: Client) -> None:
    found = made(remembered, story.order(NOW))
    image = Image.open(io.BytesIO(digest_picture(found)))
    assert image.width == 560
    assert image.height < 1400
    assert len(digest_picture(found)) < 60_000
    words = digest_alt_text(found)
    assert words.startswith("The last 14 days, 11 Nov to 24 Nov.")
    assert "payments/egress-payments on prod-weu: broken on 3 days" in words
    grey = image.convert("L")
    top = 62 + 48 + 34
    cells = {grey.crop((14 + n * 38, top, 14 + n * 38 + 30, top + 30)).tobytes() for n in range(14)}
    assert len(cells) <= 2, "the same mark looks the same on every day"


def test_a_picture_of_hundreds_shows_those_with_trouble() -> None:
    rows = tuple(Row("prod", f"team/egw-{n:03}", "h" * 14) for n in range(300))
    bad = Row("prod", "team/zzz-broken", "h" * 13 + "b")
    found = Digest(story.order(NOW), NOW, digest.Counts(1, 301), rows=(*rows, bad), first_day=date(2026, 11, 11))
    assert "team/zzz-broken on prod: broken on 1 day (24 Nov)" in digest_alt_text(found)
    assert "300 gateways healthy" in digest_alt_text(found)
    assert Image.open(io.BytesIO(digest_picture(found))).height < 200 + 82 * MAX_ROWS_DRAWN + 100


def test_nothing_to_show_is_no_picture() -> None:
    found = Digest(story.order(NOW), NOW, digest.Counts(), first_day=date(2026, 11, 11))
    assert digest_picture(found) == b""
    assert digest_alt_text(found) == ""
