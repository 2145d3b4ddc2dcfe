"""The words of a thread, where slash commands cannot be used: `@egress-diag again`, `why`, `stop`, `watch 30m`, `commands`."""

from bot.grammar.asked import Again, Commands, Mistake, Stop, ThreadWord, WatchThis, Why
from bot.grammar.typed import MOST_CHARACTERS, WATCH, span_of, without_mention, words_of


def parse_in_thread(text: str) -> ThreadWord | Mistake | None:
    """What a mention in a run's thread asks for. None where it is none of the thread's words: then it may be a command."""
    words = [word.lower().strip(".,!?") for word in words_of(without_mention(text[:MOST_CHARACTERS]))]
    match words:
        case ["again"] | ["recheck"] | ["re-check"] | ["check", "again"] | ["retry"]:
            return Again()
        case ["why"]:
            return Why()
        case ["stop"] | ["cancel"]:
            return Stop()
        case ["commands"] | ["command"]:
            return Commands()
        case ["watch"]:
            return WatchThis(WATCH)
        case ["watch", span]:
            found = span_of(span)
            return found if isinstance(found, Mistake) else WatchThis(found)
        case _:
            return None
