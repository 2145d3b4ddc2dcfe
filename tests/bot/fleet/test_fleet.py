"""Digests, handoffs and mutes in Slack: commands, forms, buttons, and their messages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.grammar.fleet_commands import DigestAdd, DigestList, DigestNow, DigestRemove, HandOver, MuteFault, Unmute
from bot.grammar.parser import parse_command
from bot.sandbox import StoredMessage, View
from checks.config.configuration import Config
from checks.config.configuration_file import load
from checks.model.findings import Verdict
from tests.bot.conftest import EXAMPLE, write_config
from tests.bot.conversation import Conversation
from tests.bot.messages.test_message_numbers import unreachable
from tests.clusters.compose import write_bundle
from tests.system import slot
from workers.client import ConnectedClient as Client
from workers.client import connect
from workers.fleet.service import current_time
from workers.fleet.sweeping import Sweeper
from workers.queue.settings import WorkerSettings
from workers.records.gateway_state import GatewayCheck, GatewaySetting
from workers.records.run import Run
from workers.runs.cluster_sources import ClusterSources
from workers.tasks.run_tasks import answer_listing

pytestmark = pytest.mark.slow

ACCESS = (
    "  - {allow: [diagnose, handoff, digest], users: ['U0ALICE', 'U0BOB'], channels: ['C0OPS', 'C0OLD']}\n"
    "  - {allow: [diagnose], users: ['*']}\n"
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(write_config(tmp_path, access=ACCESS))


@pytest.fixture
def client(redis_url: str, config: Config) -> Iterator[Client]:
    found = connect(WorkerSettings(REDIS_URL=redis_url), config, retry=True)
    yield found
    found.close()


def tick(talk: Conversation, now: datetime) -> None:
    """Run one round of the ticker, the tasks that it sends, then the courier."""
    sent: list[str] = []

    def send(part: str) -> bool:
        sent.append(part)
        return True

    fleet = talk.client.stores.fleet
    fleet.tick(talk.config, now, send)
    sweeper = Sweeper(fleet.sweeps, fleet.ledger, talk.config, ClusterSources(talk.config).source, 20, 15, lambda: now)
    for part in sent:
        sweep_id, _, cluster = part.partition("/")
        sweeper.execute(sweep_id, cluster)
    fleet.tick(talk.config, now, send)
    talk.play()


def form(talk: Conversation, text: str, user: str = "U0ALICE") -> View:
    def opened() -> View | None:
        view = talk.slack.view(user)
        return view if view is not None and text in view.shown else None

    return talk.slack.wait_until(opened)


def test_a_digest_from_the_form_is_posted_once_at_its_time(talk: Conversation) -> None:
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
    assert "every day at 09:00 Europe/Berlin" in talk.last_answer()

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
    assert "This channel has no digest" in talk.last_answer()
    talk.say("/egress-diag digest add")
    values = {"clusters": "prod-weu", "time": "9am", "days": "mon-fri", "zone": "utc"}
    assert talk.slack.submit_view(form(talk, "Add a digest"), values).ok
    talk.play()
    talk.say("/egress-diag digest")
    listing = talk.slack.ephemerals(user="U0ALICE")[-1]
    assert "Monday to Friday at 09:00 UTC" in listing.shown
    talk.press(listing, "remove_digest/1")
    assert "Removed: Monday to Friday at 09:00 UTC" in talk.last_answer()
    talk.say("/egress-diag digest remove 1")
    assert "no such digest" in talk.last_answer()


def test_digest_now_posts_the_full_list(talk: Conversation) -> None:
    talk.say("/egress-diag digest now")
    assert "A fleet check has started" in talk.last_answer()
    tick(talk, current_time())
    (digest,) = talk.parents
    assert "1 newly broken" in digest.text
    assert "requested by" in digest.shown


def test_a_digest_for_an_archived_channel_stops_and_informs_its_author(talk: Conversation) -> None:
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


def test_a_handoff_is_drafted_posted_and_taken_over(talk: Conversation) -> None:
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
    assert "has already taken over" in talk.last_answer()
    latest = talk.slack.latest(shift)
    assert latest is not None
    assert "took over <!date" in latest.shown
    assert "take_handoff" not in latest.buttons
    assert talk.client.stores.history.owners("prod-weu")["team-egress/egw"].user == "U0BOB"


def test_a_handoff_says_what_was_tried_and_the_next_step(talk: Conversation) -> None:
    """Its items had a cause and an owner, and the next person began again."""
    talk.say("/egress-diag weu egw")
    card = next(m for m in talk.slack.messages() if slot(m) == "parent")
    talk.press(card, "own", user="U0ALICE")
    talk.press(card, next(each for each in card.buttons if each.startswith("ran/")), user="U0BOB")
    talk.say("/egress-diag weu egw", user="U0CAROL", channel="C0OLD")
    talk.say("/egress-diag handoff 8h @bob")
    assert talk.slack.submit_view(form(talk, "1 open"), {"next": "U0BOB"}).ok
    talk.play()
    shift = next(m for m in talk.slack.messages() if "Handoff" in m.text).shown.replace("\u2060", "")
    item = shift[shift.index("❌ *Open*") :].splitlines()
    assert "owner <@U0ALICE>" in item[1]
    assert "❌ Patch" in item[3]
    assert "(EG407): no effect yet: EG407 still fails · <@U0BOB>" in item[3]
    assert "🔄 2 checks in this channel, the last <!date" in item[4], "checks of other channels are not counted"
    assert item[4].endswith("❌ broken")
    assert item[5].strip().startswith("👉 Next: Patch")
    assert "U0CAROL" not in shift


def test_taking_a_handoff_is_shown_in_its_lines_and_on_the_card(talk: Conversation) -> None:
    """The lines of a handoff that was taken said "no owner", and the card showed none."""
    talk.say("/egress-diag weu egw")
    card = next(m for m in talk.slack.messages() if slot(m) == "parent")
    talk.press(card, "own", user="U0ALICE")
    talk.say("/egress-diag handoff 8h @bob")
    assert talk.slack.submit_view(form(talk, "1 open"), {"next": "U0BOB"}).ok
    talk.play()
    shift = next(m for m in talk.slack.messages() if "Handoff" in m.text)
    assert "owner <@U0ALICE>" in shift.shown
    talk.press(shift, "take_handoff", user="U0BOB")
    assert "owner <@U0BOB>" in latest_of(talk, shift)
    assert "Owner: <@U0BOB>" in latest_of(talk, card)
    lines = [m.shown for m in talk.slack.thread(card) if slot(m).startswith("owner/")]
    assert "<@U0BOB> took ownership from <@U0ALICE> with the handoff" in lines[-1]
    talk.press(card, "release", user="U0BOB")
    assert "no owner" in latest_of(talk, shift)
    assert "No owner" in latest_of(talk, card)
    assert "✅ <@U0BOB> took over <!date" in latest_of(talk, shift), "who has taken the handoff stays"


def test_taking_a_handoff_takes_a_gateway_that_is_starting(talk: Conversation) -> None:
    bundle = EXAMPLE.parent / "prefix-pending"
    config = talk.diagnoser.clusters.config
    clusters = tuple(c.model_copy(update={"bundle": bundle}) if c.name == "prod-weu" else c for c in config.clusters)
    talk.diagnoser.clusters.config = config.model_copy(update={"clusters": clusters})
    talk.say("/egress-diag weu egw")
    card = next(m for m in talk.slack.messages() if slot(m) == "parent")
    assert "*Starting:*" in latest_of(talk, card)
    talk.say("/egress-diag handoff 8h @bob")
    assert talk.slack.submit_view(form(talk, "1 starting"), {"next": "U0BOB"}).ok
    talk.play()
    shift = next(m for m in talk.slack.messages() if "Handoff" in m.text)
    assert "no owner" in shift.shown
    talk.press(shift, "take_handoff", user="U0BOB")
    assert "owner <@U0BOB>" in latest_of(talk, shift)
    assert "Owner: <@U0BOB>" in latest_of(talk, card)


def test_a_handoff_says_who_works_on_a_gateway_that_was_not_checked(talk: Conversation, tmp_path: Path) -> None:
    """Its line had neither owner nor thread, although the gateway has a card in the channel."""
    make_unreachable(talk, tmp_path)
    talk.say("/egress-diag weu egw")
    card = next(m for m in talk.slack.messages() if slot(m) == "parent")
    talk.press(card, "own", user="U0ALICE")
    talk.say("/egress-diag digest now")
    tick(talk, current_time())
    talk.say("/egress-diag handoff 8h @bob")
    assert talk.slack.submit_view(form(talk, "1 not checked"), {"next": "U0BOB"}).ok
    talk.play()
    shift = next(m for m in talk.slack.messages() if "Handoff" in m.text)
    item = latest_of(talk, shift).replace("\u2060", "").split("❔ *Not checked*")[1].splitlines()
    assert "owner <@U0ALICE> · <" in item[1]
    assert "since <!date" in item[1]
    assert "🔄 1 check in this channel" in item[2]
    assert "did not answer in time" in item[3]
    talk.press(card, "release", user="U0ALICE")
    assert "no owner" in latest_of(talk, shift)


def make_unreachable(talk: Conversation, folder: Path) -> None:
    """From now on, the API server of prod-weu does not answer."""
    write_bundle(unreachable(), folder / "unreachable")
    config = talk.diagnoser.clusters.config
    clusters = tuple(
        c.model_copy(update={"bundle": folder / "unreachable"}) if c.name == "prod-weu" else c for c in config.clusters
    )
    for holder in (talk.diagnoser.clusters, talk.client.stores):
        holder.config = config.model_copy(update={"clusters": clusters})
    talk.config = talk.client.stores.config


def latest_of(talk: Conversation, message: StoredMessage) -> str:
    found = talk.slack.latest(message)
    assert found is not None
    return found.shown


def test_a_handoff_without_an_owner_is_followed_by_one_reminder(talk: Conversation) -> None:
    talk.say("/egress-diag weu egw")
    talk.say("/egress-diag handoff 8h")
    assert talk.slack.submit_view(form(talk, "1 open"), {}).ok
    talk.play()
    shift = next(m for m in talk.slack.messages("C0OPS") if "Handoff" in m.text)
    assert talk.slack.thread(shift) == ()
    for minutes in (31, 32, 90):
        tick(talk, current_time() + timedelta(minutes=minutes))
    (reminder,) = talk.slack.thread(shift)
    assert "has not been taken over yet" in reminder.text


def test_a_muted_fault_is_counted_but_not_listed(talk: Conversation) -> None:
    talk.say("/egress-diag mute weu egw gateway-pool-missing 2d new pool is ordered")
    assert "Write namespace/name" in talk.last_answer(), "no record of the gateway yet"
    talk.say("/egress-diag mute weu team-egress/egw gateway-pool-missing 2d new pool is ordered")
    assert "Muted on `team-egress/egw`" in talk.last_answer()
    talk.say("/egress-diag digest now")
    tick(talk, current_time())
    (digest,) = talk.parents
    assert "newly broken" not in digest.text
    assert "1 muted" in digest.shown
    assert "new pool is ordered" in digest.shown, "the mute ends within two days"
    talk.say("/egress-diag unmute weu egw EG407")
    assert "has ended" in talk.last_answer()


@pytest.mark.parametrize("text", ["digest add", "digest now", "handoff 8h", "mute weu egw EG407 2d because"])
def test_a_refusal_names_the_contact(talk: Conversation, text: str) -> None:
    talk.say(f"/egress-diag {text}", user="U0CAROL")
    assert "#platform-team" in talk.last_answer("U0CAROL")
    assert talk.slack.view("U0CAROL") is None
    assert talk.slack.messages("C0OPS") == ()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("handoff", HandOver(timedelta(hours=8))),
        ("handoff 12h <@U0BOB|bob> watch *prod*", HandOver(timedelta(hours=12), "U0BOB", "watch *prod*")),
        ("HANDOFF <@U0BOB> 30m", HandOver(timedelta(minutes=30), "U0BOB")),
        ("handoff all quiet", HandOver(timedelta(hours=8), "", "all quiet")),
        ("digest", DigestList()),
        ("digest add", DigestAdd()),
        ("digest remove 2", DigestRemove("2")),
        ("digest now", DigestNow()),
    ],
)
def test_fleet_commands(text: str, meant: object, config: Config) -> None:
    assert parse_command(text, config) == meant


@pytest.mark.parametrize(
    ("text", "message"),
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
def test_an_invalid_fleet_command_is_answered(text: str, message: str, config: Config) -> None:
    assert message in getattr(parse_command(text, config), "message", "")


def test_mutes_name_their_fault_by_code_or_slug(config: Config) -> None:
    muted = parse_command("mute weu team/egw eg407 2d pool is ordered", config)
    assert isinstance(muted, MuteFault)
    assert (muted.check, muted.span, muted.reason) == ("gateway-pool-missing", timedelta(days=2), "pool is ordered")
    assert isinstance(parse_command("unmute weu team/egw gateway-pool-missing", config), Unmute)


def test_history_shows_the_settings_changed_since_the_gateway_last_worked(talk: Conversation) -> None:
    at = current_time() - timedelta(hours=2)
    key = ("StaticGatewayConfiguration team-egress/sgc", "spec.gatewayNodepoolName")
    healthy = GatewayCheck(
        "earlier", "prod-weu", "team-egress/egw", at, Verdict.HEALTHY, settings=(GatewaySetting(*key, "gwpool"),)
    )
    talk.client.stores.fleet.ledger.record("prod-weu", [healthy], at)
    talk.say("/egress-diag weu egw")
    talk.say("/egress-diag history weu egw")
    text = talk.last_answer()
    assert "Changed since it last worked" in text
    assert "(2 hours before the last check)" in text.replace("120 minutes", "2 hours")
    assert "gwpool → gwpol" in text.replace("`", "")


def test_a_reason_why_checks_were_not_made_has_its_next_step_wherever_a_gateway_is_listed(
    talk: Conversation, tmp_path: Path
) -> None:
    """List, App Home, digest and handoff named the gateway as inconclusive, and not what to do."""
    make_unreachable(talk, tmp_path)
    talk.say("/egress-diag weu egw")
    run = talk.client.get(Run, talk.client.installation(["prod-weu"]).verdicts[0].run)
    assert run is not None
    assert run.report is not None
    assert run.report.verdict is Verdict.INCONCLUSIVE
    reason, step = run.report.not_checked[0].reason, f"👉 {run.report.not_checked[0].actions[0].title}"
    talk.say("/egress-diag list weu")
    for listing, _ in talk.client.stores.listings.waiting(current_time()):
        answer_listing(talk.client.stores, talk.diagnoser.clusters, listing.id)
    talk.play()
    listed = talk.last_answer()
    talk.say("/egress-diag digest now")
    tick(talk, current_time())
    talk.say("/egress-diag handoff 8h")
    assert talk.slack.submit_view(form(talk, "not checked"), {}).ok
    talk.play()
    assert talk.slack.open_home().ok
    places = {
        "list": listed,
        "digest": next(m for m in talk.slack.messages() if "Egress gateways" in m.text).shown,
        "handoff": next(m for m in talk.slack.messages() if "Handoff" in m.text).shown,
        "home": talk.slack.wait_until(talk.slack.home).shown,
    }
    for place, shown in places.items():
        assert reason in shown.replace("\u2060", ""), place
        assert step in shown.replace("\u2060", ""), place
