"""Writes the lists of this folder from the present reports.

The command is `python -m tests.simulation.accept`.

Read the difference before you commit it: an entry means that the printed steps leave the gateway broken on the facts.
"""

import sys
from collections.abc import Iterable

from checks.model.findings import Effect, Verdict
from tests.clusters.bundles import dump_yaml
from tests.simulation.execution import Outcome
from tests.simulation.suite import broken_incidents, case_outcomes, failing_cases, outcomes
from tests.simulation.test_printed_steps import CASES_NOT_SIMULATED, NOT_SIMULATED, WRONG


def main() -> None:
    """Write both lists and print the numbers."""
    mistakes: dict[str, list[str]] = {}
    for path, found in (
        (NOT_SIMULATED, [found for each in broken_incidents() for found in outcomes(each)]),
        (CASES_NOT_SIMULATED, [found for each in failing_cases() for found in case_outcomes(each)]),
    ):
        broken = [(name, each) for name, each in found if each.before.verdict is Verdict.BROKEN]
        path.write_text(dump_yaml({name: each.left() for name, each in broken if each.left()}), encoding="utf-8")
        sys.stdout.write(f"{path.name}: {_numbers([each for _, each in broken])}\n")
        mistakes.update({name: each.wrong() for name, each in broken if each.wrong()})
    WRONG.write_text(dump_yaml(mistakes), encoding="utf-8")
    sys.stdout.write(f"{WRONG.name}: {len(mistakes)}\n")


def _numbers(found: Iterable[Outcome]) -> str:
    each = list(found)
    changes = [action for one in each for action in one.executed if action.effect is not Effect.READS]
    left_alone = [step for one in each for step in one.unsimulated]
    fixed = [one for one in each if one.fixed]
    return (
        f"{len(each)} broken, {len(fixed)} not broken after the steps; {len(changes)} changes carried out, "
        f"{len(left_alone)} not simulated"
    )


if __name__ == "__main__":
    main()
