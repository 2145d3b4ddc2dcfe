"""The JSON document of contract.md, and back."""

from datetime import UTC, datetime
from typing import Any

from checks.model.findings import (
    Action,
    Change,
    Effect,
    Evidence,
    Finding,
    Involved,
    Report,
    Severity,
    Stage,
    Status,
    Verdict,
)
from checks.model.raw_values import flag, items, parse_moment, text, texts
from checks.reports.route_document import route_from_json, route_to_json

SCHEMA = "egress-diag/v1"


def to_json(report: Report) -> dict[str, Any]:
    """The document. Fields may be added, never renamed."""
    return {
        "schema": SCHEMA,
        "cluster": report.cluster,
        "gateway": {"namespace": report.namespace, "name": report.gateway},
        "host": report.host,
        "from": report.client,
        "verdict": report.verdict.value,
        "started_at": stamp(report.started_at),
        "duration_seconds": report.duration_seconds,
        "root_causes": list(report.root_causes),
        "findings": [finding_to_json(each) for each in report.findings],
        "changes": [{"at": stamp(c.at), "resource": c.resource, "what": c.what, "who": c.who} for c in report.changes],
        "gaps": list(report.gaps),
        "route": route_to_json(report.route) if report.route is not None else None,
        "settings": [{"resource": e.resource, "field": e.field, "observed": e.observed} for e in report.settings],
    }


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """One finding of the document."""
    return {
        "check": finding.check,
        "code": finding.code,
        "stage": finding.stage.value,
        "severity": finding.severity.value,
        "article_steps": list(finding.article_steps),
        "title": finding.title,
        "status": finding.status.value,
        "summary": finding.summary,
        "subject": finding.subject,
        "evidence": [
            {"resource": e.resource, "field": e.field, "observed": e.observed, "expected": e.expected}
            for e in finding.evidence
        ],
        "actions": [
            {"title": a.title, "command": a.command, "effect": a.effect.value, "url": a.url, "expect": a.expect}
            for a in finding.actions
        ],
        "explained_by": list(finding.explained_by),
        "possible_causes": list(finding.possible_causes),
        "about": [f"{one.kind} {one.name}" for one in sorted(finding.about)],
        "pending": finding.pending,
    }


def finding_from_json(raw: Any) -> Finding:
    """A finding from the document. Raises ValueError for a status, stage or severity that this version does not know."""
    return Finding(
        check=text(raw, "check"),
        code=text(raw, "code"),
        stage=Stage(text(raw, "stage")),
        severity=Severity(text(raw, "severity")),
        article_steps=texts(raw, "article_steps"),
        title=text(raw, "title"),
        status=Status(text(raw, "status")),
        summary=text(raw, "summary"),
        subject=text(raw, "subject"),
        evidence=tuple(
            Evidence(text(e, "resource"), text(e, "field"), text(e, "observed"), text(e, "expected"))
            for e in items(raw, "evidence")
        ),
        actions=tuple(
            Action(text(a, "title"), text(a, "command"), Effect(text(a, "effect")), text(a, "url"), text(a, "expect"))
            for a in items(raw, "actions")
        ),
        explained_by=texts(raw, "explained_by"),
        possible_causes=texts(raw, "possible_causes"),
        about=frozenset(Involved(*one.split(" ", 1)) for one in texts(raw, "about") if " " in one),
        pending=flag(raw, "pending") is True,
    )


def from_json(raw: Any) -> Report:
    """A report from the document, so that a run record holds what the contract shows. Raises ValueError."""
    duration = raw.get("duration_seconds")
    return Report(
        cluster=text(raw, "cluster"),
        namespace=text(raw, "gateway", "namespace"),
        gateway=text(raw, "gateway", "name"),
        verdict=Verdict(text(raw, "verdict")),
        started_at=parse_moment(raw.get("started_at")) or datetime.fromtimestamp(0, UTC),
        duration_seconds=float(duration) if isinstance(duration, int | float) else 0.0,
        root_causes=texts(raw, "root_causes"),
        findings=tuple(finding_from_json(each) for each in items(raw, "findings")),
        host=text(raw, "host") or None,
        client=text(raw, "from") or None,
        changes=tuple(
            Change(
                parse_moment(c.get("at")) or datetime.fromtimestamp(0, UTC),
                text(c, "resource"),
                text(c, "what"),
                text(c, "who"),
            )
            for c in items(raw, "changes")
        ),
        gaps=texts(raw, "gaps"),
        route=route_from_json(raw.get("route")),
        settings=tuple(
            Evidence(text(e, "resource"), text(e, "field"), text(e, "observed")) for e in items(raw, "settings")
        ),
    )


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
