"""Plans and results as text for a terminal and as JSON."""

from typing import Any

import orjson
import yaml

from checks.actions.plan import ACTION_PLAN, ActionKind, ActionPlan
from checks.actions.results import ACTION_RESULT, ActionOutcome, ActionResult
from checks.model.columns import COLUMNS, narrow, wrapped

ACTION_SCHEMA = "egress-diag/action/v1"

_EFFECT_WORDS = {"reads": "read-only", "changes": "changes the cluster", "disrupts": "interrupts traffic"}
_NAMES = {
    "probe-pod": "Probe from a pod outside the mesh",
    "probe-gateway": "Probe from a gateway pod",
    "restart": "Restart of the gateway",
}
OUTCOME_WORDS = {
    ActionOutcome.AS_EXPECTED: "as expected",
    ActionOutcome.NOT_AS_EXPECTED: "not as expected",
    ActionOutcome.REFUSED: "refused",
    ActionOutcome.NOT_COMPLETED: "not completed",
}


def step_name(kind: ActionKind) -> str:
    """The name of an active step, for example "Restart of the gateway"."""
    return _NAMES[kind.value]


def plan_title(plan: ActionPlan) -> str:
    """One line: the step, the gateway, the cluster and the article's step."""
    return f"{_NAMES[plan.kind.value]} · {plan.gateway_ref} · {plan.cluster} ({plan.kind.article_step})"


_BODY = COLUMNS - 26
"""Columns after which a line of a body is broken: its last word may exceed them."""


def plan_lines(plan: ActionPlan) -> tuple[str, ...]:
    """A plan as text, with the requests that it sends and their bodies."""
    effect = _EFFECT_WORDS[plan.effect.value]
    sentences = [f"Effect: {effect}", plan.does, plan.interrupts, f"Undo: {plan.undo}"]
    sentences += [f"Takes at most {plan.seconds} s.", *(f"Note: {each}" for each in plan.notes)]
    lines = narrow(plan_title(plan))
    lines += [line for each in sentences for line in wrapped(each, "  ", "    ")]
    lines += ["  Requests to the API server:"]
    for call in plan.calls:
        lines.append(f"    {call.method} {call.path}")
        if call.body is not None:
            written = yaml.safe_dump(dict(call.body), sort_keys=False, default_flow_style=False, width=_BODY)
            lines += [f"      {line}" for line in written.splitlines()]
    lines.append("  Checked again just before the change:")
    for each in plan.preconditions:
        lines += wrapped(f"{each.resource}: {each.field} is {each.value or 'empty'}", "    ", "      ")
    return tuple(lines)


def result_lines(result: ActionResult) -> tuple[str, ...]:
    """A result as text."""
    lines = narrow(f"{OUTCOME_WORDS[result.outcome].capitalize()}: {result.summary}")
    if result.left_over:
        lines += narrow(result.left_over)
    if result.refusal is not None and result.refusal.choices:
        lines += narrow(f"Choose one of: {', '.join(result.refusal.choices)}")
    return tuple(lines)


def action_document(plan: ActionPlan | None, result: ActionResult | None) -> dict[str, Any]:
    """The JSON document of `--output json` (docs/contract.md#active-steps)."""
    return {
        "schema": ACTION_SCHEMA,
        "plan": None if plan is None else ACTION_PLAN.dump_python(plan, mode="json"),
        "result": None if result is None else ACTION_RESULT.dump_python(result, mode="json"),
    }


def action_json(plan: ActionPlan | None, result: ActionResult | None) -> str:
    """The same document as text."""
    return orjson.dumps(action_document(plan, result), option=orjson.OPT_INDENT_2).decode()
