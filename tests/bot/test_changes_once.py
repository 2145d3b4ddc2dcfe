"""A change that a run and a watch (or a fleet check) see is a message in the thread once."""

from __future__ import annotations

from pathlib import Path

import pytest

from checks.model.findings import Verdict
from tests.bot.conversation import Conversation
from tests.bot.test_card import card, fix, replace_bundle, replies, report_fleet_check, stored
from tests.bot.test_present_state import watch_once
from tests.system import slot

pytestmark = pytest.mark.slow


def changes(talk: Conversation) -> list[str]:
    """The messages of the thread that report another result than before."""
    said = [m.shown for m in replies(talk) if slot(m).startswith(("change/", "parent"))]
    return [each for each in said if "*Changed:*" in each or " was " in each.split("\n")[0]]


def test_a_change_that_a_run_has_reported_is_not_a_message_of_the_watch(broken: Conversation, tmp_path: Path) -> None:
    broken.press(card(broken), "watch")
    watch_once(broken)
    fix(broken, tmp_path)
    broken.say("@egress-diag again", thread=card(broken), user="U0BOB")
    assert len(changes(broken)) == 1
    for _ in range(3):
        watch_once(broken)
    (said,) = changes(broken)
    assert "*Changed:* was ❌ broken" in said
    assert "Recovered at" in replies(broken)[-1].shown, "the end of the watch mentions its user"


def test_a_change_that_a_watch_has_reported_is_one_line_of_the_run(broken: Conversation, tmp_path: Path) -> None:
    broken.press(card(broken), "watch")
    watch_once(broken)
    fix(broken, tmp_path)
    watch_once(broken)
    broken.say("@egress-diag again", thread=card(broken), user="U0BOB")
    (said,) = changes(broken)
    assert "was ❌ broken" in said
    last = replies(broken)[-1].shown
    assert last.startswith("✅ Still healthy at <!date")
    assert "\n" not in last


def test_a_change_that_a_fleet_check_saw_first_is_a_message_once(broken: Conversation, tmp_path: Path) -> None:
    """The card showed it; the watch, and then a run, were both to report it."""
    broken.press(card(broken), "watch")
    watch_once(broken)
    fix(broken, tmp_path)
    report_fleet_check(broken, Verdict.HEALTHY)
    assert not changes(broken), "a fleet check is shown by the card"
    watch_once(broken)
    broken.say("@egress-diag again", thread=card(broken), user="U0BOB")
    report_fleet_check(broken, Verdict.HEALTHY)
    assert len(changes(broken)) == 1


def test_a_recurrence_is_a_message_once(broken: Conversation, tmp_path: Path) -> None:
    broken_bundle = fix(broken, tmp_path)
    broken.say("@egress-diag again", thread=card(broken))
    broken.say("@egress-diag watch", thread=card(broken))
    watch_once(broken)
    replace_bundle(broken, broken_bundle)
    count = len(replies(broken))
    watch_once(broken)
    broken.say("@egress-diag again", thread=card(broken), user="U0BOB")
    said = [m.shown for m in replies(broken)[count:] if slot(m).startswith(("change/", "parent", "finding/"))]
    assert len(said) == 2
    assert "was ✅ healthy" in said[0]
    assert said[1].startswith("❌ Still broken at <!date")


def test_an_incident_that_began_after_a_recovery_is_not_an_unchanged_one(broken: Conversation) -> None:
    """After a recovery and the same fault in fleet checks, the run said "Nothing changed"."""
    causes = stored(broken).causes
    report_fleet_check(broken, Verdict.HEALTHY)
    report_fleet_check(broken, Verdict.BROKEN, *causes)
    broken.say("@egress-diag again", thread=card(broken), user="U0BOB")
    last = replies(broken)[-1]
    assert last.shown.startswith("❌ *Broken again* since <!date")
    assert "Nothing changed" not in last.shown
    assert last.text.startswith("Broken again: ")
    broken.say("@egress-diag again", thread=card(broken), user="U0CAROL")
    assert "*Nothing changed*" in replies(broken)[-1].shown


def test_a_change_is_reported_once_although_its_first_message_is_deleted(broken: Conversation, tmp_path: Path) -> None:
    """The run that reported it is no longer kept: a later one still does not report it again."""
    broken.press(card(broken), "watch")
    watch_once(broken)
    fix(broken, tmp_path)
    watch_once(broken)
    first = stored(broken).latest
    broken.say("@egress-diag again", thread=card(broken), user="U0BOB")
    said = replies(broken)[-1]
    assert broken.client.stores.runs.discard(first)
    run = stored(broken).latest
    assert run != first
    broken.client.stores.documents.changed(f"run/{run}")
    broken.play()
    assert (broken.slack.latest(said) or said).shown.startswith("✅ Still healthy")
    assert len(changes(broken)) == 1


def test_a_watch_that_finds_a_recovered_gateway_broken_reports_it(broken: Conversation, tmp_path: Path) -> None:
    """The card turned to Broken, while the last message of the thread was the recovery."""
    broken_bundle = fix(broken, tmp_path)
    broken.say("@egress-diag again", thread=card(broken))
    replace_bundle(broken, broken_bundle)
    broken.say("@egress-diag watch", thread=card(broken))
    for _ in range(2):
        watch_once(broken)
    (said,) = [m for m in replies(broken) if slot(m) == "change/0"]
    assert said.shown.startswith("*Changed:* `team-egress/egw` on `prod-weu` is now ❌ broken")


def test_a_watch_that_finds_what_the_thread_has_reported_adds_no_line(broken: Conversation) -> None:
    broken.press(card(broken), "watch")
    watch_once(broken)
    assert not [m for m in replies(broken) if slot(m).startswith("change/")]


def test_an_owner_who_stays_after_a_recurrence_is_told(broken: Conversation, tmp_path: Path) -> None:
    broken_bundle = fix(broken, tmp_path)
    broken.press(card(broken), "own", user="U0BOB")
    broken.say("@egress-diag again", thread=card(broken))
    replace_bundle(broken, broken_bundle)
    broken.say("@egress-diag again", thread=card(broken))
    assert "Owner: <@U0BOB> (as in the incident before)" in card(broken).shown
    lines = [m.shown for m in replies(broken) if slot(m).startswith("owner/")]
    assert lines[-1].startswith("🙋 <@U0BOB> is still the owner: the gateway failed again <!date")
    assert len(lines) == 2
