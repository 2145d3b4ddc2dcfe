"""One present state: whoever saw a change, every answer agrees with the card."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from checks.model.findings import Verdict
from tests.bot.conversation import Conversation
from tests.bot.present_times import age
from tests.bot.test_card import STARTING, card, fix, replace_bundle, replies, report_fleet_check
from tests.bot.test_ran_steps import buttons
from tests.system import slot
from workers.records.gateway_state import SweptCluster

pytestmark = pytest.mark.slow

QUESTIONS = (
    "is it fixed",
    "why",
    "what next",
    "how bad is it",
    "since when",
    "commands",
    "is it the gateway or the host",
    "can I restart it safely",
    "how long was it broken",
    "what was tried",
    "how do I undo it",
    "what is the egress IP",
    "which gateway is it",
    "is traffic failing",
    "what was not checked",
    "what changed",
    "what does EG407 mean",
    "report",
    "who owns it",
)
"""The questions that a result answers; an early "is it fixed" starts no check."""


def asked(talk: Conversation, question: str, *, user: str = "U0CAROL") -> str:
    """The answer in the thread, or the private one."""
    private = len(talk.slack.ephemerals(user=user))
    count = len(replies(talk))
    talk.say(f"@egress-diag {question}", thread=card(talk), user=user)
    said = [m.shown for m in replies(talk)[count + 1 :] if not m.files]
    said += [m.shown for m in talk.slack.ephemerals(user=user)[private:]]
    return "\n".join(said).replace("\u2060", "")


def watch_once(talk: Conversation) -> None:
    """Let the active watch check once."""
    (watch,) = talk.client.stores.watches.active()
    checks = watch.checks
    while (now := talk.client.stores.watches.get(watch.id)) is not None and now.checks == checks:
        talk.client.stores.redis.zadd("egress-diag:watches", {watch.id: 0})
        talk.play()


def watch_sees_recovery(talk: Conversation, folder: Path) -> None:
    talk.press(card(talk), "watch")
    watch_once(talk)
    fix(talk, folder)
    watch_once(talk)


def fleet_check_sees_recovery(talk: Conversation, _folder: Path) -> None:
    report_fleet_check(talk, Verdict.HEALTHY)


def other_channel_sees_recovery(talk: Conversation, folder: Path) -> None:
    fix(talk, folder)
    talk.say("/egress-diag weu egw", channel="C0PAY", user="U0BOB")


@pytest.mark.parametrize("change", [watch_sees_recovery, fleet_check_sees_recovery, other_channel_sees_recovery])
def test_after_a_recovery_no_answer_says_broken(
    broken: Conversation, tmp_path: Path, change: Callable[[Conversation, Path], None]
) -> None:
    """The card said "Recovered", and every answer "broken", with its patch command."""
    age(broken, timedelta(minutes=5))
    change(broken, tmp_path)
    assert "Recovered" in card(broken).shown
    for question in QUESTIONS:
        said = asked(broken, question)
        assert said or (question == "report" and any(m.files for m in replies(broken))), question
        for wrong in ("❌ *", "```", "Not fixed", "is broken", "*is broken*", "No egress", "Take it", "Patch"):
            assert wrong not in said, (question, said)
        if question not in ("who owns it", "report"):
            assert "As of <!date" in said, (question, said)
            assert "recovered <!date" in said, (question, said)
    assert asked(broken, "I have it") == "✅ team-egress/egw is healthy: there is no incident to take."
    assert not broken.client.stores.fleet.owners.owner("prod-weu", "team-egress/egw")


def test_after_a_fleet_check_found_it_broken_again_no_answer_says_healthy(broken: Conversation, tmp_path: Path) -> None:
    """The card said "Broken", and every answer "healthy: nothing to do"."""
    fix(broken, tmp_path)
    broken.say("/egress-diag weu egw")
    assert "Recovered" in card(broken).shown
    report_fleet_check(broken, Verdict.BROKEN, "egress-prefix-unassigned")
    assert "*Broken:*" in card(broken).shown
    for question in QUESTIONS:
        said = asked(broken, question)
        assert said, question
        for wrong in ("✅ *", "Nothing to do", "nothing failed", "It works", "```", "no incident"):
            assert wrong not in said, (question, said)
        if question != "who owns it":
            assert "As of <!date" in said, (question, said)
            assert "which keeps no report here" in said, (question, said)
            assert "Re-check" in said or question in ("what was tried", "how do I undo it"), (question, said)
    assert "no owner" in asked(broken, "who owns it")
    assert asked(broken, "I have it", user="U0BOB").startswith("🙋 <@U0BOB> took ownership")
    assert "Owner: <@U0BOB>" in card(broken).shown


def test_answers_say_the_cause_that_a_fleet_check_found_and_since_when(broken: Conversation) -> None:
    """Another cause than that of the last run: neither its titles nor its commands are current."""
    report_fleet_check(broken, Verdict.BROKEN, "egress-prefix-unassigned")
    for question in ("why", "since when", "what next", "how bad is it", "commands"):
        said = asked(broken, question)
        assert "first seen <!date" in said, question
        assert "EG407" not in said, question
        assert "gwpol" not in said, question
    assert "EG407 is not among the causes of `team-egress/egw`, which is ❌ broken." in asked(broken, "EG407")
    assert asked(broken, "how bad is it").startswith("❌ *No egress:* `team-egress/egw` on `prod-weu`\n")
    assert asked(broken, "what changed").startswith("*Changed:* was ❌ broken <!date")
    said = asked(broken, "report")
    assert said.startswith("❔ *No report of the last check:* `team-egress/egw` is ❌ broken.\nThe last report in this")
    assert any(m.files for m in replies(broken)), "the earlier one follows, as what it is"


def test_a_watch_that_sees_another_cause_has_its_commands(broken: Conversation) -> None:
    broken.press(card(broken), "watch")
    watch_once(broken)
    replace_bundle(broken, STARTING)
    watch_once(broken)
    assert "Starting" in card(broken).shown
    for question in ("why", "what next", "commands", "since when"):
        said = asked(broken, question)
        assert "gwpol" not in said, question
        assert "As of <!date" in said, question
    assert asked(broken, "is it fixed").startswith("⏳ *Not yet:* `team-egress/egw` is starting.")
    assert asked(broken, "can I restart it safely").startswith("⏳ *Not now:*")


def test_a_healthy_answer_is_not_given_when_a_fleet_check_found_a_gateway_without_a_card_broken(
    talk: Conversation, tmp_path: Path
) -> None:
    fix(talk, tmp_path)
    talk.say("/egress-diag weu egw")
    report_fleet_check(talk, Verdict.BROKEN, "egress-prefix-unassigned")
    assert asked(talk, "is it fixed").startswith("❌ *Not fixed:* `team-egress/egw` is broken.")
    assert "Take it" in asked(talk, "who owns it")


def test_is_it_fixed_starts_a_check_whose_result_answers(broken: Conversation, tmp_path: Path) -> None:
    """ "Not fixed" was said without a new check, although the fix was made since."""
    fix(broken, tmp_path)
    age(broken, timedelta(seconds=30))
    said = asked(broken, "is it fixed?")
    now, result = said.split("\n", 1)
    assert now.startswith("⏳ *Checking now.* Last known, <!date")
    assert "Not fixed" not in said
    assert "was ❌ broken" in result
    assert "now ✅ healthy" in result
    assert "Recovered" in card(broken).shown


def test_is_it_fixed_during_a_check_waits_for_its_result(broken: Conversation) -> None:
    age(broken, timedelta(minutes=3))
    broken.slack.say("@egress-diag again", thread=card(broken))
    broken.slack.wait_until(broken.client.stores.runs.active)
    (run,) = broken.client.stores.runs.active()
    broken.courier.deliver(f"run/{run.id}")
    broken.slack.say("@egress-diag is it fixed?", thread=card(broken), user="U0BOB")
    broken.slack.wait_until(lambda: any("Checking now" in m.shown for m in replies(broken)))
    broken.play()
    said = [m.shown for m in replies(broken)]
    assert not any("Not fixed" in each for each in said)
    assert len([each for each in said if "Still broken" in each]) == 1, "the check that was running is the answer"


def test_the_time_of_an_answer_is_below_the_button_of_its_last_step(broken: Conversation) -> None:
    said = asked(broken, "what next")
    assert said.index("I ran it") < said.index("As of <!date")
    assert said.splitlines()[-1].startswith("As of <!date"), "no button is apart from its step"


def test_a_step_is_not_credited_on_a_gateway_that_recovered_before_the_press(
    broken: Conversation, tmp_path: Path
) -> None:
    """ "I ran it" in the thread was credited with a recovery that a watch had seen before."""
    finding = next(m for m in replies(broken) if slot(m) == "finding/gateway-pool-missing")
    watch_sees_recovery(broken, tmp_path)
    checks = len(broken.client.stores.history.past_runs("prod-weu", "team-egress/egw"))
    broken.press(finding, buttons(finding)[0], user="U0BOB")
    said = broken.last_answer("U0BOB")
    assert said.startswith("`team-egress/egw` is ✅ healthy: EG407 was not reported any more <!date")
    assert said.endswith("before this press. The step is not recorded.")
    assert asked(broken, "what was tried").startswith("No step for `team-egress/egw` was carried out with this bot.")
    assert len(broken.client.stores.history.past_runs("prod-weu", "team-egress/egw")) == checks


def test_what_was_tried_is_known_after_the_recovery(broken: Conversation, tmp_path: Path) -> None:
    """The step that had fixed the gateway was "not carried out" as soon as the card was closed."""
    fix(broken, tmp_path)
    broken.press(card(broken), buttons(card(broken))[0], user="U0BOB")
    said = asked(broken, "what was tried")
    assert said.startswith("*Tried for* `team-egress/egw`\n✅ ")
    assert "worked: EG407 passes · <@U0BOB>" in said


def test_a_gateway_that_was_removed_has_no_other_answer(broken: Conversation) -> None:
    now = datetime.now(UTC)
    broken.client.stores.fleet.ledger.record_sweep(SweptCluster("prod-weu", "fleet-1", now, 0), [], now)
    broken.play()
    for question in ("why", "is it fixed", "what next", "commands", "how bad is it", "since when"):
        assert asked(broken, question).startswith("▫️ *No longer exists:* `team-egress/egw` on `prod-weu`"), question


def test_the_suggestions_are_those_of_the_present_state(broken: Conversation, tmp_path: Path) -> None:
    watch_sees_recovery(broken, tmp_path)
    assert "What changed" in asked(broken, "lorem ipsum", user="U0BOB")


def test_the_end_of_an_incident_has_the_words_of_its_card(broken: Conversation) -> None:
    """The card said "Healthy again", the answers "recovered" and "was broken"."""
    report_fleet_check(broken, Verdict.HEALTHY)
    report_fleet_check(broken, Verdict.INCONCLUSIVE)
    assert asked(broken, "how long was it broken").startswith(
        "❔ *Inconclusive for less than a minute, not over:* `team-egress/egw` on `prod-weu`"
    )
    report_fleet_check(broken, Verdict.HEALTHY)
    assert "✅ *Healthy again <!date" in card(broken).shown
    assert "healthy again <!date" in asked(broken, "why")
    said = asked(broken, "how long was it broken")
    assert said.startswith("✅ *It lasted ")
    assert "was inconclusive from <!date" in said


def test_an_answer_about_a_host_names_a_newer_result_of_its_gateway(talk: Conversation, tmp_path: Path) -> None:
    """The host's answer is of its own check; a fleet check has found the gateway broken since."""
    fix(talk, tmp_path)
    talk.say("/egress-diag weu egw --host api.x.example")
    assert "the gateway <!date" not in asked(talk, "why")
    report_fleet_check(talk, Verdict.BROKEN, "egress-prefix-unassigned")
    for question in ("why", "what next", "is it the gateway or the host", "since when"):
        said = asked(talk, question)
        assert "api.x.example" in said or "EG507" in said, question
        assert "the gateway <!date" in said, question
        assert said.endswith(": ❌ broken"), question
    assert "Take it" in asked(talk, "who owns it"), "the incident is the gateway's"
