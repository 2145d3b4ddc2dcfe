""" "I ran it" on each step: the next check verifies it, and the card shows the result."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.messages.interaction_values import RanValue
from bot.messages.recipe_progress import RAN
from bot.sandbox import SandboxServer, StoredMessage
from bot.sandbox.model.texts import elements_of
from checks.config.configuration_file import load
from checks.reports.ran_steps import step_digest
from checks.reports.recipes import labeled
from checks.reports.wording import acting_causes
from tests.bot.conftest import write_config
from tests.bot.conversation import Conversation, conversation
from tests.clusters.compose import named, write_bundle
from tests.system import slot
from workers.client import ConnectedClient as Client
from workers.records.card import Card
from workers.records.run import Run, Target

pytestmark = pytest.mark.slow

TARGET = Target("prod-weu", "egw", "team-egress")


def fix(talk: Conversation, folder: Path) -> None:
    """Carry out the step in the cluster: from now on it is the healthy one."""
    write_bundle(named("base"), folder)
    config = talk.diagnoser.clusters.config
    clusters = tuple(c.model_copy(update={"bundle": folder}) if c.name == "prod-weu" else c for c in config.clusters)
    talk.diagnoser.clusters.config = config.model_copy(update={"clusters": clusters})


def card(talk: Conversation) -> StoredMessage:
    found = talk.slack.latest(talk.parents[0])
    assert found is not None
    return found


def buttons(message: StoredMessage) -> list[str]:
    """The action ids of the buttons "I ran it", in their order."""
    return [each["action_id"] for _, each in elements_of(message.blocks) if each["action_id"].startswith(f"{RAN}/")]


def latest_run(talk: Conversation) -> Run:
    found = talk.client.stores.cards.find("C0OPS", TARGET)
    assert found is not None
    run = talk.client.get(Run, found.latest)
    assert run is not None
    return run


def test_each_step_of_the_recipe_has_its_button_in_card_and_thread(broken: Conversation) -> None:
    report = latest_run(broken).report
    assert report is not None
    steps = [step_digest(c.check, c.subject, a) for c in acting_causes(report) for _, a in labeled(c.actions)]
    assert len(steps) > 1
    thread = broken.slack.thread(broken.parents[0])
    found = [each.removeprefix(f"{RAN}/") for message in thread for each in buttons(message)]
    assert sorted(found) == sorted(steps)
    shown = card(broken)
    assert {each.removeprefix(f"{RAN}/") for each in buttons(shown)} <= set(steps)
    assert len(buttons(shown)) == shown.shown.count("*1.*") + shown.shown.count("*2.*"), "each step that the card shows"


def test_a_step_that_worked_is_reported_and_the_card_recovers(broken: Conversation, tmp_path: Path) -> None:
    fix(broken, tmp_path / "fixed")
    broken.press(card(broken), buttons(card(broken))[0], user="U0BOB")
    said = broken.slack.thread(broken.parents[0])[-1].shown
    assert "EG407" in said
    assert "worked" in said
    assert "<@U0BOB>" in said
    assert "Recovered" in card(broken).shown
    (tried,) = latest_card(broken).tried
    assert (tried.user, tried.result) == ("U0BOB", "worked")


def test_a_step_without_effect_says_so_on_the_card_and_twice_is_once(broken: Conversation) -> None:
    first = buttons(card(broken))[0]
    for _ in range(2):
        broken.press(card(broken), first, user="U0BOB")
        said = broken.slack.thread(broken.parents[0])[-1].shown
        assert "no effect yet: EG407 still fails" in said
        assert "👉 Next: " in said
        assert "Nothing changed" in said
        assert card(broken).shown.count("no effect yet: EG407 still fails") == 1
    assert len(latest_card(broken).tried) == 1
    assert len(broken.parents) == 1


def test_what_next_shows_which_steps_were_carried_out_and_what_came_of_them(broken: Conversation) -> None:
    broken.press(card(broken), buttons(card(broken))[0], user="U0BOB")
    broken.say("@egress-diag what next?", thread=broken.parents[0])
    first, done, step, following, *_ = broken.slack.thread(broken.parents[0])[-1].shown.splitlines()
    assert first == "*Next steps for* `team-egress/egw`"
    assert done == "*Done so far:*"
    assert step.startswith("❌ Patch")
    assert "no effect yet: EG407 still fails · <@U0BOB>" in step
    assert following.startswith("👉 Next: ")


def latest_card(talk: Conversation) -> Card:
    found = talk.client.stores.cards.find("C0OPS", TARGET)
    assert found is not None
    return found


def test_a_read_only_step_moves_on(broken: Conversation) -> None:
    thread = broken.slack.thread(broken.parents[0])
    finding = next(m for m in thread if slot(m) == "finding/gateway-pool-missing")
    last = buttons(finding)[-1]
    broken.press(finding, last)
    assert latest_card(broken).tried[0].result == "seen"
    assert "☑️" in broken.slack.thread(broken.parents[0])[-1].shown


def test_a_person_without_the_permission_runs_no_check(slack: SandboxServer, client: Client, tmp_path: Path) -> None:
    rules = "  - {allow: [diagnose], users: ['U0ALICE'], channels: ['C0OPS']}\n"
    config = load(write_config(tmp_path, access=rules))
    with conversation(slack, client, config) as talk:
        talk.say("/egress-diag weu egw")
        before = len(talk.slack.thread(talk.parents[0]))
        talk.press(card(talk), buttons(card(talk))[0], user="U0CAROL")
        assert "⛔" in talk.last_answer("U0CAROL")
        assert len(talk.slack.thread(talk.parents[0])) == before
        assert latest_card(talk).tried == ()


def test_a_step_of_an_older_run_and_after_a_restart_is_verified(
    broken: Conversation, slack: SandboxServer, client: Client, tmp_path: Path
) -> None:
    old = next(m for m in broken.slack.thread(broken.parents[0]) if slot(m) == "finding/gateway-pool-missing")
    broken.say("/egress-diag weu egw", user="U0CAROL")
    fix(broken, tmp_path / "fixed")
    with conversation(slack, client, broken.config) as restarted:
        restarted.diagnoser.clusters.config = broken.diagnoser.clusters.config
        restarted.press(old, buttons(old)[0])
        assert "worked: EG407 passes" in restarted.slack.thread(restarted.parents[0])[-1].shown
        assert "Recovered" in card(restarted).shown


def test_a_step_of_an_expired_run_is_answered(broken: Conversation) -> None:
    pressed = card(broken)
    digest = buttons(pressed)[0]
    for value in ("000000000000", latest_run(broken).id):
        step = RanValue(run=value, step="no such step").encode()
        assert broken.slack.press(pressed, digest, value=step).ok
        broken.play()
        assert "has expired" in broken.last_answer()
    assert latest_card(broken).tried == ()
