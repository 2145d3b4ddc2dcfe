"""Text as phones and Slack send it, as words: curly quotes, long dashes for `--`, hosts that Slack turned into links, `host=x`
and `host: x` for `--host x`, mentions, durations. Pure."""

import re
from datetime import timedelta

from bot.grammar.commands import Mistake

MAX_CHARACTERS = 1000
DEFAULT_WATCH = timedelta(minutes=30)
LONGEST_WATCH = timedelta(hours=12)


_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»\"‘’‚‛'`", ""))
_DASHES = re.compile(r"(?:(?<=\s)|^)(?:[–—―−]+|--)\s*(?=[A-Za-z])")
_LINK = re.compile(r"<(?:https?://|mailto:)?([^|>]*)(?:\|([^>]*))?>")
_MENTION = re.compile(r"<@[A-Z0-9]+(?:\|[^>]*)?>")
_SPAN = re.compile(r"(\d{1,9})(m|min|mins|minutes|h|hour|hours)?")
_NAMED = re.compile(r"(?:(?<=\s)|^)(--)?(host|from)\s*[=:]\s*(?=\S)", re.IGNORECASE)


def words_of(text: str) -> list[str]:
    """The words of a command, options in their usual form."""
    text = _LINK.sub(lambda found: found[2] or found[1], text)
    text = _DASHES.sub("--", text.translate(_QUOTES))
    text = _NAMED.sub(lambda found: f"--{found[2].lower()} ", text)
    return text.split()


def watch_duration(typed: str) -> timedelta | Mistake:
    """How long a watch is to last, or what is wrong with it."""
    found = _SPAN.fullmatch(typed.lower())
    if found is None or not found[1]:
        return Mistake(f'"{typed}" is no time: for example `30m` or `2h`.')
    minutes = min(int(found[1]), 10**6) * (60 if (found[2] or "m").startswith("h") else 1)
    if not timedelta(minutes=1) <= timedelta(minutes=minutes) <= LONGEST_WATCH:
        return Mistake("A watch lasts from one minute to twelve hours, for example `30m` or `2h`.")
    return timedelta(minutes=minutes)


def is_duration(word: str) -> bool:
    """Whether a word may be meant as a duration."""
    return _SPAN.fullmatch(word.lower()) is not None


def without_mention(text: str) -> str:
    """The words of a message that mentions the bot."""
    return _MENTION.sub(" ", text).strip()
