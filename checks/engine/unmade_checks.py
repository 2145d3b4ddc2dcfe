"""Why checks were not made: one reason for all checks that the same failure prevents.

Source: docs/rulings.md#ruling-28.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from checks.engine.check import Check
from checks.facts.fact import Gap
from checks.knowledge.failed_reads import FailedReads, failed_reads
from checks.model.findings import Action, Finding, NotChecked, Status
from checks.model.redaction import redact


def reasons_not_checked(
    findings: Sequence[Finding], gaps: Iterable[Gap], checks: Iterable[Check]
) -> tuple[NotChecked, ...]:
    """The reasons why checks were not made, the one for most checks first."""
    # A check that fails was made, although a part of what it reads was not read.
    made = {each.check for each in findings if each.status is Status.FAIL}
    unknown = [each for each in findings if each.status is Status.UNKNOWN and each.check not in made]
    if not unknown:
        return ()
    slugs = {each.slug for each in checks if each.reports_api_server}
    server = next((each for each in unknown if each.check in slugs and not each.reason), None)
    groups = tuple(_by_server(each, server) if each.of_server else each for each in failed_reads(gaps))
    by_read = {redact(str(gap)): group for group in groups for gap in group.gaps}
    found: dict[str, NotChecked] = {}
    for each in unknown:
        reason, actions = _reason(each, by_read.get(each.reason))
        known = found.get(reason, NotChecked(reason, (), actions))
        found[reason] = replace(known, checks=tuple(dict.fromkeys((*known.checks, each.check))))
    return tuple(sorted(found.values(), key=lambda each: -len(each.checks)))


def without_unusable_actions(findings: Sequence[Finding], checks: Iterable[Check]) -> tuple[Finding, ...]:
    """The findings without commands that cannot be run while the API server is not reachable.

    They are those of checks that do not apply, such as a probe.
    """
    unknown = {each.check for each in findings if each.status is Status.UNKNOWN}
    if not unknown or not any(each.reports_api_server and each.slug in unknown for each in checks):
        return tuple(findings)
    return tuple(replace(each, actions=()) if each.status is Status.SKIPPED else each for each in findings)


def _by_server(group: FailedReads, server: Finding | None) -> FailedReads:
    """The failed reads, as the check of the API server describes them."""
    if server is None:
        return group
    return replace(group, cause=_clause(server.summary), actions=server.actions or group.actions)


def _reason(finding: Finding, group: FailedReads | None) -> tuple[str, tuple[Action, ...]]:
    if group is not None:
        return redact(group.cause), group.actions
    return _clause(finding.summary), finding.actions


def _clause(summary: str) -> str:
    return summary.removeprefix("Not checked: ").removesuffix(".")


def steps_of(gaps: Iterable[Gap]) -> Iterator[str]:
    """The titles of the next steps for failed reads, each once."""
    yield from dict.fromkeys(redact(step.title) for each in failed_reads(gaps) for step in each.actions[:1])


def causes_of(gaps: Iterable[Gap]) -> Iterator[str]:
    """The causes of failed reads, each once."""
    yield from dict.fromkeys(redact(each.cause) for each in failed_reads(gaps))
