"""The actions of buttons and menu options.

Their value is an ID or a record of `bot.messages.interaction_values`. Permission is checked at each press.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from bot.access.record_permissions import checked_target
from bot.grammar.commands import Diagnose
from bot.grammar.words import DEFAULT_WATCH
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.messages import answers, present, private_answers, thread_answers
from bot.messages.blocks import Message
from bot.messages.card import RELEASE
from bot.messages.findings import finding_details, findings_explained_by, findings_of
from bot.messages.interaction_values import ChoiceValue, FindingValue, MenuOption, RanValue
from bot.messages.recipe_progress import RAN
from bot.messages.steps import SHOW_CHECKS, step_details
from checks.catalogue import catalogue
from checks.reports.ran_steps import ran_step
from workers.records.run import Run
from workers.records.watch import Watch

ButtonAction = Callable[[InteractionHandler, str, Interaction], Message | None]


def check_again(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Check the run's target again, in the same thread."""
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    return handler.diagnose(
        Diagnose(run.order.target), in_thread_of(handler, run, interaction), after=_repeated(run, interaction)
    )


def step_ran(handler: InteractionHandler, value: str, interaction: Interaction) -> Message | None:
    """Verify a step that the person has carried out, by a check in the same thread."""
    pressed = RanValue.decode(value)
    run = permitted_run(handler, pressed.run, interaction)
    if not isinstance(run, Run):
        return run
    step = ran_step(run.report, pressed.step) if run.report is not None else None
    if step is None:
        return answers.run_expired()
    now = handler.client.cards.present(run)
    if now is not None and not now.may_have(step.check):
        return answers.step_not_needed(run, step, now)
    return handler.diagnose(
        Diagnose(run.order.target), in_thread_of(handler, run, interaction), _repeated(run, interaction), step
    )


def stop(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Stop a run; the permission to start it is enough."""
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    return None if handler.client.stop(run, interaction.user) else answers.check_ended(run)


def watch(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Watch the gateway of a run for the default time."""
    return watch_for(handler, run_id, interaction, DEFAULT_WATCH)


def watch_for(handler: InteractionHandler, run_id: str, interaction: Interaction, span: timedelta) -> Message | None:
    """Watch the gateway of a run, in its thread."""
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    head = handler.client.cards.head_of(run) if interaction.channel == run.order.channel else ""
    return handler.watch(checked_target(run), in_thread_of(handler, run, interaction), span, head)


def in_thread_of(handler: InteractionHandler, run: Run, interaction: Interaction) -> Interaction:
    """The interaction in the thread of the run.

    A press in an ephemeral message outside a thread has none. A direct message is another channel.
    """
    if interaction.thread or interaction.channel != run.order.channel:
        return interaction
    thread = run.order.thread or (handler.client.cards.thread_of(run.order.card) if run.order.card else None)
    return replace(interaction, thread=thread)


def _repeated(run: Run, interaction: Interaction) -> str | None:
    """The id of the run that a new one repeats, if both are in one channel.

    Its thread then shows the end of the new one.
    """
    return run.id if interaction.channel == run.order.channel else None


def stop_watch(handler: InteractionHandler, watch_id: str, interaction: Interaction) -> Message | None:
    """End a watch."""
    found = handler.find(Watch, watch_id, interaction)
    if not isinstance(found, Watch):
        return found
    handler.client.stop(found, interaction.user)
    return None


def incident_owner(handler: InteractionHandler, run: Run) -> str:
    """The owner of the current or last incident of a run's gateway; empty without one."""
    target = checked_target(run)
    return handler.client.cards.owners(target.cluster).get(f"{target.namespace}/{target.gateway}", "")


def take_ownership(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Make the person the owner of the run's incident."""
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    owner, now = incident_owner(handler, run), handler.client.cards.present(run, gateway=True)
    if now is not None and now.serves:
        return thread_answers.nothing_to_own(run, owner)
    if owner == interaction.user:
        return answers.already_owner(run)
    handler.client.own(run, interaction.user)
    return None


def release_ownership(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """End the ownership of the run's incident; the permission to take it is enough."""
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    if not incident_owner(handler, run):
        return answers.no_owner(run)
    handler.client.own(run, interaction.user, release=True)
    return None


def explain(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Show the causal chain to the person alone."""
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    return _of_run(handler, private_answers.explanation(run, mechanisms()), run)


def _of_run(handler: InteractionHandler, answer: Message, run: Run) -> Message:
    """An answer from the run of a menu, with the present state if that is another one."""
    now = handler.client.cards.present(run)
    return present.of_run(answer, now, run) if now is not None else answer


def mechanisms() -> private_answers.Mechanisms:
    """Why one fault causes another, of every check."""
    return {(c.slug, effect): because.sentence for c in catalogue() for effect, because in c.explains.items()}


def show_commands(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Show every command to the person alone."""
    run = permitted_run(handler, run_id, interaction)
    return _of_run(handler, private_answers.command_list(run), run) if isinstance(run, Run) else run


def open_finding(handler: InteractionHandler, value: str, interaction: Interaction) -> Message | None:
    """Show a folded finding to the person alone."""
    pressed = FindingValue.decode(value)
    run = permitted_run(handler, pressed.run, interaction)
    if not isinstance(run, Run):
        return run
    return finding_details(run, [pressed.finding]) or answers.run_expired()


def show_checks(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Show each check that passed or does not apply to the person alone."""
    run = permitted_run(handler, run_id, interaction)
    return (step_details(findings_of(run)) or answers.run_expired()) if isinstance(run, Run) else run


def unfold(handler: InteractionHandler, value: str, interaction: Interaction) -> Message | None:
    """Show the findings that a root cause explains to the person alone."""
    pressed = FindingValue.decode(value)
    run = permitted_run(handler, pressed.run, interaction)
    if not isinstance(run, Run):
        return run
    names = findings_explained_by(run.report, pressed.finding) if run.report is not None else ()
    return finding_details(run, names) or answers.run_expired()


def send_bundle(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Post the evidence as a file in the thread."""
    return _file(handler, run_id, interaction, "bundle", "evidence bundle")


def send_report(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Post the full report as a file in the thread."""
    return _file(handler, run_id, interaction, "report", "full report")


def _file(
    handler: InteractionHandler, run_id: str, interaction: Interaction, kind: Literal["bundle", "report"], name: str
) -> Message | None:
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    state = handler.client.request_file(run, kind)
    if state in ("expired", "unreadable"):
        return answers.file_expired(name, unreadable=state == "unreadable")
    return answers.file_requested(name, there=state == "posted")


def choose_gateway(handler: InteractionHandler, value: str, interaction: Interaction) -> Message | None:
    """Check one of the gateways that an ambiguous name matches."""
    pressed = ChoiceValue.decode(value)
    run = permitted_run(handler, pressed.run, interaction)
    if not isinstance(run, Run):
        return run
    if not 0 <= pressed.choice < len(run.choices):
        return answers.run_expired()
    namespace, _, name = run.choices[pressed.choice].partition("/")
    target = replace(run.order.target, namespace=namespace, gateway=name)
    return handler.diagnose(Diagnose(target), interaction, after=_repeated(run, interaction))


def permitted_run(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Run | Message:
    """The run, or the answer if it has expired or the person has no permission."""
    return handler.find(Run, run_id, interaction)


BUTTON_ACTIONS: dict[str, ButtonAction] = {
    "check_again": check_again,
    RAN: step_ran,
    "stop": stop,
    "watch": watch,
    "unwatch": stop_watch,
    "own": take_ownership,
    RELEASE: release_ownership,
    "open": open_finding,
    "unfold": unfold,
    SHOW_CHECKS: show_checks,
    "choose": choose_gateway,
}
"""The actions by action id.

The part of the id after a slash only makes it unique within its message.
"""

MENU_ACTIONS: dict[MenuOption, ButtonAction] = {
    "why": explain,
    "commands": show_commands,
    "bundle": send_bundle,
    "report": send_report,
}
"""The actions by menu option.

`wrong` opens a form, see `forms`.
"""
