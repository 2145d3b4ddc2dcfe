"""Words and marks that every written form of a report shares."""

from collections.abc import Iterable

from checks.model.findings import Finding, Report, Stage, Status, Verdict

MARKS = {
    Status.PASS: "ok",
    Status.WARN: "WARN",
    Status.FAIL: "FAIL",
    Status.SKIPPED: "skip",
    Status.UNKNOWN: "????",
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
    Verdict.DEGRADED: "Works, with warnings",
    Verdict.BROKEN: "Broken",
    Verdict.INCONCLUSIVE: "Inconclusive",
}


def headline(report: Report) -> str:
    """The verdict in one sentence: the root cause where there is one, else what keeps it from being healthy."""
    roots = roots_of(report)
    match report.verdict:
        case Verdict.BROKEN:
            first = roots[0].summary if roots else "a check failed"
            more = f" (and {len(roots) - 1} more, see below)" if len(roots) > 1 else ""
            return f"Broken: {first}{more}"
        case Verdict.INCONCLUSIVE:
            count = len(report.of(Status.UNKNOWN))
            return f"Inconclusive: nothing failed, but {plural(count, 'check')} could not be made."
        case Verdict.DEGRADED:
            warnings = report.of(Status.WARN)
            more = f" (and {len(warnings) - 1} more)" if len(warnings) > 1 else ""
            return f"Works, with warnings: {warnings[0].summary}{more}"
        case Verdict.HEALTHY:
            return f"Healthy: {plural(len(report.of(Status.PASS)), 'check')} passed, nothing failed or warns."


def roots_of(report: Report) -> tuple[Finding, ...]:
    """The failed findings that nothing explains, root causes first."""
    order = {slug: number for number, slug in enumerate(report.root_causes)}
    found = [f for f in report.findings if f.status is Status.FAIL and not f.explained_by]
    return tuple(sorted(found, key=lambda f: order.get(f.check, len(order))))


def explains(report: Report, cause: str) -> tuple[Finding, ...]:
    """The findings that this root cause explains, directly or through others."""
    reached = {cause}
    for _ in report.findings:
        more = {f.check for f in report.findings if reached & set(f.explained_by)} - reached
        if not more:
            break
        reached |= more
    return tuple(f for f in report.findings if f.check in reached - {cause} and f.explained_by)


def coverage(report: Report) -> str:
    """ "27 checked, 3 could not be checked (missing: …), 2 do not apply"."""
    unknown = report.of(Status.UNKNOWN)
    skipped = report.of(Status.SKIPPED)
    checked = len({f.check for f in report.findings}) - len(unknown) - len(skipped)
    parts = [f"{checked} checked"]
    if unknown:
        missing = f" (missing: {'; '.join(report.gaps)})" if report.gaps else ""
        parts.append(f"{len(unknown)} could not be checked{missing}")
    if skipped:
        parts.append(f"{len(skipped)} {'does' if len(skipped) == 1 else 'do'} not apply")
    return ", ".join(parts)


def plural(count: int, noun: str) -> str:
    """ "1 check", "3 checks"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Failures first, then warnings, unknowns, the rest; each by code."""
    rank = {Status.FAIL: 0, Status.WARN: 1, Status.UNKNOWN: 2, Status.SKIPPED: 3, Status.PASS: 4}
    return tuple(sorted(findings, key=lambda f: (rank[f.status], f.code)))
