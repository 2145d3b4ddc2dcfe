"""The form that confirms an active step: what it does, before anything is changed.

Source: docs/slack.md#probe-and-restart.
"""

from typing import Any

from bot.messages.blocks import Block, Message, as_code, context, plain, raw, section, text_object
from bot.messages.interaction_values import StepFormMetadata
from bot.messages.phrases import local_time
from bot.messages.step_messages import plan_blocks, subject_of
from checks.actions.plan import ActionKind, ActionPlan
from workers.records.action import ActionRecord

STEP_CALLBACK = "step"
NAME_FIELD = "name"
"""The field in which the Deployment's name is typed."""

_CALLS_SHOWN = 5


def step_form(action: ActionRecord, plan: ActionPlan, channel: str) -> dict[str, Any]:
    """The form for a plan. Its submission confirms the step as one person."""
    noun = "restart" if plan.kind is ActionKind.RESTART else "probe"
    blocks: list[Block] = [section(subject_of(action)), *plan_blocks(plan, action.order.target.cluster)]
    calls = "\n".join(f"• {as_code(f'{call.method} {call.path}')}" for call in plan.calls[:_CALLS_SHOWN])
    blocks.append(section(raw(f"Requests to the API server that change something:\n{calls}")))
    fields = ", ".join(dict.fromkeys(f"{each.resource} {each.field}" for each in plan.preconditions))
    lines = [raw(f"It can be confirmed until {local_time(plan.expires)}.")]
    if fields:
        lines.append(raw(f"Read again just before the change; the step is refused if one has changed: {plain(fields)}"))
    if action.needed > 1:
        lines.append(raw(f"{len(action.approvals)} of {action.needed} people have confirmed it."))
    blocks.append(context(*lines))
    if plan.confirm_name:
        blocks.append(_name_field(plan))
    return {
        "type": "modal",
        "callback_id": STEP_CALLBACK,
        "private_metadata": StepFormMetadata(channel=channel, action=action.id).encode(),
        "title": text_object(f"Confirm the {noun}"),
        "submit": text_object(f"Run the {noun}" if noun == "probe" else "Restart"),
        "close": text_object("Close"),
        "blocks": blocks,
    }


def step_notice(answer: Message) -> dict[str, Any]:
    """The form after a submission that was refused, with the reason."""
    return {
        "type": "modal",
        "title": text_object("Not confirmed"),
        "close": text_object("Close"),
        "blocks": list(answer.blocks),
    }


def _name_field(plan: ActionPlan) -> Block:
    element = {"type": "plain_text_input", "action_id": NAME_FIELD, "max_length": 253}
    return {
        "type": "input",
        "block_id": NAME_FIELD,
        "label": text_object(f"Type {plan.confirm_name} to confirm"),
        "hint": text_object("The restart can leave the gateway without a ready pod."),
        "element": element,
    }
