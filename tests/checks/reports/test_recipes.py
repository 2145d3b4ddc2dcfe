"""The actions of a finding are numbered steps; an alternative has no number."""

import pytest

from bot.messages.recipes import recipe
from checks.model.commands import alternatives, change, inspect
from checks.model.findings import Action
from checks.reports.markdown import markdown
from checks.reports.recipes import labeled
from checks.reports.text import closing_lines
from tests.recordings import diagnosed
from tests.scenarios.cases import all_cases

LOOK, FIRST, SECOND, OTHER, LAST = inspect("Show it", "kubectl get x"), *map(change, ("A", "B", "C", "D"))


@pytest.mark.parametrize(
    ("actions", "labels"),
    [
        ([LOOK, FIRST, SECOND], ["1.", "2.", "3."]),
        ([LOOK, *alternatives(FIRST, OTHER), LAST], ["1.", "2.", "or:", "3."]),
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
    assert f"    or: {choice.title} (changes the cluster)" in list(closing_lines(report))
    assert "\n**or:** " in markdown(report)
    assert any(block["text"]["text"].startswith("*or:* ") for block in recipe(finding.actions))
