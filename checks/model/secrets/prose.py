"""Secrets in sentences: generated words near a word such as `password` or `token`."""

import re
from collections.abc import Iterator

from checks.model.secrets.values import PLACEHOLDERS, seems_random

PROSE_HINTS = ("pass", "pwd", "pw", "secret", "token", "key", "credential", "login")
ONE_TIME_HINTS = ("code", "answer", "pin", "otp", "mnemonic", "phrase", "word", "secret")
_WORDS = re.compile(
    r"(?i)(?<![\w/.-])(?P<word>pass(?:word|wd|phrase|code)|pwd|pw|secret|token|(?:api|access|account|private)[ _-]?key|"
    r"credentials?|login|key)s?(?![\w/-])"
)
_NEXT = re.compile(r"\s+(?P<quote>[\"'`“\u2018]?)(?P<value>[^\s\"'`“”\u2018\u2019]{1,300}+)[\"'`”\u2019]?")
_STATED = re.compile(
    r"(?i)(?<![\w.-])(?:pass(?:word|wd|phrase|code)|pwd|secret|token|pin|credentials?)s?"
    r"(?:\s+(?:for|of)\s+(?:the\s+)?(?:user\s+)?[\w.@-]{1,60})?\s+(?:is|are|was|were|now|=|set\s+to|changed\s+to|to)(?:\s+(?:now|set\s+to|changed\s+to))?:?\s+"
    r"(?:[\w.@-]{1,60}\s*/\s*)?(?P<quote>[\"'`“\u2018]?)(?P<secret>(?<=[\"'“\u2018])[^\"'”\u2019\n]{3,200}|(?=[\w!$%&*+#@.-]*\d)(?=[\w!$%&*+#@.-]*[A-Za-z])[\w!$%&*+#@.-]{6,200}(?<![.]))"
)
"""A sentence that states a secret: `the password of anna is …`."""
_VERB = re.compile(r" (?:is|are|was|were|now|=|to)[ :]")
_ONE_TIME = re.compile(
    r"(?i)(?<![\w-])(?:(?:one[- ]time|verification|recovery|backup|security|authentication|2fa|mfa|login)"
    r"\s+(?:pass)?(?:codes?|pin|answers?|phrase|words?)"
    r"|pin(?=\s*[:=]\s*\d{3,12}\b)|otp(?:\s+code)?|mnemonic|seed\s+phrase)\s*[:=]\s*(?P<secret>(?!\[redacted\])\S[^\n\"'<>]{2,200})"
)
"""A code, an answer or a phrase that proves an identity once, or after a password was lost."""
_DIRECT = re.compile(
    r"(?i)(?<=\s)(?:key|token)\s+secret\s+(?P<secret>(?=[\w+/-]*\d)(?=[\w+/-]*[A-Za-z])[\w+/-]{8,200})"
)
_STRONG = ("pass", "pwd", "pw", "api", "access", "account")
_USER = re.compile(r"[\w.@-]+/[^\s/#()\[\]]+")
_MIXED = re.compile(r"(?=[a-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{8,}")
_QUANTITY = re.compile(r"\d+[a-z]{1,6}")
_OBJECT = re.compile(r"[a-z0-9]+(?:[-./][a-z0-9]+)+")
"""The name of a Secret or of a host."""
_WORDS_NEAR = 8


def prose_spans(text: str) -> Iterator[tuple[int, int]]:
    """The generated words of this text near a word that announces them."""
    for stated in _STATED.finditer(text) if _VERB.search(text) else ():
        secret = stated["secret"]
        if not (secret.startswith(PLACEHOLDERS) or _QUANTITY.fullmatch(secret) or _OBJECT.fullmatch(secret)):
            yield stated.span("secret")
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


def one_time_spans(text: str) -> Iterator[tuple[int, int]]:
    """The codes, answers and phrases of this text that prove an identity once."""
    for pattern in (_ONE_TIME, _DIRECT):
        for found in pattern.finditer(text):
            if not found["secret"].startswith(PLACEHOLDERS):
                yield found.span("secret")


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
