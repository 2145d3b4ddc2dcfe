"""How a check is declared: the `@check` decorator, and what an engine knows about each check."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from checks.model.egress_path import HOP_OF_STAGE, EgressHop
from checks.model.findings import Evidence, Finding, Observation, Scope, Severity, Stage, Status
from checks.model.redaction import redact

if TYPE_CHECKING:
    from checks.facts.fact import Fact, Gap
    from checks.facts.view import Facts

CheckFunction = Callable[["Facts"], Iterator[Observation]]


@dataclass(frozen=True, slots=True)
class Because:
    """Why one fault explains another: the mechanism in words, and the kind of object that both findings must share
    where the mechanism is narrower than the gateway (Ruling 2): `host`, `node`, `pod`, `webhook`, `namespace`, `pool`…"""

    sentence: str
    share: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A check and everything an engine must know about it."""

    code: str
    slug: str
    stage: Stage
    title: str
    severity: Severity
    article: tuple[str, ...]
    scope: Scope
    hop: EgressHop
    reads: tuple[type["Fact"], ...]
    explains: Mapping[str, Because]
    page: str
    run: CheckFunction

    def says(self, seen: Observation) -> Finding:
        """What the declaration knows and what was observed, as a finding, with secrets taken out of every text."""
        judged = seen.status in (Status.WARN, Status.FAIL)
        return Finding(
            check=self.slug,
            code=self.code,
            stage=self.stage,
            severity=(seen.severity or self.severity) if judged else self.severity,
            article_steps=self.article,
            title=self.title,
            status=seen.status,
            summary=redact(seen.summary),
            subject=seen.subject,
            evidence=tuple(replace(e, observed=redact(e.observed), expected=redact(e.expected)) for e in seen.evidence),
            actions=tuple(replace(a, command=redact(a.command)) for a in seen.actions),
            about=seen.about,
            pending=seen.pending,
            stops=seen.stops,
        )

    def could_not(self, gap: "Gap") -> Finding:
        """The finding that a read failed which the check needed."""
        return self.says(
            Observation(
                Status.UNKNOWN,
                f"Could not be checked: {gap}.",
                evidence=(Evidence(gap.resource, gap.verb, str(gap.status), "an answer"),),
            )
        )

    def leaves_to(self, cause: Finding) -> Finding:
        """The finding that a more fundamental failure leaves this check nothing to look at."""
        return self.says(Observation(Status.SKIPPED, f"Not looked at: {_lower(cause.title)}."))


def _lower(title: str) -> str:
    """The title within a sentence: a name such as `AKS` keeps its capitals."""
    first, rest = title[:1], title[1:]
    return (first.lower() if rest[:1].islower() or rest[:1] == " " else first) + rest


def check(  # noqa: PLR0913 - one argument for each thing that is declared
    *,
    code: str,
    title: str,
    severity: Severity,
    reads: tuple[type["Fact"], ...],
    article: tuple[str, ...] = (),
    scope: Scope = Scope.GATEWAY,
    hop: EgressHop | None = None,
    explains: Mapping[str, str | Because] | None = None,
) -> Callable[[CheckFunction], Check]:
    """Declares a check. The function's name is the fault and, with dashes, the slug; its docstring is the page; the
    package it lies in is the stage. `severity` is the worst that the check can say; `hop` is the part of
    the egress path that the fault interrupts, by default that of the stage. A gateway's own name, namespace,
    revisions and configuration (`facts.gateway`) need no declaration; every fact that the function asks for does."""

    def declare(function: CheckFunction) -> Check:
        edges = {slug: Because(why) if isinstance(why, str) else why for slug, why in (explains or {}).items()}
        stage = Stage(function.__module__.split(".")[-2])
        return Check(
            code=code,
            slug=function.__name__.replace("_", "-"),
            stage=stage,
            title=title,
            severity=severity,
            article=article,
            scope=scope,
            hop=hop or HOP_OF_STAGE[stage],
            reads=reads,
            explains=edges,
            page=inspect.cleandoc(function.__doc__ or ""),
            run=function,
        )

    return declare
