"""Declaration of checks: the `@check` decorator and the `Check` that it makes."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from checks.engine.starting import reading_actions
from checks.model.egress_path import HOP_OF_STAGE, EgressHop
from checks.model.findings import Action, Effect, Evidence, Finding, Observation, Scope, Severity, Stage, Status
from checks.model.redaction import redact
from checks.model.secrets.texts import PLACEHOLDER

if TYPE_CHECKING:
    from checks.facts.fact import Fact, Gap
    from checks.facts.view import Facts

CheckFunction = Callable[["Facts"], Iterator[Observation]]


@dataclass(frozen=True, slots=True)
class Because:
    """The mechanism by which one fault causes another.

    With `share`, the explanation applies only to findings about the same object of this kind: `host`, `node`, `pod`,
    `webhook`, `namespace`, `pool`… (docs/rulings.md#ruling-2)."""

    sentence: str
    share: str = ""
    succeeds: bool = False
    """Whether requests may succeed in spite of the fault.

    Traffic does not contradict it then.
    """


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """A check with its declaration."""

    code: str
    slug: str
    stage: Stage
    title: str
    severity: Severity
    article: tuple[str, ...]
    partly: tuple[str, ...]
    scope: Scope
    hop: EgressHop
    reads: tuple[type["Fact"], ...]
    explains: Mapping[str, Because]
    page: str
    run: CheckFunction
    warns_of_limit: bool = False
    decided_by_router: bool = False
    reports_unexplained_routes: bool = False
    reports_api_server: bool = False

    declared: frozenset[type["Fact"]] = field(init=False)
    """The kinds of facts that it reads."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "declared", frozenset(self.reads))

    def finding(self, seen: Observation) -> Finding:
        """The finding of an observation: with the declaration, and without secrets in any text."""
        rated = seen.status in (Status.WARN, Status.FAIL, Status.UNKNOWN)
        # A pending fault is expected to end by itself (docs/rulings.md#ruling-23).
        actions = reading_actions(seen.actions) if seen.pending else seen.actions
        return Finding(
            check=self.slug,
            code=self.code,
            stage=self.stage,
            severity=(seen.severity or self.severity) if rated else self.severity,
            article_steps=self.article,
            title=self.title,
            status=seen.status,
            summary=redact(seen.summary),
            subject=seen.subject,
            evidence=tuple([_redacted(each) for each in seen.evidence]) if seen.evidence else (),
            actions=tuple([_action(each) for each in actions]) if actions else (),
            about=seen.about,
            pending=seen.pending,
            since=seen.since,
            stops=seen.stops,
            unseen=seen.unseen,
            reason=redact(seen.reason) if seen.reason else "",
        )

    def not_checked(self, gap: "Gap", severity: Severity | None = None) -> Finding:
        """The finding that this check needs a failed read.

        `severity` is the highest severity of the faults that the read can hide (default: of the check's faults).
        """
        return self.finding(
            Observation(
                Status.UNKNOWN,
                f"Not checked: {gap}.",
                evidence=(Evidence(gap.resource, gap.verb, _reply(gap), "an answer"),),
                severity=severity,
                reason=str(gap),
            )
        )

    def does_not_apply(self, cause: Finding) -> Finding:
        """The finding that a more fundamental failure makes this check meaningless."""
        reason = _lower(cause.title)
        return self.finding(Observation(Status.SKIPPED, f"Does not apply: {reason}.", reason=reason))


def _reply(gap: "Gap") -> str:
    return str(gap.status) if gap.credentials is None else "not sent"


def _redacted(evidence: Evidence) -> Evidence:
    observed, expected = redact(evidence.observed), redact(evidence.expected)
    if (observed, expected) == (evidence.observed, evidence.expected):
        return evidence
    return replace(evidence, observed=observed, expected=expected)


_UNPRINTED = " (the command contains a secret and is not printed)"


def _action(action: Action) -> Action:
    """The action without secrets.

    A change with a secret has no command, because it would write the placeholder.
    """
    command, verify, undo = redact(action.command), redact(action.verify), redact(action.undo)
    if action.effect is not Effect.READS and PLACEHOLDER in command:
        return replace(action, title=f"{action.title}{_UNPRINTED}", command="", verify=verify, undo="")
    if (command, verify, undo) == (action.command, action.verify, action.undo):
        return action
    return replace(action, command=command, verify=verify, undo=undo)


def _lower(title: str) -> str:
    """The title within a sentence; names such as `AKS` keep their capitals."""
    first, rest = title[:1], title[1:]
    return (first.lower() if rest[:1].islower() or rest[:1] == " " else first) + rest


def check(  # noqa: PLR0913 - one argument for each thing that is declared
    *,
    code: str,
    title: str,
    severity: Severity,
    reads: tuple[type["Fact"], ...],
    article: tuple[str, ...] = (),
    partly: tuple[str, ...] = (),
    scope: Scope = Scope.GATEWAY,
    hop: EgressHop | None = None,
    explains: Mapping[str, str | Because] | None = None,
    warns_of_limit: bool = False,
    reports_unexplained_routes: bool = False,
    reports_api_server: bool = False,
) -> Callable[[CheckFunction], Check]:
    """Declare a check.

    The function's name is the slug (with dashes), its docstring the page, its package the stage.

    `severity` is the highest severity of its findings; `article` are the steps of Microsoft's article that it covers,
    `partly` further steps of which it, or an action that it offers, covers a part; `hop` is the part of the egress path
    that the fault interrupts (default: the stage's). `reads` are all facts that the function reads; the gateway itself
    (`facts.gateway`) needs no declaration. `explains` maps the slug of each fault that this one causes to the mechanism.
    `warns_of_limit`: its warning means that a limit is near, which digests list. `reports_unexplained_routes`: among
    the checks that the router decides, it reports the routes that no fault explains. `reports_api_server`: it describes an
    API server that cannot be reached, also for the checks that were not made because of it.

    A check of a stage that does not exist raises ValueError at import.
    """

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
            partly=partly,
            scope=scope,
            hop=hop or HOP_OF_STAGE[stage],
            reads=reads,
            explains=edges,
            page=inspect.cleandoc(function.__doc__ or ""),
            run=function,
            warns_of_limit=warns_of_limit,
            reports_unexplained_routes=reports_unexplained_routes,
            reports_api_server=reports_api_server,
        )

    return declare
