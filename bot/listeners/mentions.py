"""The listener for mentions and direct messages.

In the thread of a run they are commands and questions about it, elsewhere slash commands. An answer to a question is public
where the question is; mistakes and refusals are private.
"""

from typing import Any

from slack_bolt import App

from bot.access.record_permissions import checked_target
from bot.grammar.commands import (
    AskHere,
    CheckAgain,
    ExplainFindings,
    ExplainTerm,
    ListCommands,
    Mistake,
    OfferOwnership,
    OwnHere,
    RequestStepHere,
    StopHere,
    ThreadCommand,
    ThreadQuestion,
    TraceHost,
    WatchHere,
)
from bot.grammar.thread_parser import meant_command, parse_thread_command
from bot.grammar.topic import is_sentence
from bot.grammar.words import without_command, without_first_mention, without_mention
from bot.interactions.handler import InteractionHandler
from bot.interactions.interaction import Interaction
from bot.listeners import buttons
from bot.listeners.active_steps import step_of_run
from bot.listeners.alert_threads import start_under_alert, under_alert
from bot.listeners.host_questions import check_host, is_of_the_check, offer_gateways
from bot.listeners.slash_command import explain_term, run_command
from bot.listeners.thread_questions import answer_commands, answer_question, answer_why
from bot.messages import answers, thread_answers
from bot.messages.blocks import Message, has_buttons
from bot.messages.term_answers import no_person_named, not_understood_here, ownership_offered
from workers.records.run import Run
from workers.records.watch import Watch


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
        text = str(event.get("text", ""))
        about = without_mention(text)
        handler.once(interaction, "mention", about, lambda: answer_mention(handler, text, interaction))


def ask(handler: InteractionHandler, value: str, interaction: Interaction) -> Message | None:
    """Ask the question of a button in its thread."""
    return answer_mention(handler, value, interaction)


def answer_mention(handler: InteractionHandler, text: str, interaction: Interaction) -> Message | None:
    """Carry out a mention with its mentions of users; None if the answer is public."""
    run_id = _run_here(handler, interaction)
    word = parse_thread_command(text, _names(handler, run_id, interaction))
    text = without_first_mention(text)
    if isinstance(word, Mistake):
        return answers.mistake(word)
    if word == AskHere(ThreadQuestion.HELP):
        return answers.help_text()
    if isinstance(word, ExplainTerm):
        explained = explain_term(word)
        return handler.publish(interaction, explained) if interaction.thread else explained
    if run_id is None and (names := under_alert(handler, text, word, interaction)) is not None:
        return start_under_alert(handler, names, interaction)
    if word is None:
        return _command(handler, text, run_id, interaction)
    if run_id is None and isinstance(word, TraceHost):
        return offer_gateways(handler, word, interaction)
    if run_id is None:
        return answers.no_run_in_thread(direct=interaction.channel.startswith("D"))
    answer = _in_thread(handler, word, run_id, interaction)
    return handler.publish(interaction, answer) if answer is not None and answer.slot in _PUBLIC else answer


_PUBLIC = ("why", "commands", "past", thread_answers.QUESTION)
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
    if run_id is not None and (meant := meant_command(typed)):
        run = buttons.permitted_run(handler, run_id, interaction)
        return _not_understood(handler, run, meant) if isinstance(run, Run) else run
    answer = run_command(handler, typed, interaction) if typed else answers.help_text()
    nothing_near = answer is not None and answer.slot == "mistake" and not has_buttons(answer)
    if not nothing_near:
        return answer
    if run_id is None:
        return not_understood_here(handler.last_target(interaction)) if is_sentence(typed) else answer
    run = buttons.permitted_run(handler, run_id, interaction)
    return _not_understood(handler, run) if isinstance(run, Run) else answer


def _not_understood(handler: InteractionHandler, run: Run, meant: str = "") -> Message:
    now = handler.client.cards.present(run)
    return thread_answers.not_understood(run, now.verdict if now is not None else None, meant)


def _names(handler: InteractionHandler, run_id: str | None, interaction: Interaction) -> list[str]:
    """The names of the last check of a thread, which are words of questions about it."""
    run = buttons.permitted_run(handler, run_id, interaction) if run_id is not None else None
    if not isinstance(run, Run):
        return []
    target = run.order.target
    return [each for each in (target.cluster, target.namespace, target.gateway, target.host, target.client) if each]


def _in_thread(
    handler: InteractionHandler, word: ThreadCommand, run_id: str, interaction: Interaction
) -> Message | None:
    match word:
        case CheckAgain():
            return buttons.check_again(handler, run_id, interaction)
        case ExplainFindings(code):
            return answer_why(handler, code, run_id, interaction)
        case StopHere():
            return _stop(handler, run_id, interaction)
        case WatchHere(span):
            return buttons.watch_for(handler, run_id, interaction, span)
        case ListCommands():
            return answer_commands(handler, run_id, interaction)
        case RequestStepHere(kind, deployment):
            return step_of_run(handler, run_id, kind, deployment, interaction)
        case AskHere(question):
            return answer_question(handler, question, run_id, interaction)
        case _:
            return _with_run(handler, word, run_id, interaction)


def _with_run(
    handler: InteractionHandler,
    word: ExplainTerm | OwnHere | TraceHost | OfferOwnership,
    run_id: str,
    interaction: Interaction,
) -> Message | None:
    if isinstance(word, ExplainTerm):
        return explain_term(word)
    if isinstance(word, OwnHere):
        return _own(handler, run_id, interaction, release=word.release)
    run = buttons.permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    if isinstance(word, OfferOwnership):
        return _offer(handler, run, word.user, interaction)
    if is_of_the_check(run, word):
        return _in_thread(handler, word.otherwise, run_id, interaction)
    return check_host(handler, run, word, interaction)


def _offer(handler: InteractionHandler, run: Run, receiver: str, interaction: Interaction) -> Message:
    """Offer the incident of the thread to a user: ownership is always taken, never assigned."""
    if not receiver:
        return no_person_named()
    now = handler.client.cards.present(run, gateway=True)
    if now is not None and now.serves:
        return thread_answers.nothing_to_own(run, buttons.incident_owner(handler, run))
    return ownership_offered(run, interaction.user, receiver)


def _own(handler: InteractionHandler, run_id: str, interaction: Interaction, *, release: bool) -> Message | None:
    """Take or release the ownership; without a card, which shows it, the answer does.

    The incident of a healthy gateway is over: only its owner can be released.
    """
    run = buttons.permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    has_card = handler.client.cards.thread_of_incident(run.order.channel, checked_target(run)) is not None
    change = buttons.release_ownership if release else buttons.take_ownership
    refused = change(handler, run_id, interaction)
    if refused is not None or has_card:
        return refused
    return answer_question(handler, ThreadQuestion.OWNER, run_id, interaction)


def _stop(handler: InteractionHandler, run_id: str, interaction: Interaction) -> Message | None:
    """Stop the runs and the watches of the thread."""
    run = buttons.permitted_run(handler, run_id, interaction)
    if not isinstance(run, Run):
        return run
    head = handler.client.cards.head_of(run)
    watches = handler.visible(Watch, interaction)
    here = [watch for watch in watches if watch.card == head or watch.thread == interaction.thread]
    found = [each for each in handler.visible(Run, interaction) if not each.order.watch]
    runs = [each for each in found if handler.client.cards.head_of(each) == head]
    stopped = [handler.client.stop(each, interaction.user) for each in here]
    stopped += [handler.client.stop(each, interaction.user) for each in runs]
    return None if any(stopped) else answers.nothing_to_stop(run)
