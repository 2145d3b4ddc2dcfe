"""The rules and cases of one check: `tests/scenarios/<stage>/<fault>.yaml`.

.. code-block:: yaml

    cluster: base                    # the cluster that all cases start from (tests/clusters); default: base
    rules: |                         # the check's part of docs/domain/decision-tables.md (`make docs`), in Markdown
      The gateway's StaticGatewayConfiguration has a prefix.     # the healthy state, then a table: a row a condition
    cases:
      - case: a configuration that has waited for Azure for three minutes  # reads like an incident
        cluster: tls-origination     # optional: another cluster
        gateway: team-egress/egw     # optional: this is the default
        host: edition.cnn.com:80     # optional, with `from: team-a/curl`: the question of the run
        with: {change: […], add: […], remove: […], azure: {…}, logs: {…}, events: […], errors: […], now: …}
        expect:                      # the check's whole findings
          - status: warn
            severity: risks          # of warnings and failures
            pending: true            # if it is pending
            since: 2026-11-23T09:40:00Z  # if the cluster shows when it began
            summary: one sentence
            subject: Kind namespace/name
            evidence: ["resource | field | observed | expected"]
            about: [host edition.cnn.com]
            actions: ["reads: kubectl …", "disrupts: kubectl …"]   # without the context, which the engine adds; an
                                                                   # alternative as "or changes: kubectl …"

`python -m tests.scenarios.accept stage/fault` writes `expect` from the check's current findings: read them as prose before
you commit them. Every check has at least one firing, one healthy and one unreadable case, which a test enforces.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from checks.catalogue import catalogue
from checks.engine.check import Check
from checks.model.findings import Finding, Status
from checks.model.kubectl_context import without_context
from checks.model.question import Question
from checks.reports.document import stamp
from tests.clusters.bundles import read_yaml
from tests.clusters.compose import Cluster, compose, named
from tests.recordings import diagnosed, question

HERE = Path(__file__).parent
ONLY_UNKNOWN = frozenset({"api-server-unreachable"})
"""Checks that report no failure: "unknown" is their severity in the catalogue."""
_KEYS = {"case", "cluster", "gateway", "host", "from", "with", "expect"}


@dataclass(frozen=True)
class Case:
    """One case of a check's scenario file."""

    check: Check
    name: str
    raw: Mapping[str, Any]
    cluster: str

    @property
    def expected(self) -> list[dict[str, Any]]:
        return list(self.raw["expect"])

    @property
    def asked(self) -> tuple[Cluster, Question]:
        """The cluster of the case, and the question about it."""
        cluster = compose(named(self.cluster), self.raw.get("with") or {})
        gateway = self.raw.get("gateway", "team-egress/egw")
        return cluster, question(cluster, gateway, self.raw.get("host"), self.raw.get("from"))

    @cached_property
    def run(self) -> tuple[tuple[Finding, ...], frozenset[str]]:
        """The check's findings on the cluster, and the kinds of facts that it read."""
        run = diagnosed(*self.asked, [self.check])
        reads = frozenset(kind.__name__ for kind in run.reads_of(self.check.slug))
        return tuple(run.finish(0.0).findings), reads

    @property
    def found(self) -> list[dict[str, Any]]:
        """The check's findings in the file's format."""
        return [shown(finding) for finding in self.run[0]]


def scenario_file(check: Check) -> Path:
    """The file with the cases of a check."""
    return HERE / check.stage.value / f"{check.slug.replace('-', '_')}.yaml"


def cases_of(check: Check) -> list[Case]:
    """The cases of a check; none if the file is missing. Raises ValueError for an unknown key."""
    return list(_cases(check.slug))


@cache
def _cases(slug: str) -> tuple[Case, ...]:
    check = next(each for each in catalogue() if each.slug == slug)
    path = scenario_file(check)
    if not path.exists():
        return ()
    document = read_yaml(path)
    found = []
    for raw in document["cases"]:
        if extra := set(raw) - _KEYS:
            raise ValueError(f"{path.name}: {raw.get('case')}: unknown keys {sorted(extra)}")
        found.append(Case(check, raw["case"], raw, raw.get("cluster") or document.get("cluster", "base")))
    return tuple(found)


def rules_of(check: Check) -> str:
    """The rules of a check in Markdown.

    They state the healthy state, the reads, the result of each condition, and notes.
    """
    return _rules(scenario_file(check))


@cache
def _rules(path: Path) -> str:
    return str(read_yaml(path)["rules"])


def all_cases() -> list[Case]:
    """Every case of every check."""
    return [case for check in catalogue() for case in cases_of(check)]


def shown(finding: Finding) -> dict[str, Any]:
    """Return a finding in the file's format; empty parts are left out."""
    parts: dict[str, Any] = {"status": finding.status.value}
    if finding.status in (Status.FAIL, Status.WARN):
        parts["severity"] = finding.severity.value
    if finding.pending:
        parts["pending"] = True
    if finding.since is not None:
        parts["since"] = stamp(finding.since)
    parts["summary"] = finding.summary
    parts["subject"] = finding.subject
    parts["evidence"] = [
        " | ".join([e.resource, e.field, e.observed, *([e.expected] if e.expected else [])]) for e in finding.evidence
    ]
    parts["about"] = [f"{one.kind} {one.name}" for one in sorted(finding.about)]
    parts["actions"] = [
        f"{'or ' if a.alternative_to else ''}{a.effect.value}: {without_context(a.command) or a.title}"
        for a in finding.actions
    ]
    return {key: value for key, value in parts.items() if value not in ("", [])}
