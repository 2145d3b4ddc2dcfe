"""The actions of a finding are numbered steps; an alternative has no number."""

import pytest

from bot.messages.recipes import recipe
from checks.model.commands import alternatives, change, inspect
from checks.model.findings import Action
from checks.reports.markdown import markdown
from checks.reports.recipes import fix_first, labeled
from checks.reports.text import closing_lines
from tests.recordings import diagnosed
from tests.scenarios.cases import all_cases

LOOK = inspect("Show it", "kubectl get x")
FIRST, SECOND, OTHER, LAST = (change(each, f"kubectl patch {each}") for each in "ABCD")
DECIDES = inspect("Show why", "kubectl logs x", expect="a line about x: step 2")
BY_HAND = change("Allow it")


@pytest.mark.parametrize(
    ("actions", "labels"),
    [
        ([LOOK, FIRST, SECOND], ["1.", "2.", "3."]),
        (
            [LOOK, *alternatives([FIRST, LOOK, SECOND], OTHER)],
            ["1.", "2.", "or, instead of steps 1 and 2:", "3.", "4."],
        ),
        ([LOOK, *alternatives(FIRST, OTHER), LAST], ["1.", "or:", "2.", "3."]),
        ([*alternatives(FIRST, SECOND, OTHER), LAST], ["1.", "or:", "or:", "2."]),
        ([*alternatives([FIRST, SECOND], OTHER)], ["1.", "2.", "or, instead of steps 1 and 2:"]),
        ([*alternatives([FIRST, SECOND, LAST], OTHER)], ["1.", "2.", "3.", "or, instead of steps 1 to 3:"]),
        ([*alternatives([], OTHER), LAST], ["1.", "2."]),
        (alternatives(FIRST, OTHER)[1:], ["1."]),
    ],
)
def test_the_steps_are_numbered_and_alternatives_say_what_they_replace(
    actions: list[Action], labels: list[str]
) -> None:
    assert [label for label, _ in labeled(actions)] == labels


@pytest.mark.parametrize(
    ("actions", "order"),
    [
        ([LOOK, FIRST, SECOND], [FIRST, SECOND, LOOK]),
        ([LOOK, FIRST, LOOK, SECOND], [FIRST, SECOND, LOOK, LOOK]),
        ([LOOK, DECIDES, FIRST], [DECIDES, FIRST, LOOK]),
        ([LOOK, BY_HAND, FIRST], [BY_HAND, FIRST, LOOK]),
        ([LOOK, BY_HAND], [LOOK, BY_HAND]),
        ([LOOK, DECIDES], [LOOK, DECIDES]),
    ],
    ids=["a fix", "a fix in two steps", "a look that decides", "another fix", "a value to look up", "no fix"],
)
def test_the_fix_comes_before_what_only_shows_the_cause(actions: list[Action], order: list[Action]) -> None:
    assert fix_first(actions) == order


def test_every_alternative_of_a_finding_follows_the_step_that_it_replaces() -> None:
    """Otherwise it is printed as a step of its own, and both are carried out."""
    found, wrong = 0, []
    for case in all_cases():
        for finding in case.run[0]:
            for position, action in enumerate(finding.actions):
                if action.alternative_to:
                    found += 1
                    before = [each.title for each in finding.actions[:position] if not each.alternative_to]
                    if action.alternative_to not in before:
                        wrong.append(f"{case.check.slug}: {action.title}")
    assert found > 20
    assert wrong == []


def test_every_format_prints_or_between_alternatives() -> None:
    name = "a NAT gateway is attached to the gateway subnet"
    case = next(each for each in all_cases() if each.name == name)
    report = diagnosed(*case.asked).finish(0.0)
    finding = next(each for each in report.findings if each.check == case.check.slug)
    choice = next(each for each in finding.actions if each.alternative_to)
    text = " ".join(" ".join(closing_lines(report)).split())
    assert f" or: {choice.title} (changes the cluster)" in text
    assert "\n**or:** " in markdown(report)
    assert any(block["text"]["text"].startswith("*or:* ") for block in recipe(finding.actions))
