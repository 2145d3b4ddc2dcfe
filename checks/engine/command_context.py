"""The kubectl context in the commands of findings, reasons and routes.

Source: docs/contract.md#kubectl-context.
"""

from collections.abc import Iterable
from dataclasses import replace

from checks.model.findings import Action, Finding, NotChecked
from checks.model.kubectl_context import command_in_context, sentence_in_context
from checks.model.route import Correction, Route, TracedRequest


def findings_in_context(findings: Iterable[Finding], context: str) -> tuple[Finding, ...]:
    """The findings of a check with the context in the commands of their actions."""
    return tuple(
        [replace(each, actions=_actions(each.actions, context)) if each.actions else each for each in findings]
    )


def reasons_in_context(reasons: Iterable[NotChecked], context: str) -> tuple[NotChecked, ...]:
    """The reasons why checks were not made, with the context in the commands of their actions."""
    return tuple([replace(each, actions=_actions(each.actions, context)) for each in reasons])


def route_in_context(route: Route, context: str) -> Route:
    """The route with the context in the commands of its corrections."""
    if not any(request.corrections for request in route.requests):
        return route
    return replace(route, requests=tuple([_request(each, context) for each in route.requests]))


def _actions(actions: Iterable[Action], context: str) -> tuple[Action, ...]:
    return tuple([action_in_context(each, context) for each in actions])


def action_in_context(action: Action, context: str) -> Action:
    """The action with the context in its commands, also in those that its texts quote."""
    return replace(
        action,
        title=sentence_in_context(action.title, context),
        command=command_in_context(action.command, context),
        expect=sentence_in_context(action.expect, context),
        verify=command_in_context(action.verify, context),
        alternative_to=sentence_in_context(action.alternative_to, context),
        undo=sentence_in_context(command_in_context(action.undo, context), context),
    )


def _request(request: TracedRequest, context: str) -> TracedRequest:
    return replace(request, corrections=tuple([_correction(each, context) for each in request.corrections]))


def _correction(correction: Correction, context: str) -> Correction:
    return replace(
        correction,
        command=command_in_context(correction.command, context),
        undo=sentence_in_context(command_in_context(correction.undo, context), context),
    )
