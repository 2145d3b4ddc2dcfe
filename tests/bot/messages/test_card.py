"""The card has the recipe of every root cause, and the thread each step in full."""

from dataclasses import replace
from functools import cache

import pytest

from bot.messages.blocks import Block, plain, text_size
from bot.messages.findings import finding_messages
from bot.messages.headlines import headline_of
from bot.messages.parent import next_actions, reasons_not_to_check
from bot.messages.private_answers import command_list
from bot.messages.recipes import CARD_TEXT, card_recipes, recipe
from bot.messages.run import run_messages
from bot.sandbox.model.block_rules import problems_of_message
from bot.sandbox.model.texts import elements_of
from checks.model.commands import change, disrupt, inspect
from checks.model.findings import Action, Effect, Finding, NotChecked, Report, Verdict
from checks.reports.host_words import is_about_host
from checks.reports.impact import LONGEST_IMPACT, impact_of, short_impact_of
from checks.reports.ran_steps import ran_step, step_digest
from checks.reports.wording import acting_causes, roots_of
from tests.bot import stories
from tests.incidents.incidents import incidents
from tests.recordings import diagnosed, question


@cache
def reports() -> tuple[Report, ...]:
    """The reports of the incidents that are broken."""
    found = []
    for each in incidents():
        if each.expect.get("verdict") == "broken":
            wanted = question(each.cluster, each.expect["gateway"], each.expect.get("host"), each.expect.get("from"))
            found.append(diagnosed(each.cluster, wanted).finish(0.0))
    return tuple(found)


def text_of(blocks: list[Block] | tuple[Block, ...]) -> str:
    return "\n".join(each["text"]["text"] for each in blocks if "text" in each)


def changes(finding: Finding) -> list[Action]:
    return [each for each in finding.actions if each.effect is not Effect.READS]


def test_a_card_has_every_change_of_every_root_cause() -> None:
    """Before, it ended after three actions.

    The fix of a second cause, or the restart that a change needs, was missing.
    """
    several = 0
    for report in reports():
        card, roots = text_of(list(next_actions("4f5a6b7c8d9e", report))), roots_of(report)
        several += len(roots) > 1
        missing = [a.title for f in roots for a in changes(f) if str(plain(a.title))[:80] not in card]
        assert missing == [], report.gateway
    assert several >= 10


def test_cards_and_threads_are_within_slack_s_limits() -> None:
    for report in reports():
        messages = list(run_messages(stories.done(report), stories.BEGAN))
        assert [problem for each in messages for problem in problems_of_message(list(each.blocks))] == []
        assert all("(cut; see the full report)" not in str(each.blocks) for each in messages)


def test_each_step_of_each_cause_has_a_button_that_verifies_it() -> None:
    """Only the steps of a move to a new configuration had one."""
    for report in reports():
        thread = finding_messages(stories.done(report))
        found = [each["action_id"] for m in thread for _, each in elements_of(m.blocks) if "ran/" in each["action_id"]]
        digests = [step_digest(f.check, f.subject, a) for f in acting_causes(report) for a in f.actions]
        assert {f"ran/{each}" for each in digests} <= set(found)
        assert all(ran_step(report, each) is not None for each in digests)
        card = list(next_actions("4f5a6b7c8d9e", report))
        shown = {each["action_id"] for _, each in elements_of(tuple(card)) if "ran/" in each["action_id"]}
        changing = [step_digest(f.check, f.subject, a) for f in acting_causes(report) for a in changes(f)]
        assert {f"ran/{each}" for each in changing} <= shown


def test_the_first_line_is_the_impact_and_has_no_name_of_the_gateway() -> None:
    """It began with "Broken:" and the gateway."""
    for report in reports():
        headline, lock_screen = headline_of(stories.done(report))
        first = headline.replace("\u2060", "").splitlines()[0]
        if report.verdict is Verdict.HEALTHY or is_about_host(report):
            continue
        impact = impact_of(report)
        assert first[2:].lstrip("\ufe0f ").startswith(f"*{impact}")
        assert 0 < len(impact) <= LONGEST_IMPACT
        assert f"{report.namespace}/{report.gateway}" not in first[:60]
        word = "Inconclusive" if report.verdict is Verdict.INCONCLUSIVE else short_impact_of(report)
        assert lock_screen.startswith(word)


def test_commands_to_copy_are_those_of_the_causes() -> None:
    """Before, they were those of the symptoms, too."""
    for report in reports():
        shown = text_of(command_list(stories.done(report)).blocks)
        causes = acting_causes(report)
        wanted = {a.title for f in causes for a in f.actions if a.command}
        others = {a.title for f in report.findings if f not in causes for a in f.actions if a.command} - wanted
        assert [title for title in others if f"{plain(title)} _(" in shown] == []


STEPS = (
    inspect("Show the configuration", "kubectl get x"),
    change(
        "Patch the configuration", "kubectl patch x", expect="it is ready", verify="kubectl get y", undo="kubectl z"
    ),
    disrupt("Restart the gateway; connections are closed", "kubectl rollout restart deployment x"),
)


def cause(number: int, steps: tuple[Action, ...] = STEPS) -> Finding:
    first = stories.BROKEN.findings[0]
    return replace(first, check=f"fault-{number}", code=f"EG9{number:02}", title=f"Fault {number}", actions=steps)


def test_a_card_with_room_says_how_to_verify_and_undo_each_step() -> None:
    shown = text_of(card_recipes([cause(1)]))
    assert shown.startswith("*1.* Patch the configuration _(changes the cluster)_")
    assert "_Expect:_ it is ready" in shown
    assert "_Verify:_\n```\nkubectl get y\n```" in shown
    assert "_Undo:_\n```\nkubectl z\n```" in shown
    assert "*2.* Restart the gateway" in shown
    assert "Show the configuration" not in shown, "it only shows the cause"
    assert "EG901" not in shown


@pytest.mark.parametrize("count", [2, 5, 9, 20])
def test_a_card_gets_shorter_but_keeps_the_steps_of_each_cause(count: int) -> None:
    blocks = card_recipes([cause(n) for n in range(count)])
    shown = text_of(blocks)
    assert shown.count("Patch the configuration") == shown.count("Restart the gateway") == count
    assert all(f"*EG9{n:02} Fault {n}*" in shown for n in range(count))
    assert sum(map(text_size, blocks)) <= CARD_TEXT + 100


def test_a_command_is_shown_in_whole_or_not_at_all() -> None:
    long = change("Create it", "kubectl apply -f - <<'EOF'\n" + "a: b\n" * 900 + "EOF", undo="kubectl delete x")
    (block,) = recipe([long])
    assert "```\nkubectl apply" not in block["text"]["text"]
    assert "(the command, 902 lines, is in the full report)" in block["text"]["text"]
    assert "_Undo:_\n```\nkubectl delete x\n```" in block["text"]["text"]


def test_a_step_whose_commands_do_not_fit_into_one_section_has_two() -> None:
    value = "x" * 1500
    first, second = recipe([change("Patch it", f"kubectl patch {value}", undo=f"kubectl patch {value}")])
    assert first["text"]["text"].startswith("*1.* Patch it")
    assert second["text"]["text"].startswith("_Undo:_\n```\nkubectl patch")
    assert second["text"]["text"].endswith("\n```")


def test_a_reason_not_to_check_is_one_line_with_its_action() -> None:
    reason = NotChecked("The API server did not answer", ("gateway-pool-missing",), (stories.GRANT,))
    (line,) = reasons_not_to_check(replace(stories.BROKEN, not_checked=(reason,)))
    assert line == f"❔ The API server did not answer: 1 check not made · 👉 {stories.GRANT.title}"
