"""What a diagnosis says: observations, findings, evidence, actions, verdicts. Values only; nothing here does anything."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer

from checks.model.route import Route


class Status(StrEnum):
    """The outcome of one check. `unknown` is a question that could not be answered and never counts as healthy."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """What a finding does to traffic *now* (catalogue): blocks it, lets less through, or only may one day."""

    BLOCKS = "blocks"
    DEGRADES = "degrades"
    RISKS = "risks"


class Effect(StrEnum):
    """What running an action's command does: look, change the cluster or Azure, or cut traffic while it runs."""

    READS = "reads"
    CHANGES = "changes"
    DISRUPTS = "disrupts"


class Verdict(StrEnum):
    """The whole run in a word; the rule is in contract.md and `causes.verdict`."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    BROKEN = "broken"
    INCONCLUSIVE = "inconclusive"


class Stage(StrEnum):
    """Where on the way from Azure to the destination a check looks, in the article's order."""

    PREREQUISITES = "prerequisites"
    NETWORK = "network"
    PROVISIONING = "provisioning"
    STATIC_GATEWAY = "static_gateway"
    ISTIO = "istio"


class Scope(StrEnum):
    """What must be reachable for a check to have something to look at; each scope needs the ones before it."""

    AZURE = "azure"
    CLUSTER = "cluster"
    GATEWAY = "gateway"

    def within(self, other: "Scope") -> bool:
        """Whether a stop at `other` also stops this scope: a stopped cluster stops the gateway, not the other way."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True, order=True)
class Involved:
    """An object by which two findings can be about the same thing: kind `host` (also as a gateway's `server` takes it,
    and as a `destination`), `node`, `pod`, `webhook`, `namespace`, `pool`, `revision`, `service`, `component` or `sandbox`
    (why a pod has no network), and its name (`namespace/name` where it has a namespace)."""

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


@dataclass(frozen=True, slots=True)
class Evidence:
    """One observed field, as a single `kubectl get` or `az … show` could confirm it."""

    resource: str
    field: str
    observed: str
    expected: str = ""


@dataclass(frozen=True, slots=True)
class Action:
    """One next step: a title, an exact command (may span lines), its effect, where to read more, what to expect after."""

    title: str
    command: str = ""
    effect: Effect = Effect.READS
    url: str = ""
    expect: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a check function yields. The engine adds what the check's declaration knows and makes it a `Finding`."""

    status: Status
    summary: str
    subject: str = ""
    evidence: tuple[Evidence, ...] = ()
    actions: tuple[Action, ...] = ()
    about: frozenset[Involved] = frozenset()
    severity: Severity | None = None
    pending: bool = False
    stops: Scope | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One outcome of one check in one run. Its identity is code, subject and evidence: never wording, never time."""

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
    """Declared causes that could not be checked: this finding may be their consequence."""
    about: _Involved = frozenset()
    pending: bool = False
    stops: Annotated[Scope | None, Field(exclude=True)] = None

    @property
    def identity(self) -> tuple[object, ...]:
        """What makes two findings of two runs the same fault."""
        return (self.code, self.subject, tuple((e.resource, e.field, e.observed) for e in self.evidence))


@dataclass(frozen=True, slots=True)
class Change:
    """A recent change to an object that matters, for "what changed at 02:41"."""

    at: datetime
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
    started_at: datetime
    duration_seconds: float
    root_causes: tuple[str, ...]
    findings: tuple[Finding, ...]
    host: str | None = None
    client: str | None = None
    changes: tuple[Change, ...] = ()
    gaps: tuple[str, ...] = ()
    """One sentence for each read that failed, for the coverage line."""
    route: Route | None = None
    """How requests for the host that was asked about are routed; None where no host was asked about."""
    settings: tuple[Evidence, ...] = ()
    """The gateway's settings at the time, one row a field: two of these show what has drifted."""

    def of(self, status: Status) -> tuple[Finding, ...]:
        """The findings with this status, in catalogue order."""
        return tuple(f for f in self.findings if f.status is status)


def _about(about: "list[Involved] | tuple[Involved, ...] | frozenset[Involved]") -> frozenset[Involved]:
    return frozenset(about)


def healthy(summary: str, *, evidence: "list[Evidence] | tuple[Evidence, ...]" = (), subject: str = "") -> Observation:
    """The check looked and found nothing wrong."""
    return Observation(Status.PASS, summary, subject, tuple(evidence))


def fail(
    summary: str,
    *,
    subject: str,
    evidence: "list[Evidence] | tuple[Evidence, ...]",
    actions: "list[Action] | tuple[Action, ...]",
    about: "list[Involved] | tuple[Involved, ...] | frozenset[Involved]" = (),
    severity: Severity | None = None,
    stops: Scope | None = None,
) -> Observation:
    """Traffic is blocked for something that can be named. `stops` skips every check of that scope."""
    return Observation(
        Status.FAIL, summary, subject, tuple(evidence), tuple(actions), _about(about), severity, stops=stops
    )


def warn(
    summary: str,
    *,
    subject: str,
    evidence: "list[Evidence] | tuple[Evidence, ...]",
    actions: "list[Action] | tuple[Action, ...]" = (),
    about: "list[Involved] | tuple[Involved, ...] | frozenset[Involved]" = (),
    severity: Severity | None = Severity.RISKS,
    pending: bool = False,
) -> Observation:
    """Works now, with less capacity (`Severity.DEGRADES`) or at a risk; `pending` hands its status on (Ruling 1)."""
    return Observation(
        Status.WARN, summary, subject, tuple(evidence), tuple(actions), _about(about), severity, pending=pending
    )


def skip(summary: str, *, actions: "list[Action] | tuple[Action, ...]" = (), subject: str = "") -> Observation:
    """There is nothing to look at; the summary says why (and names the failure before it, where there is one)."""
    return Observation(Status.SKIPPED, summary, subject, actions=tuple(actions))


def unknown(
    summary: str,
    *,
    subject: str = "",
    evidence: "list[Evidence] | tuple[Evidence, ...]" = (),
    actions: "list[Action] | tuple[Action, ...]" = (),
) -> Observation:
    """The check could not find out; the summary says what stood in the way."""
    return Observation(Status.UNKNOWN, summary, subject, tuple(evidence), tuple(actions))
