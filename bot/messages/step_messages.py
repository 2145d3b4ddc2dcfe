"""An active step as one message: its plan, confirmation, progress and result.

Source: docs/slack.md#probe-and-restart.
"""

from collections.abc import Iterator

from bot.grammar.commands import Mistake
from bot.messages.answers import mistake
from bot.messages.blocks import (
    Block,
    Escaped,
    Message,
    actions,
    as_code,
    button,
    context,
    fallback,
    fitting,
    prose,
    raw,
    section,
)
from bot.messages.phrases import EFFECT_WORDS, local_time
from checks.actions.plan import ActionKind, ActionPlan
from checks.actions.results import ActionOutcome, ActionResult
from checks.catalogue import catalogue
from checks.facts.probes import ProbeResult
from workers.records.action import ActionRecord, ActionState

STEP_NAMES = {
    ActionKind.PROBE_POD: "Probe from a pod outside the mesh",
    ActionKind.PROBE_GATEWAY: "Probe from a gateway pod",
    ActionKind.RESTART: "Restart of the gateway",
}
CONFIRM_STEP = "confirm_step"
CANCEL_STEP = "cancel_step"

_PROGRESS_SHOWN = 5
_EDIT_SECONDS = 2.0
_MARKS = {
    ActionState.REQUESTED: "⏳",
    ActionState.PLANNED: "📋",
    ActionState.CONFIRMED: "⏳",
    ActionState.RUNNING: "⏳",
    ActionState.REFUSED: "⛔",
    ActionState.CANCELLED: "▫️",
    ActionState.FAILED: "❔",
}
_OUTCOME_MARKS = {
    ActionOutcome.AS_EXPECTED: "✅",
    ActionOutcome.NOT_AS_EXPECTED: "❌",
    ActionOutcome.REFUSED: "⛔",
    ActionOutcome.NOT_COMPLETED: "❔",
}
_CODES = {kind: check.code for check in catalogue() for kind in ActionKind if kind.check == check.slug}
"""The checks that evaluate the results of probes."""


def step_message(action: ActionRecord) -> Message:
    """The message for the current state of an active step, which is edited in place."""
    mark, state, sentence = _headline(action)
    blocks: list[Block] = [section(raw(f"{mark} *{state}:* {subject_of(action)}{_paragraph(sentence)}"))]
    if action.plan is not None and action.state is ActionState.PLANNED:
        blocks += plan_blocks(action.plan, action.order.target.cluster)
    blocks += _further(action)
    blocks.append(context(*_people(action)))
    row = _buttons(action)
    return Message(
        "parent",
        fallback(f"{state}: {sentence} {_plain_subject(action)}" if sentence else f"{state}: {_plain_subject(action)}"),
        fitting(blocks, [actions(row)] if row else []),
        thread=action.order.thread is not None,
        final=action.state.ended,
        every=_EDIT_SECONDS if action.state is ActionState.RUNNING else 0.0,
    )


def step_not_posted(action: ActionRecord, fix: str) -> Message:
    """The state of a step whose channel the bot cannot post in, for its requester alone.

    `fix` says what keeps the bot from it, as a clause of our own.
    """
    shown = step_message(action)
    reason = context(raw(f"The bot cannot post in <#{action.order.channel}>: {prose(fix)}."))
    blocks = [block for block in shown.blocks if block["type"] != "actions"]
    text = fallback(f"{shown.text} (The bot cannot post in the channel.)")
    return Message("elsewhere", text, fitting([*blocks, reason]), thread=False)


def wrong_gateway_of_step(action: ActionRecord) -> Message:
    """The answer to a step for a gateway that does not exist.

    Its buttons request the step for gateways with similar names.
    """
    order, refusal = action.order, action.result.refusal if action.result is not None else None
    verb = "restart" if order.kind is ActionKind.RESTART else "probe"
    option = f" --deployment {order.deployment}" if order.deployment else ""
    option = " --from gateway" if order.kind is ActionKind.PROBE_GATEWAY else option
    names = refusal.choices if refusal is not None else ()
    return mistake(Mistake(action.problem, tuple(f"{verb} {order.target.cluster} {each}{option}" for each in names)))


def plan_blocks(plan: ActionPlan, cluster: str) -> Iterator[Block]:
    """The effect, object, image, URLs, interruption and undo of a plan.

    `cluster` is its name in the configuration.
    """
    lines = [
        f"{prose(plan.does)} _({EFFECT_WORDS[plan.effect]})_",
        f"• Object: {as_code(plan.object)} on {as_code(cluster)}",
    ]
    if plan.image:
        lines.append(f"• Image: {as_code(plan.image)}")
    if plan.urls:
        lines.append(f"• Requests: {', '.join(as_code(url) for url in plan.urls)}")
    lines += [
        f"• Takes at most {plan.seconds} s",
        f"• {prose(plan.interrupts)}",
        f"• Undo: {prose(plan.undo)}",
        *(f"• {prose(note)}" for note in plan.notes),
    ]
    yield section(raw("\n".join(lines)))


def subject_of(action: ActionRecord) -> Escaped:
    """The step, its gateway, its cluster and its step in the article."""
    kind = action.order.kind
    name, cluster = _gateway(action), action.order.target.cluster
    article = f"({kind.article_step} of the AKS article)"
    return raw(f"{STEP_NAMES[kind]} · {as_code(name)} on {as_code(cluster)} {article}")


def _headline(action: ActionRecord) -> tuple[str, str, str]:
    """The mark, the state, and a sentence from the cluster or the result."""
    result = action.result
    match action.state:
        case ActionState.REQUESTED:
            return _MARKS[action.state], "Planning", ""
        case ActionState.PLANNED:
            return _MARKS[action.state], "To confirm", ""
        case ActionState.CONFIRMED:
            return _MARKS[action.state], "Confirmed", "Waits for a worker of the queue `actions`."
        case ActionState.RUNNING:
            return _MARKS[action.state], "In progress", ""
        case ActionState.DONE if result is not None:
            words = {ActionOutcome.AS_EXPECTED: "As expected", ActionOutcome.NOT_AS_EXPECTED: "Not as expected"}
            return _OUTCOME_MARKS[result.outcome], words.get(result.outcome, "Not completed"), result.summary
        case ActionState.REFUSED:
            return _MARKS[action.state], "Refused", action.problem
        case ActionState.CANCELLED:
            return _MARKS[action.state], "Cancelled", ""
        case _:
            return _MARKS[ActionState.FAILED], "Not completed", action.problem


def _further(action: ActionRecord) -> Iterator[Block]:
    """The progress, what is left in the cluster, and what happens next."""
    lines = [f"• {prose(each)}" for each in action.progress[-_PROGRESS_SHOWN:]]
    if lines and action.state in (ActionState.RUNNING, ActionState.FAILED):
        yield section(raw("\n".join(lines)))
    result = action.result
    if result is not None and result.left_over:
        yield section(prose(result.left_over))
    if result is not None and result.refusal is not None and result.refusal.choices:
        yield section(raw(f"Choose one of: {', '.join(as_code(each) for each in result.refusal.choices)}"))
    if action.state is ActionState.DONE and result is not None:
        yield section(prose(_next(action.order.kind, result)))
    if action.state.ended and not action.cleaned and action.plan is not None:
        yield section(
            raw(f"{as_code(action.plan.object)} may still exist. The workers repeat its deletion until it succeeds.")
        )
    if action.error:
        yield section(raw(f"The log of the worker has the details under the token {as_code(action.error)}."))


def _next(kind: ActionKind, result: ActionResult) -> str:
    """The use of the result by the next check in the thread."""
    if kind is ActionKind.RESTART:
        return "The next check in this thread shows the state after the restart."
    outcome = ProbeResult(result.probe or {}).outcome
    undecided = outcome is not None and not outcome.about_egress
    if undecided or result.outcome is ActionOutcome.NOT_COMPLETED:
        return f"This result decides nothing about {_CODES[kind]}. The next check in this thread shows the rest."
    return f"The next check in this thread evaluates this result as {_CODES[kind]}."


def _people(action: ActionRecord) -> Iterator[Escaped]:
    """The people who requested, confirmed and cancelled the step, and the end of its plan."""
    yield raw(f"Requested by <@{action.order.user}> at {local_time(action.created)} · step {as_code(action.id)}")
    for each in action.approvals:
        yield raw(f"Confirmed by <@{each.user}> at {local_time(each.at)}")
    if action.state is ActionState.PLANNED and action.plan is not None:
        until = f"can be confirmed until {local_time(action.plan.expires)}"
        permission = f"by someone with the permission {as_code(action.order.kind.permission)}"
        missing = action.needed - len(action.approvals)
        if action.approvals:
            yield raw(f"*Waits for another person:* {until}, {permission}")
        elif missing > 1:
            yield raw(f"Needs {missing} people: {until}, {permission}")
        else:
            yield raw(f"It {until}, {permission}")
    if action.cancelled_by:
        yield raw(f"Cancelled by <@{action.cancelled_by}>")
    if action.ended is not None:
        yield raw(f"Ended at {local_time(action.ended)}")


def _buttons(action: ActionRecord) -> list[Block]:
    if action.state is ActionState.PLANNED:
        return [
            button("Confirm…", CONFIRM_STEP, action.id, style="primary"),
            button("Cancel", CANCEL_STEP, action.id),
        ]
    if action.state in (ActionState.REQUESTED, ActionState.CONFIRMED):
        return [button("Cancel", CANCEL_STEP, action.id)]
    return []


def _plain_subject(action: ActionRecord) -> str:
    return f"{STEP_NAMES[action.order.kind]}, {_gateway(action)} on {action.order.target.cluster}"


def _gateway(action: ActionRecord) -> str:
    """`namespace/name` as soon as the plan knows it."""
    target = action.order.target
    if action.plan is not None:
        return action.plan.gateway_ref
    return f"{target.namespace}/{target.gateway}" if target.namespace else target.gateway


def _paragraph(sentence: str) -> str:
    return f"\n{prose(sentence)}" if sentence else ""
