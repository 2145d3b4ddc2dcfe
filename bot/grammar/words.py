"""The words of a text as phones and Slack send it.

Handles curly quotes, long dashes for `--`, hosts that Slack turned into links, `host=x` and `host: x` for `--host x`,
mentions and durations.
"""

import re
from datetime import timedelta

from bot.grammar.commands import Mistake

MAX_CHARACTERS = 1000
DEFAULT_WATCH = timedelta(minutes=30)
LONGEST_WATCH = timedelta(hours=12)


_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»\"‘’‚‛'`", ""))
_DASHES = re.compile(r"(?:(?<=\s)|^)(?:[–—―−]+|--)\s*(?=[A-Za-z])")
_LINK = re.compile(r"<(?:mailto:)?([^|>]*)(?:\|([^>]*))?>")
_MENTION = re.compile(r"<@[A-Z0-9]+(?:\|[^>]*)?>")
_COMMAND = re.compile(r"^/?egress-diag(?=\s|$)\s*", re.IGNORECASE)
_SPAN = re.compile(r"(\d{1,9})(m|min|mins|minutes|h|hour|hours)?")
_NAMED = re.compile(r"(?:(?<=\s)|^)(--)?(host|from)\s*[=:]\s*(?=\S)", re.IGNORECASE)


def without_links(text: str) -> str:
    """The text with the words of its links; a URL that was typed keeps its scheme."""
    return _LINK.sub(lambda found: found[2] or found[1], text)


def words_of(text: str) -> list[str]:
    """The words of a command, with options as `--name value`."""
    text = without_links(text)
    text = _DASHES.sub("--", text.translate(_QUOTES))
    text = _NAMED.sub(lambda found: f"--{found[2].lower()} ", text)
    return text.split()


def watch_duration(typed: str) -> timedelta | Mistake:
    """The duration of a watch, or the mistake in it."""
    found = _SPAN.fullmatch(typed.lower())
    if found is None or not found[1]:
        return Mistake(f'"{typed}" is not a duration; use for example `30m` or `2h`.')
    minutes = min(int(found[1]), 10**6) * (60 if (found[2] or "m").startswith("h") else 1)
    if not timedelta(minutes=1) <= timedelta(minutes=minutes) <= LONGEST_WATCH:
        return Mistake("The duration of a watch must be between 1 minute and 12 hours, for example `30m` or `2h`.")
    return timedelta(minutes=minutes)


def is_duration(word: str) -> bool:
    """Whether a word looks like a duration."""
    return _SPAN.fullmatch(word.lower()) is not None


def without_command(text: str) -> str:
    """The text without the name of the slash command before it."""
    return _COMMAND.sub("", text.strip(), count=1)


def without_mention(text: str) -> str:
    """The text of a message without mentions."""
    return _MENTION.sub(" ", text).strip()


def without_first_mention(text: str) -> str:
    """The text without the mention of the bot at its beginning, or else without any mention."""
    rest = _MENTION.sub("", text.strip(), count=1) if _MENTION.match(text.strip()) else without_mention(text)
    return rest.strip()
