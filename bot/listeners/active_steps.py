"""Active steps as people request, confirm and cancel them.

Permission is checked at each press, also of the second person.

Source: docs/slack.md#probe-and-restart.
"""

import logging
from typing import Any

from slack_bolt import Ack, App

from bot.access.record_permissions import checked_target
from bot.interactions.form_submissions import form_interaction, submitted_metadata
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.listeners.buttons import ButtonAction, in_thread_of, permitted_run
from bot.messages import answers
from bot.messages.blocks import Message
from bot.messages.diagnose_form import form_values
from bot.messages.interaction_values import StepFormMetadata, StepValue
from bot.messages.step_forms import NAME_FIELD, STEP_CALLBACK, step_form, step_notice
from bot.messages.step_messages import CANCEL_STEP, CONFIRM_STEP
from bot.messages.step_offers import REQUEST_STEP
from bot.slack.web_api import SlackRefusal
from checks.actions.plan import ActionKind, PlanRefusal, RefusalKind
from checks.config.configuration import Config
from workers.client import Unavailable, redis_problem
from workers.records.action import ActionOrder, ActionRecord, ActionState
from workers.records.run import Run, Target

log = logging.getLogger(__name__)


def register_step_forms(app: App, handler: InteractionHandler) -> None:
    """Register the listener for the form that confirms a step."""

    @app.view(STEP_CALLBACK)
    def submitted(ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        metadata = submitted_metadata(ack, StepFormMetadata, view)
        if metadata is None:
            return
        interaction = form_interaction(body, metadata.channel)
        typed = form_values(view).get(NAME_FIELD, "")

        def acknowledge(answer: Message | None) -> None:
            if answer is None:
                ack()
            elif answer.slot == answers.NAME_NOT_TYPED:
                ack(response_action="errors", errors={NAME_FIELD: answer.text.replace("\u2060", "")})
            else:
                ack(response_action="update", view=step_notice(answer))

        def confirm() -> Message | None:
            answer = _confirmed(handler, metadata.action, typed, interaction)
            handler.record(interaction, "form step", metadata.action, answer)
            return answer

        handler.deadline.answer(confirm, acknowledge, lambda late: handler.reply(interaction, late))


def order_step(
    handler: InteractionHandler,
    kind: ActionKind,
    target: Target,
    interaction: Interaction,
    *,
    deployment: str = "",
    run: str = "",
) -> Message | None:
    """Request the plan of a step; None if its message in the thread is the answer."""
    decision = handler.access(interaction, target.cluster, target.gateway, kind.permission)
    if not decision.allowed:
        return answers.access_denied(decision.reason)
    if (reason := _disabled(handler.config, target.namespace)) is not None:
        return answers.step_refused(reason)
    try:
        thread = interaction.thread or handler.client.cards.thread_of_incident(interaction.channel, target)
        order = ActionOrder(
            target=target,
            kind=kind,
            user=interaction.user,
            channel=interaction.channel,
            key=interaction.key,
            team=interaction.team,
            thread=thread,
            run=run,
            deployment=deployment,
            groups=tuple(handler.requester(interaction).groups),
        )
        for active in handler.visible(ActionRecord, interaction):
            if (active.order.kind, active.order.target) == (kind, target) and active.order.key != order.key:
                return answers.step_requested_already(active)
        handler.client.request(order)
    except Unavailable as error:
        return answers.unavailable(redis_problem(error))
    log.info("%s of %s requested by %s in %s", kind.value, target, interaction.user, interaction.channel)
    return None if thread == interaction.thread else answers.step_on_card()


def step_of_run(
    handler: InteractionHandler, run_id: str, kind: ActionKind, deployment: str, interaction: Interaction
) -> Message | None:
    """Request a step for the gateway of a run, in its thread."""
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    found = checked_target(run)
    target = Target(found.cluster, found.gateway, found.namespace)
    same_channel = interaction.channel == run.order.channel
    return order_step(
        handler,
        kind,
        target,
        in_thread_of(handler, run, interaction),
        deployment=deployment,
        run=run.id if same_channel else "",
    )


def request_step(handler: InteractionHandler, value: str, interaction: Interaction) -> Message | None:
    """Request the plan of the step that a button offers."""
    pressed = StepValue.decode(value)
    return step_of_run(handler, pressed.run, pressed.kind, pressed.deployment, interaction)


def open_confirmation(handler: InteractionHandler, action_id: str, interaction: Interaction) -> Message | None:
    """Open the form that shows the plan and confirms it."""
    action = handler.find(ActionRecord, action_id, interaction)
    if not isinstance(action, ActionRecord):
        return action
    if action.plan is None or action.state is not ActionState.PLANNED:
        return answers.step_refused(f"This step is {action.state.value}; it cannot be confirmed now.")
    try:
        handler.slack.open_view(interaction.trigger, step_form(action, action.plan, interaction.channel))
    except SlackRefusal as refused:
        log.warning("the form did not open: %s", refused)
        return answers.step_refused("The form did not open in time, and nothing was done. Press the button again.")
    return None


def cancel_step(handler: InteractionHandler, action_id: str, interaction: Interaction) -> Message | None:
    """End a step that no worker has begun."""
    action = handler.find(ActionRecord, action_id, interaction)
    if not isinstance(action, ActionRecord):
        return action
    if handler.client.stop(action, interaction.user):
        return None
    return answers.step_refused("This step has begun or ended; it cannot be cancelled.")


def _confirmed(handler: InteractionHandler, action_id: str, typed: str, interaction: Interaction) -> Message | None:
    """Confirm a plan as one person; the answer if that is refused."""
    try:
        action = handler.find(ActionRecord, action_id, interaction)
        if not isinstance(action, ActionRecord):
            return action
        approved = handler.client.actions.approve(action.id, interaction.user, typed)
    except Unavailable as error:
        return answers.unavailable(redis_problem(error))
    if isinstance(approved, PlanRefusal):
        return answers.step_refused(approved.sentence, name=approved.kind is RefusalKind.NAME_NOT_TYPED)
    log.info("step %s confirmed by %s", action.id, interaction.user)
    return None


def _disabled(config: Config, namespace: str | None) -> str | None:
    """The reason why active steps are off.

    None if they are enabled, or if the namespace is not known yet.
    """
    if config.probe is None or not config.probe.namespaces:
        return "Active steps are off: the configuration has no section `probe` with namespaces."
    if namespace is not None and namespace not in config.probe.namespaces:
        return f"Active steps are off in namespace `{namespace}`: `probe.namespaces` does not list it."
    return None


def may_restart(handler: InteractionHandler, run: Run, interaction: Interaction) -> bool:
    """Whether the user may request the plan of a restart of the run's gateway here."""
    target = checked_target(run)
    permission = ActionKind.RESTART.permission
    allowed = handler.access(interaction, target.cluster, target.gateway, permission).allowed
    return allowed and _disabled(handler.config, target.namespace) is None


STEP_ACTIONS: dict[str, ButtonAction] = {
    REQUEST_STEP: request_step,
    CONFIRM_STEP: open_confirmation,
    CANCEL_STEP: cancel_step,
}
"""The actions of the buttons for active steps, by action id."""
