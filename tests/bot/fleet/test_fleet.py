"""Digests, handoffs and mutes in Slack: typed, filled in, pressed, and what comes into the channel."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.grammar.fleet_commands import DigestAdd, DigestList, DigestNow, DigestRemove, HandOver, MuteFault, Unmute
from bot.grammar.parser import parse_command
from bot.sandbox import SandboxServer, View
from checks.config.configuration import Config, load
from checks.model.findings import Verdict
from tests.bot.conftest import write_config
from tests.bot.conversation import Conversation, conversation
from tests.system import slot
from workers.client import Client, connect
from workers.fleet.records import GatewayCheck, GatewaySetting
from workers.fleet.service import present
from workers.fleet.sweeping import Sweeper
from workers.queue.settings import WorkerSettings
from workers.runs.clusters import ClusterSources

ACCESS = (
    "  - {allow: [diagnose, handoff, digest], users: ['U0ALICE', 'U0BOB'], channels: ['C0OPS', 'C0OLD']}\n"
    "  - {allow: [diagnose], users: ['*']}\n"
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(write_config(tmp_path, access=ACCESS))


@pytest.fixture
def client(redis_url: str, config: Config) -> Iterator[Client]:
    found = connect(WorkerSettings(REDIS_URL=redis_url), config)
    yield found
    found.close()


@pytest.fixture
def talk(slack: SandboxServer, client: Client, config: Config) -> Iterator[Conversation]:
    with conversation(slack, client, config) as found:
        yield found


def tick(talk: Conversation, now: datetime) -> None:
    """The ticker's round, and the workers that carry out what it sends; then the courier."""
    sent: list[str] = []

    def send(part: str) -> bool:
        sent.append(part)
        return True

    fleet = talk.client.stores.fleet
    fleet.tick(talk.config, now, send)
    sweeper = Sweeper(fleet.sweeps, fleet.ledger, talk.config, ClusterSources(talk.config).source, 20, lambda: now)
    for part in sent:
        sweep_id, _, cluster = part.partition("/")
        sweeper.carry_out(sweep_id, cluster)
    fleet.tick(talk.config, now, send)
    talk.play()


def form(talk: Conversation, text: str, user: str = "U0ALICE") -> View:
    def opened() -> View | None:
        view = talk.slack.view(user)
        return view if view is not None and text in view.shown else None

    return talk.slack.wait_until(opened)


def test_a_digest_is_added_with_a_form_comes_at_its_time_and_once(talk: Conversation) -> None:
    talk.say("/egress-diag digest add")
    view = form(talk, "Add a digest")
    wrong = {"clusters": "staging-*", "time": "*/1 * * * *", "days": "someday", "zone": "Berlin"}
    ack = talk.slack.submit_view(view, wrong)
    assert ack.errors is not None
    assert set(ack.errors) == {"clusters", "time", "days", "zone"}
    assert "did you mean Europe/Berlin?" in ack.errors["zone"]
    right = {"clusters": "prod-*", "time": "09:00", "days": "daily", "zone": "Europe/Berlin", "show": "changes"}
    assert talk.slack.submit_view(view, right).ok
    talk.play()
    assert "every day at 09:00 Europe/Berlin" in talk.told()

    (schedule,) = talk.client.stores.fleet.schedules.all(talk.config)
    due = schedule.recurrence.next(datetime.now(UTC)).at
    for now in (due - timedelta(minutes=1), due, due, due + timedelta(seconds=5), due + timedelta(minutes=5)):
        tick(talk, now)
    (digest,) = talk.parents
    assert "1 newly broken" in digest.text
    assert "gwpol" in digest.shown
    (reply,) = talk.slack.thread(digest)
    assert slot(reply) == "picture"
    (file,) = talk.slack.files()
    assert "egw on prod-weu: broken on 1 day" in file.alt_text
    tick(talk, due + timedelta(days=1))
    assert len(talk.parents) == 2
    assert "1 still broken" in talk.parents[1].text
    assert "day 2" in talk.parents[1].shown


def test_two_digests_for_one_channel_and_time_are_refused(talk: Conversation) -> None:
    values = {"clusters": "*", "time": "09:00", "days": "mon-fri", "zone": "Europe/Berlin"}
    talk.say("/egress-diag digest add")
    assert talk.slack.submit_view(form(talk, "Add a digest"), values).ok
    talk.play()
    talk.say("/egress-diag digest add")
    ack = talk.slack.submit_view(form(talk, "Add a digest"), {**values, "days": "fri", "time": "09:00, 17:00"})
    assert "already has a digest at that time" in str(ack.errors)


def test_digests_are_listed_and_removed(talk: Conversation) -> None:
    talk.say("/egress-diag digest list")
    assert "This channel has no digest" in talk.told()
    talk.say("/egress-diag digest add")
    values = {"clusters": "prod-weu", "time": "9am", "days": "mon-fri", "zone": "utc"}
    assert talk.slack.submit_view(form(talk, "Add a digest"), values).ok
    talk.play()
    talk.say("/egress-diag digest")
    listing = talk.slack.ephemerals(user="U0ALICE")[-1]
    assert "Monday to Friday at 09:00 UTC" in listing.shown
    talk.press(listing, "remove_digest/1")
    assert "Removed: Monday to Friday at 09:00 UTC" in talk.told()
    talk.say("/egress-diag digest remove 1")
    assert "no such digest" in talk.told()


def test_a_digest_now_says_all_of_it(talk: Conversation) -> None:
    talk.say("/egress-diag digest now")
    assert "A fleet check has started" in talk.told()
    tick(talk, present())
    (digest,) = talk.parents
    assert "1 newly broken" in digest.text
    assert "requested by" in digest.shown


def test_a_digest_whose_channel_is_gone_comes_no_more_and_its_maker_is_told(talk: Conversation) -> None:
    talk.say("/egress-diag digest add")
    values = {"clusters": "*", "time": "09:00", "days": "daily", "zone": "UTC"}
    assert talk.slack.submit_view(form(talk, "Add a digest"), values).ok
    talk.play()
    talk.slack.faults.archive("C0OPS")
    (schedule,) = talk.client.stores.fleet.schedules.all(talk.config)
    due = schedule.recurrence.next(datetime.now(UTC)).at
    tick(talk, due)
    (schedule,) = talk.client.stores.fleet.schedules.all(talk.config)
    assert "archived or not accessible" in schedule.stopped
    assert any("could not be posted" in m.shown for m in talk.slack.messages("D0ALICE", user="U0ALICE")) or any(
        "could not be posted" in str(call.args) for call in talk.slack.calls("chat.postMessage")
    )
    before = len(talk.client.stores.redis.keys("*digest:doc:*"))
    tick(talk, due + timedelta(days=1))
    assert len(talk.client.stores.redis.keys("*digest:doc:*")) == before


def test_a_shift_is_handed_over_as_a_draft_first_and_taken(talk: Conversation) -> None:
    talk.say("/egress-diag weu egw")
    talk.say("/egress-diag handoff 8h @bob pool is with Azure")
    view = form(talk, "1 open")
    assert "pool is with Azure" in str(view.blocks)
    assert "no owner" in view.shown
    assert talk.slack.submit_view(view, {"next": "U0BOB", "note": "pool is with Azure, *really*"}).ok
    talk.play()
    shift = next(m for m in talk.slack.messages("C0OPS") if "Handoff" in m.text)
    assert "gwpol" in shift.shown
    assert "thread" in shift.shown
    assert "Not taken over yet" in shift.shown
    talk.slack.press(shift, "take_handoff", user="U0BOB")
    talk.slack.wait_until(lambda: talk.client.stores.history.owners("prod-weu"))
    talk.press(shift, "take_handoff", user="U0ALICE")
    assert "has already taken over" in talk.told()
    latest = talk.slack.latest(shift)
    assert latest is not None
    assert "took over at" in latest.shown
    assert "take_handoff" not in latest.buttons
    assert talk.client.stores.history.owners("prod-weu")["team-egress/egw"].user == "U0BOB"


def test_nobody_takes_it_and_one_reminder_comes(talk: Conversation) -> None:
    talk.say("/egress-diag weu egw")
    talk.say("/egress-diag handoff 8h")
    assert talk.slack.submit_view(form(talk, "1 open"), {}).ok
    talk.play()
    shift = next(m for m in talk.slack.messages("C0OPS") if "Handoff" in m.text)
    assert talk.slack.thread(shift) == ()
    for minutes in (31, 32, 90):
        tick(talk, present() + timedelta(minutes=minutes))
    (reminder,) = talk.slack.thread(shift)
    assert "has not been taken over yet" in reminder.text


def test_a_muted_fault_is_counted_and_not_told(talk: Conversation) -> None:
    talk.say("/egress-diag mute weu egw gateway-pool-missing 2d new pool is ordered")
    assert "Write namespace/name" in talk.told(), "nobody has seen the gateway yet"
    talk.say("/egress-diag mute weu team-egress/egw gateway-pool-missing 2d new pool is ordered")
    assert "is muted until" in talk.told()
    talk.say("/egress-diag digest now")
    tick(talk, present())
    (digest,) = talk.parents
    assert "newly broken" not in digest.text
    assert "1 muted" in digest.shown
    assert "new pool is ordered" in digest.shown, "it ends within two days"
    talk.say("/egress-diag unmute weu egw EG407")
    assert "has ended" in talk.told()


@pytest.mark.parametrize("text", ["digest add", "digest now", "handoff 8h", "mute weu egw EG407 2d because"])
def test_who_may_not_is_told_whom_to_ask(talk: Conversation, text: str) -> None:
    talk.say(f"/egress-diag {text}", user="U0CAROL")
    assert "#platform-team" in talk.told("U0CAROL")
    assert talk.slack.view("U0CAROL") is None
    assert talk.slack.messages("C0OPS") == ()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("handoff", HandOver(timedelta(hours=8))),
        ("handoff 12h <@U0BOB|bob> look at *prod*", HandOver(timedelta(hours=12), "U0BOB", "look at *prod*")),
        ("HANDOFF <@U0BOB> 30m", HandOver(timedelta(minutes=30), "U0BOB")),
        ("handoff all quiet", HandOver(timedelta(hours=8), "", "all quiet")),
        ("digest", DigestList()),
        ("digest add", DigestAdd()),
        ("digest remove 2", DigestRemove("2")),
        ("digest now", DigestNow()),
    ],
)
def test_what_is_typed_is_understood(text: str, meant: object, config: Config) -> None:
    assert parse_command(text, config) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("handoff 99d", "between 15 minutes and 7 days"),
        ("handoff 1m", "between 15 minutes and 7 days"),
        ("digest ad", "accepts list, add, remove or now"),
        ("mute weu egw EG407", "needs a check, a duration and a reason"),
        ("mute weu egw EG999 2d because", "EG999"),
        ("mute weu egw EG407 soon because", "is not a duration"),
        ("mute wue egw EG407 2d because", "No cluster"),
    ],
)
def test_what_cannot_be_meant_is_answered(text: str, said: str, config: Config) -> None:
    assert said in getattr(parse_command(text, config), "message", "")


def test_mutes_name_their_fault_by_code_or_slug(config: Config) -> None:
    muted = parse_command("mute weu team/egw eg407 2d pool is ordered", config)
    assert isinstance(muted, MuteFault)
    assert (muted.check, muted.span, muted.reason) == ("gateway-pool-missing", timedelta(days=2), "pool is ordered")
    assert isinstance(parse_command("unmute weu team/egw gateway-pool-missing", config), Unmute)


def test_history_says_what_is_otherwise_than_when_it_last_worked(talk: Conversation) -> None:
    at = present() - timedelta(hours=2)
    key = ("StaticGatewayConfiguration team-egress/sgc", "spec.gatewayNodepoolName")
    healthy = GatewayCheck(
        "earlier", "prod-weu", "team-egress/egw", at, Verdict.HEALTHY, settings=(GatewaySetting(*key, "gwpool"),)
    )
    talk.client.stores.fleet.ledger.record("prod-weu", [healthy], at)
    talk.say("/egress-diag weu egw")
    talk.say("/egress-diag history weu egw")
    told = talk.told()
    assert "Changed since it last worked" in told
    assert "(2 hours before the last check)" in told.replace("120 minutes", "2 hours")
    assert "gwpool → gwpol" in told.replace("`", "")
