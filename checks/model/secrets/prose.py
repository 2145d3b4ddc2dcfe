"""Secrets in sentences: generated words near a word such as `password` or `token`."""

import re
from collections.abc import Iterator

from checks.model.secrets.values import PLACEHOLDERS, seems_random

PROSE_HINTS = ("pass", "pwd", "pw", "secret", "token", "key", "credential", "login")
_WORDS = re.compile(
    r"(?i)(?<![\w/.-])(?P<word>pass(?:word|wd|phrase|code)|pwd|pw|secret|token|(?:api|access|account|private)[ _-]?key|"
    r"credentials?|login|key)s?(?![\w/-])"
)
_NEXT = re.compile(r"\s+(?P<quote>[\"'`“\u2018]?)(?P<value>[^\s\"'`“”\u2018\u2019]{1,300}+)[\"'`”\u2019]?")
_STRONG = ("pass", "pwd", "pw", "api", "access", "account")
_USER = re.compile(r"[\w.@-]+/[^\s/#()\[\]]+")
_MIXED = re.compile(r"(?=[a-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{8,}")
_QUANTITY = re.compile(r"\d+[a-z]{1,6}")
_WORDS_NEAR = 8


def prose_spans(text: str) -> Iterator[tuple[int, int]]:
    """The generated words of this text near a word that announces them."""
    at = 0
    while found := _WORDS.search(text, at):
        at = found.end()
        word = found["word"].lower()
        for distance in range(_WORDS_NEAR):
            near = _NEXT.match(text, at)
            if near is None or "\n" in near[0] or (_WORDS.match(near["value"]) and distance):
                break
            if span := _secret(near, word, distance):
                yield span
                break
            if word == "key":
                break
            at = near.end()


def _secret(near: re.Match[str], word: str, distance: int) -> tuple[int, int] | None:
    value = near["value"].rstrip(",;:)")
    if value.startswith(PLACEHOLDERS) or value[:1] in "$<{":
        return None
    start = near.start("value") + len(value) - len(value.lstrip("("))
    if seems_random(value) and (word != "key" or len(value) >= 20):
        return start, near.start("value") + len(value)
    tail = value.rpartition("/")[2]
    if word.startswith(("cred", "login")) and _USER.fullmatch(value) and seems_random(tail):
        return near.start("value") + len(value) - len(tail), near.start("value") + len(value)
    adjacent = distance == 0 and word.startswith(_STRONG)
    if adjacent and (near["quote"] or (_MIXED.fullmatch(value) and not _QUANTITY.fullmatch(value))):
        return start, near.start("value") + len(value)
    return None
