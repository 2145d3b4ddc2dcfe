"""Typing errors: the known word that a misspelled one means."""

import re
from collections.abc import Collection

_CHAT = {
    "y": "why", "wy": "why", "wat": "what", "wut": "what", "wot": "what", "wats": "what is", "u": "you", "ur": "your",
    "r": "are", "pls": "please", "plz": "please", "thx": "thanks", "wen": "when", "hw": "how", "hwo": "how", "whats": "what is",
    "whos": "who is", "hows": "how is", "wheres": "where is", "shud": "should", "cud": "could", "wud": "would",
}  # fmt: skip
"""Short spellings of chats, which no distance finds."""

_SHORTEST = 3
_MORE_EDITS_FROM = 7
"""Length of a word from which two edits may separate it from the meant one."""


def with_chat_words(text: str) -> str:
    """The text in lower case, with the short spellings of chats written out."""
    return " ".join(_CHAT.get(word.strip(".,!?;:"), word) for word in text.lower().split())


def corrected(text: str, known: Collection[str], correct: Collection[str], *, more: int = 0) -> str:
    """The text in lower case, with each misspelled word replaced by the nearest of `known`.

    Words of `correct`, and words that may be names, are left alone. `more` edits than usual are tolerated.
    """
    return " ".join(_meant(word, known, correct, more) for word in with_chat_words(text).split())


def _meant(word: str, known: Collection[str], correct: Collection[str], more: int) -> str:
    plain = word.strip(".,!?;:")
    if len(plain) < _SHORTEST or plain in known or plain in correct or not re.fullmatch("[a-z]+", plain):
        return word
    most = (2 if len(plain) >= _MORE_EDITS_FROM else 1) + (more if len(plain) > _SHORTEST else 0)
    near = [(edits, each) for each in known if _alike(plain, each) and (edits := _edits(plain, each, most)) <= most]
    return min(near)[1] if near else word


def _alike(typed: str, meant: str) -> bool:
    """Whether a typing error is likely: it keeps the first letter, a short word its letters."""
    if typed[0] != meant[0] and sorted(typed) != sorted(meant):
        return False
    return len(typed) > 4 or len(typed) != len(meant) or sorted(typed) == sorted(meant)


def _edits(one: str, other: str, most: int) -> int:
    """The edits between two words, a swap of neighbours being one; at most `most + 1`."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            best = min(row[j - 1] + 1, rows[-1][j] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, rows[-2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return min(rows[-1][-1], most + 1)
