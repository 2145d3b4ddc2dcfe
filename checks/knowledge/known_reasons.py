"""Which known reason does a message name? Each reason has its meaning and its fix."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class KnownReason:
    """`meaning` completes a sentence such as "… is not ready: …"; `fix` begins with a verb."""

    meaning: str
    fix: str


@dataclass(frozen=True, slots=True)
class MessagePattern:
    """A text; the groups of the pattern are filled into meaning and fix."""

    pattern: re.Pattern[str]
    meaning: str
    fix: str


def message_pattern(pattern: str, meaning: str, fix: str) -> MessagePattern:
    """A row of a table, whose text may be written in any case and extend over lines."""
    return MessagePattern(re.compile(pattern, re.IGNORECASE | re.DOTALL), meaning, fix)


def reason_in(
    message: str, rows: Sequence[MessagePattern], written: Mapping[str, str] = MappingProxyType({})
) -> KnownReason | None:
    """The reason of the first row that matches, None if none does.

    `written` has the words that texts write in another form than the message, by their lower case.
    """
    for row in rows:
        if (found := row.pattern.search(message)) is not None:
            words = {key: written.get(value.lower(), value) for key, value in found.groupdict().items() if value}
            return KnownReason(row.meaning.format(**words), row.fix.format(**words))
    return None
