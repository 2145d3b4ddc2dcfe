"""What the buttons do. They carry an opaque id, and whoever presses is asked for permission at the press."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from bot.grammar.commands import Diagnose
from bot.grammar.words import DEFAULT_WATCH
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.messages import answers, private_answers
from bot.messages.blocks import Message
from bot.messages.findings import finding_details, findings_explained_by
from checks.catalogue import catalogue
from workers.client import Unavailable
from workers.runs.records import Run, Target

ButtonAction = Callable[[InteractionHandler, str, Interaction], Message | None]


def check_again(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """The same question once more, in the same thread."""
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    # A run of a watch is in its thread; of a run of its own the thread is where the button is.
    return handler.diagnose(
        Diagnose(run.order.target), replace(interaction, thread=interaction.thread or run.order.thread), after=run.id
    )


def stop(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Stops a run; whoever may start it may stop it."""
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    return None if handler.client.cancel(run, interaction.user) else answers.already_ended(run)


def watch(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Watches a run's gateway, in its thread."""
    return watch_for(handler, run_id, interaction, DEFAULT_WATCH)


def watch_for(handler: InteractionHandler, run_id: str, interaction: Interaction, span: timedelta) -> Message | None:
    """Watches a run's gateway for a while, in its thread."""
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    return handler.watch(target_of(run), replace(interaction, thread=interaction.thread or run.order.thread), span)


def stop_watch(handler: InteractionHandler, watch_id: str, interaction: Interaction) -> Message | None:
    """Ends a watch."""
    found = handler.client.find_watch(watch_id)
    if found is None:
        return answers.run_expired()
    decision = handler.access(interaction, found.target.cluster, found.target.gateway)
    if not decision.allowed:
        return answers.access_denied(decision.reason)
    handler.client.stop_watch(found, interaction.user)
    return None


def take_ownership(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """ "I'm on it": shown in the parent."""
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    handler.client.own(run, interaction.user)
    return None


def explain(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """The causal chain, for the person alone."""
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    mechanisms = {(c.slug, effect): because.sentence for c in catalogue() for effect, because in c.explains.items()}
    return private_answers.explanation(run, mechanisms)


def show_commands(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Every command, for the person alone."""
    run = permitted_run(handler, run_id, interaction)
    return private_answers.command_list(run) if isinstance(run, Run) else run


def open_finding(handler: InteractionHandler, value: str, interaction: Interaction) -> Message | None:
    """One folded finding in full, for the person alone."""
    run_id, _, name = value.partition("/")
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    return finding_details(run, [name]) or answers.run_expired()


def unfold(handler: InteractionHandler, value: str, interaction: Interaction) -> Message | None:
    """All findings that a root cause explains, for the person alone."""
    run_id, _, cause = value.partition("/")
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    names = findings_explained_by(run.report, cause) if run.report is not None else ()
    return finding_details(run, names) or answers.run_expired()


def send_bundle(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """The evidence, as a file in the thread."""
    return _file(handler, run_id, interaction, "bundle", "evidence bundle")


def send_report(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """The full report, as a file in the thread."""
    return _file(handler, run_id, interaction, "report", "full report")


def _file(handler: InteractionHandler, run_id: str, interaction: Interaction, kind: str, name: str) -> Message | None:
    run = permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    kept = run.report is not None if kind == "report" else handler.client.has_evidence(run.id)
    if not kept:
        return answers.file_expired(name)
    document = f"file/{run.id}:{kind}"
    there = "file" in handler.client.delivered(document)
    if not there:
        handler.client.request_delivery(document)
    return answers.file_requested(name, there=there)


def choose_gateway(handler: InteractionHandler, value: str, interaction: Interaction) -> Message | None:
    """One of the gateways that an ambiguous name fitted."""
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
    """The run, or why it cannot be asked about: it is too old, or this person may not."""
    try:
        run = handler.client.run(run_id) if run_id.isalnum() and run_id.isascii() else None
    except Unavailable:
        return answers.unavailable()
    if run is None:
        return answers.run_expired()
    decision = handler.access(interaction, run.order.target.cluster, run.order.target.gateway)
    return run if decision.allowed else answers.access_denied(decision.reason)


def target_of(run: Run) -> Target:
    """What a run was about, with the names as the cluster has them."""
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
"""By the button's action id, of which what follows a slash is only to make it unique in its message."""

MENU_ACTIONS: dict[str, ButtonAction] = {
    "why": explain,
    "commands": show_commands,
    "bundle": send_bundle,
    "report": send_report,
}
"""By what stands before the slash in a menu option's value; `wrong` opens a form and is in `forms`."""
