"""The actions of buttons and menu options.

Their value is an id; permission is checked at each press.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from bot.grammar.commands import Diagnose
from bot.grammar.words import DEFAULT_WATCH
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.messages import answers, private_answers
from bot.messages.blocks import Message
from bot.messages.findings import finding_details, findings_explained_by
from checks.catalogue import catalogue
from workers.client import Unavailable, redis_problem
from workers.records.run import Run, Target
from workers.records.watch import Watch

ButtonAction = Callable[[InteractionHandler, str, Interaction], Message | None]


def check_again(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Check the run's target again, in the same thread."""
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    # A press in an ephemeral message outside a thread has none; the re-check goes to the thread of the run.
    return handler.diagnose(
        Diagnose(run.order.target), replace(interaction, thread=interaction.thread or run.order.thread), after=run.id
    )


def stop(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Stop a run; the permission to start it is enough."""
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    return None if handler.client.stop(run, interaction.user) else answers.already_ended(run)


def watch(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Watch the gateway of a run for the default time."""
    return watch_for(handler, run_id, interaction, DEFAULT_WATCH)


def watch_for(handler: InteractionHandler, run_id: str, interaction: Interaction, span: timedelta) -> Message | None:
    """Watch the gateway of a run, in its thread."""
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    return handler.watch(target_of(run), replace(interaction, thread=interaction.thread or run.order.thread), span)


def stop_watch(handler: InteractionHandler, watch_id: str, interaction: Interaction) -> Message | None:
    """End a watch."""
    found = handler.client.get(Watch, watch_id)
    if found is None:
        return answers.run_expired()
    decision = handler.access(interaction, found.target.cluster, found.target.gateway)
    if not decision.allowed:
        return answers.access_denied(decision.reason)
    handler.client.stop(found, interaction.user)
    return None


def take_ownership(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Make the person the owner of the run's incident."""
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    handler.client.own(run, interaction.user)
    return None


def explain(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Show the causal chain to the person alone."""
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    mechanisms = {(c.slug, effect): because.sentence for c in catalogue() for effect, because in c.explains.items()}
    return private_answers.explanation(run, mechanisms)


def show_commands(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Show every command to the person alone."""
    run = permitted_run(handler, run_id, interaction)
    return private_answers.command_list(run) if isinstance(run, Run) else run


def open_finding(handler: InteractionHandler, value: str, interaction: Interaction) -> Message | None:
    """Show a folded finding to the person alone."""
    run_id, _, name = value.partition("/")
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    return finding_details(run, [name]) or answers.run_expired()


def unfold(handler: InteractionHandler, value: str, interaction: Interaction) -> Message | None:
    """Show the findings that a root cause explains to the person alone."""
    run_id, _, cause = value.partition("/")
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    names = findings_explained_by(run.report, cause) if run.report is not None else ()
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
    return answers.file_expired(name) if state == "expired" else answers.file_requested(name, there=state == "posted")


def choose_gateway(handler: InteractionHandler, value: str, interaction: Interaction) -> Message | None:
    """Check one of the gateways that an ambiguous name matches."""
    run_id, _, number = value.partition("/")
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    if not number.isdecimal() or int(number) >= len(run.choices):
        return answers.run_expired()
    namespace, _, name = run.choices[int(number)].partition("/")
    target = replace(run.order.target, namespace=namespace, gateway=name)
    return handler.diagnose(Diagnose(target), interaction, after=run.id)


def permitted_run(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Run | Message:
    """The run, or the answer if it has expired or the person has no permission."""
    try:
        run = handler.client.get(Run, run_id) if run_id.isalnum() and run_id.isascii() else None
    except Unavailable as error:
        return answers.unavailable(redis_problem(error))
    if run is None:
        return answers.run_expired()
    decision = handler.access(interaction, run.order.target.cluster, run.order.target.gateway)
    return run if decision.allowed else answers.access_denied(decision.reason)


def target_of(run: Run) -> Target:
    """The target of a run, with the names from the cluster."""
    if run.report is None:
        return run.order.target
    return replace(run.order.target, namespace=run.report.namespace, gateway=run.report.gateway)


BUTTON_ACTIONS: dict[str, ButtonAction] = {
    "check_again": check_again,
    "stop": stop,
    "watch": watch,
    "unwatch": stop_watch,
    "own": take_ownership,
    "open": open_finding,
    "unfold": unfold,
    "choose": choose_gateway,
}
"""The actions by action id.

The part of the id after a slash only makes it unique within its message.
"""

MENU_ACTIONS: dict[str, ButtonAction] = {
    "why": explain,
    "commands": show_commands,
    "bundle": send_bundle,
    "report": send_report,
}
"""The actions by the part of a menu option's value before the slash.

`wrong` opens a form, see `forms`.
"""
