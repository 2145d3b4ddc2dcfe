"""The parser of thread commands.

Slack has no slash commands in threads, so they are mentions: `@egress-diag again`.
"""

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
from bot.grammar.step_parser import PROBES
from bot.grammar.words import DEFAULT_WATCH, MAX_CHARACTERS, watch_duration, without_mention, words_of
from checks.actions.plan import ActionKind


def parse_thread_command(text: str) -> ThreadCommand | Mistake | None:
    """The thread command in a mention, or None: then the mention may be a slash command."""
    words = [word.lower().strip(".,!?") for word in words_of(without_mention(text[:MAX_CHARACTERS]))]
    match words:
        case ["again"] | ["recheck"] | ["re-check"] | ["check", "again"] | ["retry"]:
            return CheckAgain()
        case ["why"]:
            return ExplainFindings()
        case ["stop"] | ["cancel"]:
            return StopHere()
        case ["commands"] | ["command"]:
            return ListCommands()
        case ["watch"]:
            return WatchHere(DEFAULT_WATCH)
        case ["watch", span]:
            found = watch_duration(span)
            return found if isinstance(found, Mistake) else WatchHere(found)
        case _:
            return _step(words)


def _step(words: list[str]) -> RequestStepHere | None:
    """The active step in the words, or None."""
    match words:
        case ["probe"]:
            return RequestStepHere(ActionKind.PROBE_POD)
        case ["probe", where] if where in PROBES:
            return RequestStepHere(PROBES[where])
        case ["restart"]:
            return RequestStepHere(ActionKind.RESTART)
        case ["restart", deployment]:
            return RequestStepHere(ActionKind.RESTART, deployment)
        case _:
            return None
