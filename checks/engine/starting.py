"""Which actions a report offers while its gateway starts.

Source: docs/rulings.md#ruling-23.
"""

from collections.abc import Iterable
from dataclasses import replace

from checks.model.findings import Action, Effect, Finding, Status


def while_starting(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings of a gateway that is starting, with the actions that its report offers.

    Only pending causes and checks that were not made have actions, and none changes the cluster: the gateway gets ready
    by itself, or fails.
    """
    return tuple(replace(each, actions=_offered(each)) if each.actions else each for each in findings)


def _offered(finding: Finding) -> tuple[Action, ...]:
    is_cause = finding.status is Status.WARN and finding.pending and not finding.explained_by
    if is_cause or finding.status is Status.UNKNOWN:
        return reading_actions(finding.actions)
    return ()


def reading_actions(actions: Iterable[Action]) -> tuple[Action, ...]:
    """Those actions that are read-only."""
    return tuple(each for each in actions if each.effect is Effect.READS)
