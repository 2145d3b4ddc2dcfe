"""Lists of words in sentences."""

from collections.abc import Sequence


def enumerated(words: Sequence[str]) -> str:
    """The words as part of a sentence: `a`, `a and b`, `a, b and c`; "" for none."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
