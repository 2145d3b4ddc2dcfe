"""The listener for mentions and direct messages.

In the thread of a run they are commands and questions about it, elsewhere slash commands. An answer to a question is public
where the question is; mistakes and refusals are private.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from slack_bolt import App

from bot.access.record_permissions import checked_target
from bot.grammar.commands import (
    AskHere,
    CheckAgain,
    ExplainFindings,
    ListCommands,
    Mistake,
    RequestStepHere,
    StopHere,
    ThreadCommand,
    ThreadQuestion,
    WatchHere,
)
from bot.grammar.thread_parser import parse_thread_command
from bot.grammar.words import without_command, without_mention
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.listeners import buttons
from bot.listeners.active_steps import step_of_run
from bot.listeners.alert_threads import start_under_alert, under_alert
from bot.listeners.slash_command import run_command
from bot.messages import answers, thread_answers
from bot.messages.blocks import Message, has_buttons
from checks.model.findings import Report
from workers.records.run import Run
from workers.records.watch import Watch

FRESH = timedelta(minutes=1)
"""The age up to which a result answers whether the gateway is fixed."""


def register_mentions(app: App, handler: InteractionHandler) -> None:
    """Register the listener for mentions."""

    @app.event("app_mention")
    def mentioned(event: dict[str, Any], body: dict[str, Any]) -> None:
        answer_event(event, body)

    @app.event("message")
    def written(event: dict[str, Any], body: dict[str, Any]) -> None:
        if event.get("channel_type") == "im" and not event.get("subtype"):
            answer_event(event, body)

    def answer_event(event: dict[str, Any], body: dict[str, Any]) -> None:
        if event.get("bot_id"):
            return
        thread = str(event.get("thread_ts") or "") or None
        interaction = Interaction(
            user=str(event.get("user", "")),
            channel=str(event.get("channel", "")),
            team=str(body.get("team_id", "")),
            key=f"mention/{event.get('channel', '')}/{event.get('ts', '')}",
            thread=thread,
        )
        text = without_mention(str(event.get("text", "")))
        handler.once(interaction, "mention", text, lambda: answer_mention(handler, text, interaction))


def ask(handler: InteractionHandler, value: str, interaction: Interaction) -> Message | None:
    """Ask the question of a button in its thread."""
    return answer_mention(handler, value, interaction)


def answer_mention(handler: InteractionHandler, text: str, interaction: Interaction) -> Message | None:
    """Carry out a mention; None if the answer is public."""
    word = parse_thread_command(text)
    if isinstance(word, Mistake):
        return answers.mistake(word)
    run_id = _run_here(handler, interaction)
    if run_id is None and (names := under_alert(handler, text, word, interaction)) is not None:
        return start_under_alert(handler, names, interaction)
    if word is None:
        return _command(handler, text, run_id, interaction)
    if run_id is None:
        return answers.no_run_in_thread(direct=interaction.channel.startswith("D"))
    answer = _in_thread(handler, word, run_id, interaction)
    return handler.publish(interaction, answer) if answer is not None and answer.slot in _PUBLIC else answer


_PUBLIC = ("why", "commands", thread_answers.QUESTION)
"""The slots of answers that everyone in the thread sees."""


def _run_here(handler: InteractionHandler, interaction: Interaction) -> str | None:
    """The last run of the thread, or of a direct message; None without one."""
    if not interaction.thread and not interaction.channel.startswith("D"):
        return None
    return handler.client.conversations.run_of_thread(interaction.channel, interaction.thread or "")


def _command(handler: InteractionHandler, text: str, run_id: str | None, interaction: Interaction) -> Message | None:
    """Carry out a mention as a slash command.

    In the thread of a run, a wrong one gets three questions as buttons.
    """
    typed = without_command(text)
    answer = run_command(handler, typed, interaction) if typed else answers.help_text()
    nothing_near = answer is not None and answer.slot == "mistake" and not has_buttons(answer)
    if run_id is None or not interaction.thread or not nothing_near:
        return answer
    run = buttons.permitted_run(handler, run_id, interaction)
    return thread_answers.not_understood(run) if isinstance(run, Run) else answer


def _in_thread(
    handler: InteractionHandler, word: ThreadCommand, run_id: str, interaction: Interaction
) -> Message | None:
    match word:
        case CheckAgain():
            return buttons.check_again(handler, run_id, interaction)
        case ExplainFindings():
            return buttons.explain(handler, run_id, interaction)
        case StopHere():
            return _stop(handler, run_id, interaction)
        case WatchHere(span):
            return buttons.watch_for(handler, run_id, interaction, span)
        case ListCommands():
            return buttons.show_commands(handler, run_id, interaction)
        case RequestStepHere(kind, deployment):
            return step_of_run(handler, run_id, kind, deployment, interaction)
        case AskHere(question):
            return _answered(handler, question, run_id, interaction)


def _answered(
    handler: InteractionHandler, question: ThreadQuestion, run_id: str, interaction: Interaction
) -> Message | None:
    """The answer to a question about the last run of the thread."""
    run = buttons.permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    match question:
        case ThreadQuestion.THANKS:
            return thread_answers.thanked()
        case ThreadQuestion.OWNER:
            return thread_answers.who_has_it(run, _owner(handler, run))
        case ThreadQuestion.REPORT if run.report is not None:
            answer = buttons.send_report(handler, run_id, interaction)
            return None if answer is not None and answer.slot == "filed" else answer
    if run.report is None:
        return thread_answers.without_result(run) if run.state.ended else thread_answers.still_running(run)
    return _about_report(handler, question, run, run.report, interaction)


def _about_report(
    handler: InteractionHandler, question: ThreadQuestion, run: Run, report: Report, interaction: Interaction
) -> Message | None:
    match question:
        case ThreadQuestion.GATEWAY_OR_HOST:
            return thread_answers.gateway_or_host(run, report)
        case ThreadQuestion.NEXT:
            return thread_answers.next_steps(run, report, handler.client.cards.tried(run))
        case ThreadQuestion.CHANGED:
            before = handler.find(Run, run.order.after, interaction) if run.order.after else None
            name = f"{report.namespace}/{report.gateway}"
            state = handler.client.gateways.history(report.cluster, name).state
            return thread_answers.what_changed(run, report, before if isinstance(before, Run) else None, state)
        case _:
            again = run.ended is None or datetime.now(UTC) - run.ended > FRESH
            refused = buttons.check_again(handler, run.id, interaction) if again else None
            return thread_answers.is_fixed(run, report, again=again and refused is None)


def _owner(handler: InteractionHandler, run: Run) -> str:
    """The owner of the incident of a run's gateway, "" without one."""
    target = checked_target(run)
    return handler.client.cards.owners(target.cluster).get(f"{target.namespace}/{target.gateway}", "")


def _stop(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Stop the run and the watches of the thread."""
    run = buttons.permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    head = handler.client.cards.head_of(run)
    watches = handler.visible(Watch, interaction)
    here = [watch for watch in watches if watch.card == head or watch.thread == interaction.thread]
    for watch in here:
        handler.client.stop(watch, interaction.user)
    if handler.client.stop(run, interaction.user) or here:
        return None
    return answers.already_ended(run)
