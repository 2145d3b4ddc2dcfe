"""`@egress-diag …`: the words of a thread, where slash commands cannot be used, and commands everywhere else."""

from typing import Any

from slack_bolt import App

from bot.desk.desk import Desk, Press
from bot.grammar.asked import Again, Commands, Mistake, Stop, ThreadWord, WatchThis, Why
from bot.grammar.thread_words import parse_in_thread
from bot.grammar.typed import without_mention
from bot.listeners import presses
from bot.listeners.commands import respond
from bot.messages import answers
from bot.messages.blocks import Message
from workers.runs.records import Run


def register(app: App, desk: Desk) -> None:
    """Listens to mentions."""

    @app.event("app_mention")
    def mentioned(event: dict[str, Any], body: dict[str, Any]) -> None:
        if event.get("bot_id"):
            return
        thread = str(event.get("thread_ts") or "") or None
        press = Press(
            user=str(event.get("user", "")),
            channel=str(event.get("channel", "")),
            team=str(body.get("team_id", "")),
            key=f"mention/{event.get('channel', '')}/{event.get('ts', '')}",
            thread=thread,
        )
        text = without_mention(str(event.get("text", "")))
        desk.once(press, "mention", text, lambda: answer(desk, text, press))


def answer(desk: Desk, text: str, press: Press) -> Message | None:
    """Does what a mention asks."""
    word = parse_in_thread(text)
    if isinstance(word, Mistake):
        return answers.mistake(word)
    if word is None:
        return respond(desk, text, press) if text else answers.help_text()
    run_id = desk.client.run_of_thread(press.channel, press.thread) if press.thread else None
    return _in_thread(desk, word, run_id, press) if run_id is not None else answers.no_run_here()


def _in_thread(desk: Desk, word: ThreadWord, run_id: str, press: Press) -> Message | None:
    match word:
        case Again():
            return presses.check_again(desk, run_id, press)
        case Why():
            return presses.why(desk, run_id, press)
        case Stop():
            return _stop(desk, run_id, press)
        case WatchThis(span):
            return presses.watch_for(desk, run_id, press, span)
        case Commands():
            return presses.commands(desk, run_id, press)


def _stop(desk: Desk, run_id: str, press: Press) -> Message | None:
    """Stops the run of the thread, or the watch in it."""
    run = presses.permitted(desk, run_id, press)
    if not isinstance(run, Run):
        return run
    here = [w for w in desk.client.active_watches() if (w.channel, w.thread) == (press.channel, press.thread)]
    for watch in here:
        desk.client.stop_watch(watch, press.user)
    if desk.client.cancel(run, press.user) or here:
        return None
    return answers.ended_already(run)
