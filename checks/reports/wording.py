"""Words that every written form of a report shares.

Statuses, effects, verdicts, stages, counts.
"""

import re
from collections.abc import Iterable, Sequence

from checks.model.findings import Effect, Finding, Report, Stage, Status, Verdict

STATUSES = {
    Status.PASS: "pass",
    Status.WARN: "warning",
    Status.FAIL: "fail",
    Status.SKIPPED: "does not apply",
    Status.UNKNOWN: "not checked",
}

EFFECTS = {
    Effect.READS: "read-only",
    Effect.CHANGES: "changes the cluster",
    Effect.DISRUPTS: "interrupts traffic",
}

STAGES = {
    Stage.PREREQUISITES: "Prerequisites",
    Stage.NETWORK: "Network",
    Stage.PROVISIONING: "Provisioning",
    Stage.STATIC_GATEWAY: "Static egress gateway",
    Stage.ISTIO: "Istio",
}

VERDICTS = {
    Verdict.HEALTHY: "Healthy",
    Verdict.DEGRADED: "Degraded",
    Verdict.STARTING: "Starting",
    Verdict.BROKEN: "Broken",
    Verdict.INCONCLUSIVE: "Inconclusive",
}


def roots_of(report: Report) -> tuple[Finding, ...]:
    """The failed findings that no other explains, in the order of the report's root causes."""
    order = {slug: number for number, slug in enumerate(report.root_causes)}
    found = [f for f in report.findings if f.status is Status.FAIL and not f.explained_by]
    return tuple(sorted(found, key=lambda f: order.get(f.check, len(order))))


def warnings_of(report: Report) -> tuple[Finding, ...]:
    """The warnings, causes before what they explain (docs/severity.md#order)."""
    order = {slug: number for number, slug in enumerate(report.warnings)}
    return tuple(sorted(report.of(Status.WARN), key=lambda each: (order.get(each.check, len(order)), -each.impact)))


def pending_of(report: Report) -> tuple[Finding, ...]:
    """The pending findings that no other explains: what a gateway that is starting waits for."""
    return tuple(each for each in warnings_of(report) if each.pending and not each.explained_by)


def acting_causes(report: Report) -> tuple[Finding, ...]:
    """The findings whose actions are the next steps: root causes and pending causes.

    If there are none, they are the warnings that no other finding explains.
    """
    causes = (*roots_of(report), *pending_of(report))
    return causes or tuple(each for each in warnings_of(report) if not each.explained_by)


def commands_of(report: Report) -> frozenset[str]:
    """The commands of root causes and warnings, which a report prints before the route."""
    found = (*roots_of(report), *(each for each in warnings_of(report) if not each.explained_by))
    return frozenset(action.command for each in found for action in each.actions if action.command)


def explains(report: Report, cause: str) -> tuple[Finding, ...]:
    """The findings that this root cause explains, directly or through others."""
    reached = {cause}
    for _ in report.findings:
        more = {f.check for f in report.findings if reached & set(f.explained_by)} - reached
        if not more:
            break
        reached |= more
    return tuple(f for f in report.findings if f.check in reached - {cause} and f.explained_by)


def why_inconclusive(report: Report) -> str:
    """The first reason why checks were not made, with their number."""
    if not report.not_checked:
        return f"no check failed, {not_made(report.of(Status.UNKNOWN))}"
    first, *others = report.not_checked
    more = f" (and {plural(len(others), 'more reason')})" if others else ""
    return f"{first.reason}; {plural(len(first.checks), 'check')} not made{more}"


def not_made(findings: Sequence[Finding]) -> str:
    """The number of checks that were not made."""
    return f"{plural(len({each.check for each in findings}), 'check')} not made"


def codes_of(report: Report, slugs: Iterable[str]) -> str:
    """The codes of these checks of a report, in order.

    A title names a fault, so it does not stand for a check that was not made.
    """
    wanted = set(slugs)
    return ", ".join(sorted({each.code for each in report.findings if each.check in wanted}))


def coverage(report: Report) -> str:
    """Counts such as "27 checked, 3 not checked, 2 do not apply"."""
    unknown = report.of(Status.UNKNOWN)
    skipped = report.of(Status.SKIPPED)
    checked = len({f.check for f in report.findings}) - len(unknown) - len(skipped)
    parts = [f"{checked} checked"]
    if unknown:
        parts.append(f"{len(unknown)} not checked")
    if skipped:
        parts.append(f"{len(skipped)} {'does' if len(skipped) == 1 else 'do'} not apply")
    return ", ".join(parts)


_COMMON = frozenset(
    ("The", "A", "An", "No", "Node", "Pods", "Components", "Gateway", "Traffic", "Applications", "Requests", "Istiod")
)
"""First words of titles that are no names.

They have a capital only at the beginning of a sentence.
"""


_NAME = re.compile(r"[/.\d-]")


def after_colon(sentence: str) -> str:
    """A sentence as it continues after a colon: only a name begins with a capital."""
    first, second, *_ = [*sentence.split(" ", 2), ""]
    # "Gateway team-egress/egw" is the kind of an object and its name, "Gateway pods" is not.
    return f"{sentence[:1].lower()}{sentence[1:]}" if first in _COMMON and _NAME.search(second) is None else sentence


def plural(count: int, noun: str) -> str:
    """The count and the noun, in the plural unless it is 1."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Failures, then warnings, not checked, does not apply, passes; each by code."""
    rank = {Status.FAIL: 0, Status.WARN: 1, Status.UNKNOWN: 2, Status.SKIPPED: 3, Status.PASS: 4}
    return tuple(sorted(findings, key=lambda f: (rank[f.status], f.code)))


def offered(report: Report) -> tuple[Finding, ...]:
    """Checks that were not made and offer commands to run instead.

    An example is the probe of the source IP address. None if a root cause is known, if the gateway does not serve yet, or if
    reads failed: their next action comes first.
    """
    if roots_of(report) or report.verdict in (Verdict.STARTING, Verdict.INCONCLUSIVE):
        return ()
    return tuple(each for each in report.of(Status.SKIPPED) if each.actions)


def since_text(finding: Finding) -> str:
    """The time from which on the cluster shows the fault, "" if it does not show it."""
    return f"since {finding.since:%Y-%m-%d %H:%M} UTC" if finding.since is not None else ""
