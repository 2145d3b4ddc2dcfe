"""The secrets of a text, found by all signs together, and the text without them."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from unicodedata import normalize

from checks.model.secrets.collected import JWK_HINTS, jwk_spans
from checks.model.secrets.named_values import NAMED_VALUE_CONDITIONS, named_value_spans
from checks.model.secrets.names import HINTS
from checks.model.secrets.pairs import announces_secret, pair_spans
from checks.model.secrets.programs import program_finders
from checks.model.secrets.prose import ONE_TIME_HINTS, PROSE_HINTS, one_time_spans, prose_spans
from checks.model.secrets.secret_objects import secret_object_spans
from checks.model.secrets.shapes import shape_conditions
from checks.model.secrets.words import Finder, WordCondition, WordIndex

PLACEHOLDER = "[redacted]"
_INVISIBLE = re.compile("(?<=[A-Za-z])[\u00ad\u200b-\u200d\u2060\ufeff]+(?=[A-Za-z])")
"""Characters without width between letters: with them a name would not be recognized."""
_COLOUR = re.compile(r"(?:\x1b|\\+u001[bB]|\\+x1[bB]|\\+033|\\+e)\[[0-9;]{0,20}m")
"""The sequence that sets a terminal's colour, also as JSON and shells write it."""
FINDERS = (
    *(Finder(find, (condition,), in_one_word=True) for find, condition in shape_conditions()),
    Finder(secret_object_spans, (WordCondition(("secret",)),)),
    Finder(pair_spans, (WordCondition(HINTS, announces_secret),)),
    Finder(named_value_spans, (WordCondition(HINTS), *NAMED_VALUE_CONDITIONS)),
    *program_finders(),
    Finder(prose_spans, (WordCondition(PROSE_HINTS),)),
    Finder(one_time_spans, (WordCondition(ONE_TIME_HINTS),)),
    Finder(jwk_spans, (WordCondition(JWK_HINTS),)),
)
"""The functions that find secrets, with their words."""
_INDEX = WordIndex(FINDERS)
_ONE_WORD = re.compile(r"[A-Za-z0-9_./@~+-]*")
"""A text without a separator between a name and a value: most texts of a cluster."""


@lru_cache(maxsize=50_000)
def remembered_redacted_text(text: str) -> str:
    """The same for a short text: the texts of a cluster are seen again in its next run."""
    return redacted_text(text)


def redacted_text(text: str) -> str:
    """The text with the placeholder for each secret.

    Colours of a terminal and invisible characters are removed.
    """
    if "m" in text and (("\x1b" in text) or "\\" in text):
        text = _COLOUR.sub("", text)
    is_ascii = text.isascii()
    if not is_ascii:
        text = _INVISIBLE.sub("", text)
    for _ in range(8):
        before = text
        plain = text if is_ascii else _folded(text)
        spans = list(secret_spans(plain))
        if not spans:
            break
        text = replaced(text, sorted(spans))
        if text == before:
            break
    return text


def secret_spans(text: str) -> Iterator[tuple[int, int]]:
    """The positions of the secrets in this text, in no order, with overlaps."""
    finders = _INDEX.finders(text)
    is_word = bool(finders) and is_one_word(text)
    for each in finders:
        if each.in_one_word or not is_word:
            yield from each.find(text)


def is_one_word(text: str) -> bool:
    """Whether a text has no separator between a name and a value."""
    return _ONE_WORD.fullmatch(text) is not None


def _folded(text: str) -> str:
    """The text with ordinary characters for their variants.

    Variants are wide letters and spaces that do not break lines.
    Secrets are recognized in it. Each character stays at its position (Unicode Standard Annex 15, NFKC).
    """
    variants = ((each, normalize("NFKC", each)) for each in set(text) if not each.isascii())
    return text.translate({ord(each): plain for each, plain in variants if len(plain) == 1})


def replaced(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with the placeholder for each of these sorted spans."""
    parts: list[str] = []
    at = 0
    for start, end in spans:
        if end <= at or start == end:
            continue
        if start >= at:
            parts += (text[at:start], PLACEHOLDER)
        at = end
    return "".join((*parts, text[at:])) if parts else text
