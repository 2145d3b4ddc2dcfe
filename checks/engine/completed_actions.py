"""The actions of findings, with what shows their result and what takes them back."""

from collections.abc import Iterable
from dataclasses import replace

from checks.engine.command_context import action_in_context
from checks.facts.egress_gateway import EgressGateway
from checks.facts.store import FactStore
from checks.model.commands import change
from checks.model.findings import Action, Effect, Finding
from checks.model.question import Question
from checks.model.redaction import redact
from checks.model.route import Route, TracedRequest
from checks.steps.recipe import Recipe
from checks.steps.verification import diagnosis_of

_REDACTED = "no command takes it back here: the previous value contains a secret"


def with_recipes(
    findings: Iterable[Finding], store: FactStore, question: Question, gateway: EgressGateway | None, context: str
) -> tuple[Finding, ...]:
    """The findings whose actions have `expect`, `verify` and `undo`, if they change something."""
    return tuple(
        [
            replace(each, actions=_completed(each, store, question, gateway, context)) if _changes(each) else each
            for each in findings
        ]
    )


def _changes(finding: Finding) -> bool:
    return any(each.effect is not Effect.READS for each in finding.actions)


def _completed(
    finding: Finding, store: FactStore, question: Question, gateway: EgressGateway | None, context: str
) -> tuple[Action, ...]:
    name = str(gateway) if gateway is not None else "/".join(filter(None, (question.namespace, question.gateway)))
    asked = (question.host or "", question.client or "")
    diagnosis = diagnosis_of(question.cluster.name, name, finding.code, *asked)
    recipe = Recipe(store, diagnosis, f"{finding.code} is not reported any more")
    return tuple(_without_secrets(action_in_context(each, context)) for each in recipe.completed(finding.actions))


def with_undo(route: Route, store: FactStore) -> Route:
    """The route whose corrections have `undo`.

    Those of one request are carried out one after the other.
    """
    return replace(route, requests=tuple([_with_undo(each, store) for each in route.requests]))


def _with_undo(request: TracedRequest, store: FactStore) -> TracedRequest:
    steps = [change(f"step {n}", each.command) for n, each in enumerate(request.corrections)]
    completed = map(_without_secrets, Recipe(store, "", "").completed(steps))
    undone = [replace(each, undo=step.undo) for each, step in zip(request.corrections, completed, strict=True)]
    return replace(request, corrections=tuple(undone))


def _without_secrets(action: Action) -> Action:
    """The action without an undo command that would contain a secret.

    A redacted command would write another value.
    """
    return action if redact(action.undo) == action.undo else replace(action, undo=_REDACTED)
