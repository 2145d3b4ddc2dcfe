"""One card for one incident: an on-call night, and what the card shows after each step."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
import urllib3

from bot.sandbox import SandboxServer, StoredMessage
from bot.sandbox.event_delivery import http_body, signed_headers
from bot.sandbox.model.texts import elements_of
from checks.config.configuration_file import load
from checks.model.findings import Verdict
from tests.bot.conftest import EXAMPLE, write_config
from tests.bot.conversation import Conversation, conversation
from tests.clusters.compose import named, write_bundle
from tests.system import slot
from workers.client import ConnectedClient as Client
from workers.records.card import Card
from workers.records.gateway_state import Fault, GatewayCheck, SweptCluster
from workers.records.run import Target
from workers.records.watch import WatchState

pytestmark = pytest.mark.slow

GATEWAY = "team-egress/egw"
STARTING = EXAMPLE.parent / "prefix-pending"


# one message


def test_a_second_command_is_answered_with_a_link_and_checked_in_the_thread(broken: Conversation) -> None:
    """Three identical parents were seen, of which only the first had the owner and the watch."""
    ack = broken.say("/egress-diag prod-weu team-egress/egw", user="U0BOB")
    assert ack.message is not None
    assert ack.message.only_for == "U0BOB"
    assert f"/archives/C0OPS/p{card(broken).ts.replace('.', '')}|its message" in ack.message.shown
    broken.say("/egress-diag weu egw", user="U0CAROL")
    assert len(broken.parents) == 1
    lines = [m.shown for m in replies(broken) if slot(m) == "parent"]
    assert [line.rsplit(" · ", 1)[-1] for line in lines] == ["<@U0BOB>", "<@U0CAROL>"]
    assert all("Nothing changed" in line and "\n" not in line for line in lines), "a check without change is one line"
    assert "<@U0CAROL>" in card(broken).shown, "the card shows the last check"


def test_a_healthy_gateway_has_no_card(talk: Conversation) -> None:
    talk.say("/egress-diag prod-neu team-egress/egw")
    ack = talk.say("/egress-diag prod-neu team-egress/egw", user="U0BOB")
    assert ack.message is None
    assert len(talk.parents) == 2


def test_two_spellings_at_the_same_time_have_one_card(talk: Conversation) -> None:
    """Before the first check of a cluster, the bot does not know that both are one gateway."""
    talk.slack.say("/egress-diag weu egw")
    talk.slack.say("/egress-diag weu team-egress/egw", user="U0BOB")
    talk.play()
    first, second = (talk.slack.latest(m) for m in talk.parents)
    assert first is not None
    assert second is not None
    heads = [m for m in (first, second) if "Broken" in m.shown]
    assert len(heads) == 1
    (other,) = (m for m in (first, second) if m not in heads)
    assert "Continued" in other.shown
    assert heads[0].ts.replace(".", "") in other.shown, "it links to the card"
    assert not other.buttons
    assert "```" not in other.shown


def test_a_redelivered_command_changes_nothing(broken: Conversation) -> None:
    broken.say("/egress-diag weu egw", user="U0BOB")
    count, sent = len(replies(broken)), broken.slack.deliveries("slash_commands")[-1].payload
    deliver_again(broken, sent)
    broken.play()
    assert (len(broken.parents), len(replies(broken))) == (1, count)


def test_another_channel_has_a_card_of_its_own(broken: Conversation) -> None:
    broken.press(card(broken), "own", user="U0BOB")
    ack = broken.say("/egress-diag weu egw", user="U0CAROL", channel="C0PAY")
    assert ack.message is None, "a run is never joined from another channel"
    (there,) = (m for m in broken.slack.messages("C0PAY") if slot(m) == "parent")
    assert "Broken" in there.shown
    assert "C0OPS" not in str(there.blocks)
    assert "U0ALICE" not in str(there.blocks), "the requester of another channel is not named"
    assert "Owner: <@U0BOB>" in there.shown, "the incident has one owner"
    assert card(broken).ts != there.ts


def test_a_question_about_a_host_is_answered_in_the_thread_and_does_not_change_the_state(broken: Conversation) -> None:
    before = card(broken).shown
    ack = broken.say("/egress-diag weu egw --host edition.cnn.com", user="U0BOB")
    assert ack.message is not None
    assert len(broken.parents) == 1
    assert any("edition.cnn.com" in m.shown for m in replies(broken))
    assert card(broken).shown == before


# the present


def test_a_card_shows_owner_watch_and_last_check(broken: Conversation) -> None:
    assert "No owner" in card(broken).shown
    broken.press(card(broken), "own", user="U0BOB")
    broken.press(card(broken), "watch")
    assert "Owner: <@U0BOB>" in card(broken).shown
    assert "Watched for <@U0ALICE> until" in card(broken).shown
    assert "release" in card(broken).buttons
    stop = next(m for m in replies(broken) if slot(m) == "watch")
    broken.press(stop, "unwatch")
    assert "Watched for" not in card(broken).shown


def test_after_a_watch_ended_well_the_card_says_recovered(broken: Conversation, tmp_path: Path) -> None:
    """The parent still said broken, with its patch command."""
    broken.press(card(broken), "own", user="U0BOB")
    broken.press(card(broken), "watch")
    begin_earlier(broken, timedelta(minutes=41))
    fix(broken, tmp_path)
    watch_to_its_end(broken)
    shown = card(broken)
    assert shown.text.startswith("Recovered after 41 min: team-egress/egw on prod-weu")
    assert "✅ *Recovered <!date" in shown.shown
    assert "after 41 min* · <@U0BOB>" in shown.shown
    assert not shown.buttons
    assert "```" not in shown.shown
    assert "Watched for" not in shown.shown
    assert "finding/gateway-pool-missing" in [slot(m) for m in replies(broken)], "the history stays"


def test_a_gateway_that_started_says_so_without_a_further_question(talk: Conversation, tmp_path: Path) -> None:
    replace_bundle(talk, STARTING)
    talk.say("/egress-diag weu egw")
    assert "Starting" in card(talk).shown
    talk.press(card(talk), "watch")
    assert "Watched for" in card(talk).shown
    begin_earlier(talk, timedelta(minutes=6))
    report_fleet_check(talk, Verdict.HEALTHY)
    assert "Started <!date" in card(talk).shown
    assert "after 6 min" in card(talk).shown


def test_a_recurrence_within_a_day_is_shown_by_the_same_card(broken: Conversation, tmp_path: Path) -> None:
    broken_bundle = fix(broken, tmp_path)
    broken.say("/egress-diag weu egw", user="U0BOB")
    assert "Recovered" in card(broken).shown
    replace_bundle(broken, broken_bundle)
    age(broken, timedelta(hours=23))
    broken.say("/egress-diag weu egw", user="U0BOB")
    assert len(broken.parents) == 1
    assert "*Broken:*" in card(broken).shown
    assert "Incident 2 in this thread" in card(broken).shown
    assert "own" in card(broken).buttons


def test_a_recurrence_after_a_quiet_day_has_a_new_card_that_links_to_the_old_one(
    broken: Conversation, tmp_path: Path
) -> None:
    broken.press(card(broken), "own", user="U0BOB")
    age(broken, timedelta(hours=25))
    ack = broken.say("/egress-diag weu egw", user="U0CAROL")
    assert ack.message is None
    old, new = broken.parents
    assert "Follows <" in new.shown
    assert f"p{old.ts.replace('.', '')}" in new.shown
    assert "Continued" in old.shown
    assert f"p{new.ts.replace('.', '')}" in old.shown
    assert not old.buttons
    assert "```" not in old.shown
    ack = broken.say("/egress-diag weu egw", user="U0ALICE")
    assert ack.message is not None
    assert f"p{new.ts.replace('.', '')}" in ack.message.shown
    assert len(broken.parents) == 2


def test_a_check_again_on_a_quiet_card_stays_in_its_thread(broken: Conversation) -> None:
    age(broken, timedelta(hours=25))
    broken.press(card(broken), "check_again", user="U0BOB")
    assert len(broken.parents) == 1
    assert "Nothing changed" in replies(broken)[-1].shown


def test_a_quiet_gateway_that_is_healthy_by_now_closes_its_old_card(broken: Conversation, tmp_path: Path) -> None:
    fix(broken, tmp_path)
    age(broken, timedelta(hours=25))
    broken.say("/egress-diag weu egw", user="U0BOB")
    old, new = broken.parents
    assert "Recovered" in old.shown
    assert not old.buttons
    assert "Healthy" in new.shown


def test_a_card_that_was_deleted_is_followed_by_one_that_links_to_its_thread(broken: Conversation) -> None:
    old, thread = card(broken), replies(broken)
    broken.slack.workspace.delete(old)
    ack = broken.say("/egress-diag weu egw", user="U0BOB")
    assert ack.message is not None
    new = card(broken)
    assert new.ts != old.ts
    assert "Broken" in new.shown
    assert f"thread_ts={old.ts}" in new.shown, "it links to a reply of the deleted message"
    assert [slot(m) for m in broken.slack.thread(new)] == ["parent"], "the check is in the thread of the new one"
    assert len(thread) == 3
    broken.say("/egress-diag weu egw", user="U0CAROL")
    assert len(broken.parents) == 1


def test_a_watch_continues_in_the_thread_of_the_card_that_replaced_a_deleted_one(
    broken: Conversation, tmp_path: Path
) -> None:
    broken.press(card(broken), "watch")
    broken.slack.workspace.delete(card(broken))
    fix(broken, tmp_path)
    watch_to_its_end(broken)
    assert "Recovered" in card(broken).shown
    assert "end" in [slot(m) for m in replies(broken)]


# checks outside the channel


def test_a_fleet_check_closes_and_opens_a_card(broken: Conversation) -> None:
    report_fleet_check(broken, Verdict.HEALTHY)
    assert "Recovered" in card(broken).shown
    assert not card(broken).buttons
    report_fleet_check(broken, Verdict.BROKEN, "egress-prefix-unassigned")
    shown = card(broken)
    assert "*Broken:*" in shown.shown
    assert "EG405" in shown.shown
    assert "```" not in shown.shown, "the commands of the earlier cause may be wrong now"
    assert "check_again" in shown.buttons


def test_a_fleet_check_with_the_same_result_keeps_the_commands(broken: Conversation) -> None:
    report_fleet_check(broken, Verdict.BROKEN, *stored(broken).causes)
    assert "```" in card(broken).shown
    assert "Last check" in card(broken).shown


def test_an_inconclusive_check_is_not_a_recovery(broken: Conversation) -> None:
    report_fleet_check(broken, Verdict.INCONCLUSIVE)
    assert "*Inconclusive:*" in card(broken).shown
    assert "Last certain result: ❌ broken" in card(broken).shown
    report_fleet_check(broken, Verdict.DEGRADED, "gateway-autoscaler-saturated")
    assert "*Degraded:*" in card(broken).shown
    assert "✅ Recovered <!date" in card(broken).shown


def test_a_run_in_another_channel_closes_this_card_and_names_no_one(broken: Conversation, tmp_path: Path) -> None:
    fix(broken, tmp_path)
    broken.say("/egress-diag weu egw", user="U0CAROL", channel="C0PAY")
    assert "Recovered" in card(broken).shown
    assert "U0CAROL" not in str(card(broken).blocks)


def test_a_gateway_that_was_removed_has_no_commands(broken: Conversation, tmp_path: Path) -> None:
    """A second command says so in the thread, and the card does not stay broken."""
    write_bundle(named("base"), tmp_path / "renamed")
    for file in (each for each in (tmp_path / "renamed").rglob("*") if each.is_file()):
        file.write_text(file.read_text(encoding="utf-8").replace("egw", "egx"), encoding="utf-8")
    broken_bundle = replace_bundle(broken, tmp_path / "renamed")
    broken.say("/egress-diag weu team-egress/egw", user="U0BOB")
    assert "No longer exists" in card(broken).shown
    assert not card(broken).buttons
    assert any("No egress gateway" in m.shown for m in replies(broken))
    replace_bundle(broken, broken_bundle)
    broken.say("/egress-diag weu team-egress/egw", user="U0BOB")
    assert "*Broken:*" in card(broken).shown
    assert len(broken.parents) == 1


def test_a_complete_fleet_check_reports_a_removed_gateway(broken: Conversation) -> None:
    now = datetime.now(UTC)
    broken.client.stores.fleet.ledger.record_sweep(SweptCluster("prod-weu", "fleet-1", now, 0), [], now)
    broken.play()
    assert "No longer exists" in card(broken).shown


# owners


def test_whoever_loses_the_ownership_is_told_in_the_thread(broken: Conversation) -> None:
    broken.press(card(broken), "own", user="U0BOB")
    broken.press(card(broken), "own", user="U0BOB")
    broken.press(card(broken), "own", user="U0CAROL")
    assert "Owner: <@U0CAROL>" in card(broken).shown
    lines = [m.shown for m in replies(broken) if slot(m).startswith("owner/")]
    assert len(lines) == 2
    assert lines[0].startswith("🙋 <@U0BOB> took ownership <!date")
    assert lines[1].startswith("🙋 <@U0CAROL> took ownership from <@U0BOB> <!date")


def test_the_notification_names_the_new_owner_and_the_gateway(broken: Conversation) -> None:
    """ "The incident has a new owner" named neither."""
    broken.press(card(broken), "own", user="U0BOB")
    broken.press(card(broken), "release", user="U0CAROL")
    said = [m.text for m in replies(broken) if slot(m).startswith("owner/")]
    where = "team-egress/egw on prod-weu"
    assert said == [f"<@U0BOB> is the new owner: {where}", f"<@U0CAROL> released ownership: {where}"]
    broken.press(card(broken), "own", user="U0BOB")
    broken.say("@egress-diag who owns it", thread=card(broken), user="U0CAROL")
    assert replies(broken)[-1].text == "<@U0BOB> is the owner: team-egress/egw"


@pytest.mark.parametrize("words", ["mine", "I have it", "I'll take it"])
def test_an_owner_who_takes_the_incident_again_gets_an_answer(broken: Conversation, words: str) -> None:
    """The second "I have it" got no answer at all."""
    broken.say("@egress-diag I have it", thread=card(broken), user="U0BOB")
    count = len([m for m in replies(broken) if slot(m).startswith("owner/")])
    broken.say(f"@egress-diag {words}", thread=card(broken), user="U0BOB")
    assert broken.last_answer("U0BOB") == "You are already the owner of team-egress/egw. `release` ends your ownership."
    assert len([m for m in replies(broken) if slot(m).startswith("owner/")]) == count == 1


def test_the_button_of_the_present_owner_and_a_release_without_an_owner_are_answered(broken: Conversation) -> None:
    pressed = card(broken)
    for _ in range(2):
        broken.press(pressed, "own", user="U0BOB")
    assert broken.last_answer("U0BOB").startswith("You are already the owner of team-egress/egw.")
    for _ in range(2):
        broken.say("@egress-diag release", thread=pressed, user="U0BOB")
    assert broken.last_answer("U0BOB") == "team-egress/egw has no owner: there is nothing to release."


# names


@pytest.mark.parametrize("typed", ["PROD-WEU EGW", "Prod-Weu Team-Egress/Egw"])
def test_names_are_written_as_the_cluster_has_them(talk: Conversation, typed: str) -> None:
    """A phone's capital letters stayed on the card, and the history had two gateways."""
    talk.say(f"/egress-diag {typed}")
    assert "`team-egress/egw` on `prod-weu`" in card(talk).shown
    assert "EGW" not in card(talk).shown + card(talk).text
    assert stored(talk).gateway == GATEWAY
    assert list(talk.client.stores.fleet.ledger.states("prod-weu")) == [GATEWAY]
    talk.say("/egress-diag weu egw", user="U0BOB")
    assert len(talk.parents) == 1


# recurrence


def test_the_thread_of_a_recurrence_has_no_more_messages_than_that_of_the_first_incident(
    broken: Conversation, tmp_path: Path
) -> None:
    """It had a message for each symptom: 7 instead of 2."""
    first = len(replies(broken))
    broken_bundle = fix(broken, tmp_path)
    broken.say("/egress-diag weu egw")
    replace_bundle(broken, broken_bundle)
    count = len(replies(broken))
    broken.say("/egress-diag weu egw", user="U0BOB")
    new = replies(broken)[count:]
    assert [slot(m) for m in new] == ["parent", "finding/gateway-pool-missing"]
    assert len(new) <= first
    said, cause = (m.shown for m in new)
    assert said.count("• new: ") == 1
    assert "• new: EG407" in said
    assert "• new, as symptoms: EG" in said
    assert "Explains 5 other findings" in cause, "the symptoms are in the message of their cause"


def test_an_owner_can_be_released(broken: Conversation) -> None:
    broken.press(card(broken), "own", user="U0BOB")
    broken.press(card(broken), "release", user="U0CAROL")
    assert "No owner" in card(broken).shown
    assert "release" not in card(broken).buttons
    assert "<@U0CAROL> released ownership (owner: <@U0BOB>)" in replies(broken)[-1].shown
    assert not broken.client.stores.fleet.owners.owner("prod-weu", GATEWAY)


def test_ownership_in_one_channel_is_told_in_the_threads_of_all(broken: Conversation) -> None:
    broken.say("/egress-diag weu egw", user="U0CAROL", channel="C0PAY")
    broken.press(card(broken), "own", user="U0BOB")
    (there,) = (m for m in broken.slack.messages("C0PAY") if slot(m) == "parent")
    broken.press(there, "own", user="U0CAROL")
    assert "Owner: <@U0CAROL>" in card(broken).shown
    assert "from <@U0BOB>" in replies(broken)[-1].shown


def test_the_owner_of_an_earlier_incident_does_not_own_the_next(broken: Conversation, tmp_path: Path) -> None:
    broken.press(card(broken), "own", user="U0BOB")
    report_fleet_check(broken, Verdict.HEALTHY)
    end_incident_earlier(broken, timedelta(days=2))
    age(broken, timedelta(days=2))
    broken.say("/egress-diag weu egw")
    assert "No owner" in broken.parents[-1].shown


def test_ownership_in_the_app_home_is_the_same(broken: Conversation) -> None:
    broken.press(card(broken), "own", user="U0ALICE")
    broken.menu(card(broken), "why", user="U0BOB")  # the App Home shows what belongs to the channels of a person
    assert broken.slack.open_home(user="U0BOB").ok
    home = broken.slack.wait_until(lambda: broken.slack.home("U0BOB"))
    assert "🙋 owner <@U0ALICE>" in home.shown
    broken.slack.press(home, "take_incident/0", user="U0BOB")
    broken.slack.wait_until(lambda: "🙋 owner <@U0BOB>" in getattr(broken.slack.home("U0BOB"), "shown", ""))
    broken.play()
    assert "Owner: <@U0BOB>" in card(broken).shown
    assert "<@U0BOB> took ownership from <@U0ALICE> in the App Home" in replies(broken)[-1].shown
    home = broken.slack.wait_until(lambda: broken.slack.home("U0BOB"))
    broken.slack.press(home, "release_incident/0", user="U0BOB")
    broken.slack.wait_until(lambda: "no owner" in getattr(broken.slack.home("U0BOB"), "shown", ""))
    broken.play()
    assert "No owner" in card(broken).shown


def test_the_app_home_lets_only_people_with_the_permission_take_an_incident(
    slack: SandboxServer, client: Client, tmp_path: Path
) -> None:
    rule = "  - {allow: [diagnose], users: ['U0ALICE'], channels: ['C0OPS']}\n"
    with conversation(slack, client, load(write_config(tmp_path, access=rule))) as talk:
        talk.say("/egress-diag weu egw")
        assert talk.slack.open_home(user="U0ALICE").ok
        home = talk.slack.wait_until(lambda: talk.slack.home("U0ALICE"))
        value = next(e["value"] for _, e in elements_of(home.blocks) if e["action_id"] == "take_incident/0")
        assert talk.slack.open_home(user="U0CAROL").ok
        theirs = talk.slack.wait_until(lambda: talk.slack.home("U0CAROL"))
        assert "egw" not in theirs.shown
        talk.slack.press(theirs, "home", user="U0CAROL")
        payload = {**talk.slack.deliveries("interactive")[-1].payload}
        payload["actions"] = [
            {**payload["actions"][0], "action_id": "take_incident/0", "value": value, "action_ts": "9"}
        ]
        body, kind = http_body("interactive", payload)
        send(talk, body, kind)
        talk.play()
        assert "No owner" in card(talk).shown


# helpers


def card(talk: Conversation) -> StoredMessage:
    """The first parent message in the channel, as it is now."""
    found = talk.slack.latest(talk.parents[0])
    assert found is not None
    return found


def replies(talk: Conversation) -> list[StoredMessage]:
    return list(talk.slack.thread(card(talk)))


def fix(talk: Conversation, folder: Path) -> Path:
    """Fix the cluster; returns the bundle that it had."""
    write_bundle(named("base"), folder / "fixed")
    return replace_bundle(talk, folder / "fixed")


def replace_bundle(talk: Conversation, bundle: Path) -> Path:
    """Let the cluster prod-weu be read from another bundle; returns the one that it had."""
    config = talk.diagnoser.clusters.config
    before = next(each.bundle for each in config.clusters if each.name == "prod-weu")
    clusters = tuple(
        each.model_copy(update={"bundle": bundle}) if each.name == "prod-weu" else each for each in config.clusters
    )
    talk.diagnoser.clusters.config = config.model_copy(update={"clusters": clusters})
    assert before is not None
    return before


def stored(talk: Conversation) -> Card:
    """The card of the gateway in the channel, as it is stored."""
    found = talk.client.stores.cards.find("C0OPS", Target("prod-weu", "egw"))
    assert found is not None
    return found


def change_card(talk: Conversation, **times: timedelta) -> None:
    """Let times of the stored card be earlier."""
    key = "egress-diag:cards:prod-weu"
    for name, raw in talk.client.stores.redis.hgetall(key).items():
        record = orjson.loads(raw)
        for each, span in times.items():
            if record[each]:
                record[each] = (datetime.fromisoformat(record[each]) - span).isoformat()
        talk.client.stores.redis.hset(key, name, orjson.dumps(record).decode())


def age(talk: Conversation, span: timedelta) -> None:
    """Let everything of the incident be earlier."""
    change_card(talk, began=span, at=span, active=span, ended=span)


def begin_earlier(talk: Conversation, span: timedelta) -> None:
    """Let the incident begin some time before the last check."""
    change_card(talk, began=stored(talk).began - stored(talk).at + span)


def end_incident_earlier(talk: Conversation, span: timedelta) -> None:
    key = "egress-diag:fleet:state:prod-weu"
    record = orjson.loads(talk.client.stores.redis.hget(key, GATEWAY) or b"")
    for each in ("incident_since", "incident_ended"):
        record[each] = (datetime.fromisoformat(record[each]) - span).isoformat()
    talk.client.stores.redis.hset(key, GATEWAY, orjson.dumps(record).decode())


def report_fleet_check(talk: Conversation, verdict: Verdict, *causes: str) -> None:
    """Record the result of a fleet check, then deliver what follows."""
    now = datetime.now(UTC)
    faults = tuple(Fault(each, "EG000", "title", "subject", "summary", each, now) for each in causes)
    check = GatewayCheck(
        f"fleet-{now.timestamp()}",
        "prod-weu",
        GATEWAY,
        now,
        verdict,
        faults=faults if verdict is Verdict.BROKEN else (),
        risks=faults if verdict is Verdict.DEGRADED else (),
        missing="nodes" if verdict is Verdict.INCONCLUSIVE else "",
    )
    swept = SweptCluster("prod-weu", check.by, now, 1, complete=False)
    talk.client.stores.fleet.ledger.record_sweep(swept, [check], now)
    talk.play()


def watch_to_its_end(talk: Conversation) -> None:
    """Let the watch check until it ends."""
    (watch,) = talk.client.stores.watches.active()
    for _ in range(10):
        talk.client.stores.redis.zadd("egress-diag:watches", {watch.id: 0})
        talk.play()
        now = talk.client.stores.watches.get(watch.id)
        assert now is not None
        if now.state.ended:
            assert now.state is WatchState.FIXED
            return
    raise AssertionError("the watch does not end")


def deliver_again(talk: Conversation, payload: dict[str, object]) -> None:
    """Deliver a slash command again, as Slack does without an answer in time."""
    send(talk, *http_body("slash_commands", payload))


def send(talk: Conversation, body: bytes, kind: str) -> None:
    headers = {"Content-Type": kind, "X-Slack-Retry-Num": "1"}
    headers |= signed_headers(body, talk.slack.app.signing_secret, int(time.time()))
    with urllib3.PoolManager() as http:
        assert http.request("POST", talk.slack.request_url or "", body=body, headers=headers).status == 200
