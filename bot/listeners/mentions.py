"""The listener for mentions: thread commands in the thread of a run, else slash commands."""

from typing import Any

from slack_bolt import App

from bot.grammar.commands import (
    CheckAgain,
    ExplainFindings,
    ListCommands,
    Mistake,
    RequestStepHere,
    StopHere,
    ThreadCommand,
    WatchHere,
)
from bot.grammar.thread_parser import parse_thread_command
from bot.grammar.words import without_mention
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.listeners import buttons
from bot.listeners.active_steps import step_of_run
from bot.listeners.slash_command import run_command
from bot.messages import answers
from bot.messages.blocks import Message
from workers.records.run import Run
from workers.records.watch import Watch


def register_mentions(app: App, handler: InteractionHandler) -> None:
    """Register the listener for mentions."""

    @app.event("app_mention")
    def mentioned(event: dict[str, Any], body: dict[str, Any]) -> None:
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


def answer_mention(handler: InteractionHandler, text: str, interaction: Interaction) -> Message | None:
    """Carry out a mention."""
    word = parse_thread_command(text)
    if isinstance(word, Mistake):
        return answers.mistake(word)
    if word is None:
        return run_command(handler, text, interaction) if text else answers.help_text()
    run_id = (
        handler.client.conversations.run_of_thread(interaction.channel, interaction.thread)
        if interaction.thread
        else None
    )
    return _in_thread(handler, word, run_id, interaction) if run_id is not None else answers.no_run_in_thread()


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
