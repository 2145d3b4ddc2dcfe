"""The parser of `handoff`, `digest`, `mute` and `unmute`."""

import difflib
import re
from collections.abc import Callable, Sequence
from datetime import timedelta

from bot.grammar.commands import Diagnose, Mistake
from bot.grammar.fleet_commands import (
    DigestAdd,
    DigestList,
    DigestNow,
    DigestRemove,
    FleetCommand,
    HandOver,
    MuteFault,
    Unmute,
)
from bot.grammar.words import words_of
from checks.catalogue import catalogue
from checks.config.duration import duration
from checks.engine.selection import chosen_checks
from checks.model.question import BadQuestion

FLEET_VERBS = ("handoff", "digest", "mute", "unmute")

SHIFT = timedelta(hours=8)
SHORTEST_SHIFT = timedelta(minutes=15)
LONGEST_SHIFT = timedelta(days=7)
LONGEST_MUTE = timedelta(days=90)

_PERSON = re.compile(r"<@([A-Z0-9]+)(?:\|[^>]*)?>")
_SPAN = re.compile(r"(?:\d+[smhdw])+", re.IGNORECASE)

ParseGateway = Callable[[list[str]], object]
"""Parses `<cluster> <gateway>`; returns a Diagnose or a Mistake."""


def parse_fleet_command(text: str, gateway: ParseGateway) -> FleetCommand | Mistake:
    """The command in a text that begins with one of `FLEET_VERBS`."""
    verb, _, rest = text.strip().partition(" ")
    match verb.lower():
        case "handoff":
            return _handoff(rest)
        case "digest":
            return _digest(words_of(rest))
        case "mute":
            return _mute(words_of(rest), gateway)
        case _:
            return _unmute(words_of(rest), gateway)


def duration_within(typed: str, shortest: timedelta, longest: timedelta, what: str) -> timedelta | Mistake:
    """A duration within bounds, or the mistake in it; `what` is the subject of the explanation."""
    try:
        found = duration(typed.lower())
    except (ValueError, OverflowError):
        return Mistake(f'"{typed}" is not a duration; use for example `8h` or `2d`.')
    if not shortest <= found <= longest:
        return Mistake(f"{what} must be between {_in_words(shortest)} and {_in_words(longest)}, not `{typed}`.")
    return found


def _in_words(span: timedelta) -> str:
    return f"{span.days} days" if span.days else f"{int(span.total_seconds() // 60)} minutes"


def _handoff(rest: str) -> HandOver | Mistake:
    person = _PERSON.search(rest)
    words = (_PERSON.sub(" ", rest, count=1) if person else rest).split()
    span: timedelta | Mistake = SHIFT
    if words and _SPAN.fullmatch(words[0]):
        span = duration_within(words.pop(0), SHORTEST_SHIFT, LONGEST_SHIFT, "The length of a shift")
    if isinstance(span, Mistake):
        return span
    return HandOver(span, person[1] if person else "", " ".join(words))


def _digest(words: Sequence[str]) -> FleetCommand | Mistake:
    verb = words[0].lower() if words else "list"
    match verb:
        case "list":
            return DigestList()
        case "add":
            return DigestAdd()
        case "remove":
            return DigestRemove(words[1] if len(words) > 1 else "")
        case "now":
            return DigestNow()
        case _:
            return _unknown_digest_verb(words[0])


def _unknown_digest_verb(word: str) -> Mistake:
    near = difflib.get_close_matches(word.lower(), ("list", "add", "remove", "now"), n=1, cutoff=0.5)
    return Mistake(
        f'`digest` accepts list, add, remove or now, not "{word}".', tuple(f"digest {each}" for each in near)
    )


def _mute(words: list[str], gateway: ParseGateway) -> FleetCommand | Mistake:
    example = "`/egress-diag mute <cluster> <gateway> <check> 7d <reason>`"
    if len(words) < 5:
        return Mistake(f"A mute needs a check, a duration and a reason: {example}")
    parsed = gateway(words[:2])
    if not isinstance(parsed, Diagnose):
        return _whole(parsed, "mute", words[2:]) if isinstance(parsed, Mistake) else Mistake(example)
    check = _check(words[2])
    span = duration_within(words[3], timedelta(minutes=1), LONGEST_MUTE, "The duration of a mute")
    for wrong in (check, span):
        if isinstance(wrong, Mistake):
            return wrong
    assert isinstance(check, str) and isinstance(span, timedelta)  # noqa: S101, PT018 - the loop has excluded mistakes
    return MuteFault(parsed.target, check, span, " ".join(words[4:]))


def _unmute(words: list[str], gateway: ParseGateway) -> FleetCommand | Mistake:
    if len(words) != 3:
        return Mistake("Which check? `/egress-diag unmute <cluster> <gateway> <check>`")
    parsed = gateway(words[:2])
    if not isinstance(parsed, Diagnose):
        return _whole(parsed, "unmute", words[2:]) if isinstance(parsed, Mistake) else Mistake("Which gateway?")
    check = _check(words[2])
    return check if isinstance(check, Mistake) else Unmute(parsed.target, check)


def _whole(wrong: Mistake, verb: str, rest: Sequence[str]) -> Mistake:
    """A mistake in a name, whose suggestions are the whole command."""
    message = wrong.message.replace("`/egress-diag <cluster>", f"`/egress-diag {verb} <cluster>")
    return Mistake(message, tuple(" ".join([verb, each, *rest]) for each in wrong.suggestions))


def _check(typed: str) -> str | Mistake:
    try:
        return chosen_checks(typed, catalogue())[0].slug
    except BadQuestion as wrong:
        return Mistake(f"{wrong}.")
