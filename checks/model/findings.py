"""The results of a diagnosis as values.

Observations, findings, evidence, actions, changes, reports.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer

from checks.model.raw_values import Moment
from checks.model.route import Route
from checks.model.traffic import Traffic
from checks.model.value_types import value


class Status(StrEnum):
    """The outcome of one check. `unknown` means not checked, and never counts as healthy."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """The effect of a fault on traffic now (docs/severity.md).

    It blocks it, reduces capacity, or is a risk.
    """

    BLOCKS = "blocks"
    DEGRADES = "degrades"
    RISKS = "risks"


class Effect(StrEnum):
    """The effect of an action.

    Read-only, changes the cluster (or Azure), or interrupts traffic.
    """

    READS = "reads"
    CHANGES = "changes"
    DISRUPTS = "disrupts"


class Verdict(StrEnum):
    """The result of a whole run, by the rule of docs/contract.md#verdict."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    STARTING = "starting"
    BROKEN = "broken"
    INCONCLUSIVE = "inconclusive"


class Stage(StrEnum):
    """The stages of a diagnosis, in the order of Microsoft's troubleshooting article."""

    PREREQUISITES = "prerequisites"
    NETWORK = "network"
    PROVISIONING = "provisioning"
    STATIC_GATEWAY = "static_gateway"
    ISTIO = "istio"


class Scope(StrEnum):
    """The part of the system that a check needs; each scope needs the ones before it."""

    AZURE = "azure"
    CLUSTER = "cluster"
    GATEWAY = "gateway"

    def within(self, other: "Scope") -> bool:
        """Whether this scope is unavailable when `other` is.

        Without a cluster there is no gateway, not vice versa.
        """
        order = list(Scope)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True, order=True)
class Involved:
    """An object that a finding is about.

    An explanation may require both findings to share one.

    Kinds: `host`, `server` (a host as a Gateway server matches it), `destination` (a host as a destination), `node`,
    `pod`, `webhook`, `namespace`, `pool`, `revision`, `service`, `component`, and `sandbox` (a reason why a pod has no
    network). The name is `namespace/name` for namespaced objects."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def _written(about: frozenset[Involved]) -> list[str]:
    return [str(each) for each in sorted(about)]


def _read(about: object) -> object:
    if not isinstance(about, list):
        return about
    return frozenset(Involved(*each.split(" ", 1)) for each in map(str, about) if " " in each)


# In JSON `KIND NAME` for each object.
_Involved = Annotated[frozenset[Involved], BeforeValidator(_read), PlainSerializer(_written, when_used="json")]


@value(frozen=True, slots=True)
class Evidence:
    """One observed field that a single `kubectl get` or `az … show` can confirm."""

    resource: str
    field: str
    observed: str
    expected: str = ""


@value(frozen=True, slots=True)
class Action:
    """A next step: title, command, effect, documentation URL, and what follows a change.

    The command is exact and may span lines. `expect` is what is seen after the change, `verify` the command that shows it,
    `undo` the command that takes the change back, or a sentence if there is none. `alternative_to` is the title of the
    action of the same finding that this one replaces: one of the two is carried out, never both.
    """

    title: str
    command: str = ""
    effect: Effect = Effect.READS
    url: str = ""
    expect: str = ""
    verify: str = ""
    undo: str = ""
    alternative_to: str = ""


@value(frozen=True, slots=True)
class Observation:
    """A result that a check function yields.

    The engine adds the check's declaration and makes it a `Finding`.
    """

    status: Status
    summary: str
    subject: str = ""
    evidence: tuple[Evidence, ...] = ()
    actions: tuple[Action, ...] = ()
    about: frozenset[Involved] = frozenset()
    severity: Severity | None = None
    pending: bool = False
    since: datetime | None = None
    """When the fault began, by the cluster's own times; None if these do not show it."""
    stops: Scope | None = None
    reason: str = ""
    """The reason alone, if the check was not run.

    The failed read, or the fault because of which it does not apply.
    """
    unseen: bool = False
    """Whether the requests that fail do not reach the gateway.

    Traffic of others through the gateway does not contradict the finding then.
    """


@value(frozen=True, slots=True)
class Finding:
    """One result of one check in one run.

    Its identity is code, subject and evidence, not wording or time.
    """

    check: str
    code: str
    stage: Stage
    severity: Severity
    article_steps: tuple[str, ...]
    title: str
    status: Status
    summary: str
    subject: str = ""
    evidence: tuple[Evidence, ...] = ()
    actions: tuple[Action, ...] = ()
    explained_by: tuple[str, ...] = ()
    possible_causes: tuple[str, ...] = ()
    """Declared causes that were not checked: this finding may be their consequence."""
    about: _Involved = frozenset()
    pending: bool = False
    since: Moment | None = None
    """When the fault began, by the cluster's own times; None if these do not show it."""
    stops: Annotated[Scope | None, Field(exclude=True)] = None
    unseen: Annotated[bool, Field(exclude=True)] = False
    reason: str = ""
    """The reason alone, if the check was not run.

    The failed read, or the fault because of which it does not apply.
    """
    doubt: str = ""
    """A sentence about what contradicts the finding, such as traffic that succeeds.

    "" if nothing does.
    """

    @property
    def identity(self) -> tuple[object, ...]:
        """Equal for two findings (also of two runs) of the same fault."""
        return (self.code, self.subject, tuple((e.resource, e.field, e.observed) for e in self.evidence))

    @property
    def impact(self) -> int:
        """The effect on traffic as a number, 0 for a risk.

        A pending fault counts as one that blocks.
        """
        severity = Severity.BLOCKS if self.pending else self.severity
        return (Severity.RISKS, Severity.DEGRADES, Severity.BLOCKS).index(severity)


@dataclass(frozen=True, slots=True)
class NotChecked:
    """One reason why checks were not made, with all of them.

    `reason` is a sentence without its full stop, `checks` are slugs. The actions remove the reason, or show it.
    """

    reason: str
    checks: tuple[str, ...]
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A recent change to an object that the gateway depends on."""

    at: Moment
    resource: str
    what: str
    who: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A finished diagnosis of one gateway."""

    cluster: str
    namespace: str
    gateway: str
    verdict: Verdict
    started_at: Moment
    duration_seconds: float
    root_causes: tuple[str, ...]
    findings: tuple[Finding, ...]
    host: str | None = None
    client: str | None = None
    changes: tuple[Change, ...] = ()
    gaps: tuple[str, ...] = ()
    """One sentence for each failed read, for the coverage line."""
    route: Route | None = None
    """How requests for the question's host are routed; None without a host."""
    warnings: tuple[str, ...] = ()
    """The checks that warn, in the order of docs/severity.md#order."""
    settings: tuple[Evidence, ...] = ()
    """The gateway's settings at the time of the run, one row per field.

    They are compared with those of another run.
    """
    traffic: Traffic | None = None
    """The traffic that the proxies counted; None if no counters are read."""
    not_checked: tuple[NotChecked, ...] = ()
    """Why checks were not made, the reason for most checks first (docs/rulings.md#ruling-28)."""

    def of(self, status: Status) -> tuple[Finding, ...]:
        """The findings with this status, in catalogue order."""
        return tuple(f for f in self.findings if f.status is status)


def _about(about: "list[Involved] | tuple[Involved, ...] | frozenset[Involved]") -> frozenset[Involved]:
    return frozenset(about)


def healthy(summary: str, *, evidence: "list[Evidence] | tuple[Evidence, ...]" = (), subject: str = "") -> Observation:
    """The check passed."""
    return Observation(Status.PASS, summary, subject, tuple(evidence))


def fail(  # noqa: PLR0913 - one argument for each part of a finding
    summary: str,
    *,
    subject: str,
    evidence: "list[Evidence] | tuple[Evidence, ...]",
    actions: "list[Action] | tuple[Action, ...]",
    about: "list[Involved] | tuple[Involved, ...] | frozenset[Involved]" = (),
    severity: Severity | None = None,
    stops: Scope | None = None,
    since: datetime | None = None,
) -> Observation:
    """A fault that blocks traffic. With `stops`, no check of that scope applies."""
    return Observation(
        Status.FAIL,
        summary,
        subject,
        tuple(evidence),
        tuple(actions),
        _about(about),
        severity,
        stops=stops,
        since=since,
    )


def warn(  # noqa: PLR0913 - as above
    summary: str,
    *,
    subject: str,
    evidence: "list[Evidence] | tuple[Evidence, ...]",
    actions: "list[Action] | tuple[Action, ...]" = (),
    about: "list[Involved] | tuple[Involved, ...] | frozenset[Involved]" = (),
    severity: Severity | None = Severity.RISKS,
    pending: bool = False,
    since: datetime | None = None,
) -> Observation:
    """A fault that reduces capacity (`Severity.DEGRADES`) or is a risk.

    `pending`: the state is expected to change by itself; faults that only it explains are warnings too
    (docs/rulings.md#ruling-1)."""
    return Observation(
        Status.WARN,
        summary,
        subject,
        tuple(evidence),
        tuple(actions),
        _about(about),
        severity,
        pending=pending,
        since=since,
    )


def skip(summary: str, *, actions: "list[Action] | tuple[Action, ...]" = (), subject: str = "") -> Observation:
    """The check does not apply.

    The summary gives the reason, and the fault that it follows from if there is one.
    """
    return Observation(Status.SKIPPED, summary, subject, actions=tuple(actions))


def unknown(
    summary: str,
    *,
    subject: str = "",
    evidence: "list[Evidence] | tuple[Evidence, ...]" = (),
    actions: "list[Action] | tuple[Action, ...]" = (),
    reason: str = "",
) -> Observation:
    """Not checked; the summary gives the reason.

    `reason` is the failed read, if there is one: checks with the same failed read are reported together.
    """
    return Observation(Status.UNKNOWN, summary, subject, tuple(evidence), tuple(actions), reason=reason)
