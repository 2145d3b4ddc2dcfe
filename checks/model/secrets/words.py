"""The functions that can find a secret in a text, by its words, which are remembered.

The texts of a cluster consist of the same words again and again, in ever new combinations: names of objects, and the
sentences of findings. Each word is examined once for what it may announce, and a text is then searched only by the
functions that one of its words needs.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

SpanFinder = Callable[[str], Iterator[tuple[int, int]]]
"""A function that finds the secrets of a text."""
_LONGEST = 200
"""Longer words are not remembered."""
_WORDS = 50_000
"""Number of words that are remembered: about 10 MiB."""


@dataclass(frozen=True, slots=True, eq=False)
class WordCondition:
    """A condition on a word.

    `hints` are in small letters and without white space. A word meets the condition if it contains a hint, and if `holds`
    is true for it. `holds` must not depend on what precedes and follows the word.
    """

    hints: tuple[str, ...]
    holds: Callable[[str], object] | None = None


@dataclass(frozen=True, slots=True)
class Finder:
    """A function that finds secrets.

    It finds nothing in a text unless each of its conditions is met by one of the words.
    """

    find: SpanFinder
    conditions: tuple[WordCondition, ...]
    in_one_word: bool = False
    """Whether it also finds secrets in a text of one word.

    Such a text has no separator between a name and a value.
    """


class WordIndex:
    """The finders by the conditions that a text's words meet."""

    def __init__(self, finders: Sequence[Finder]) -> None:
        self._finders = tuple(finders)
        conditions = list(dict.fromkeys(each for finder in finders for each in finder.conditions))
        bits = {each: 1 << position for position, each in enumerate(conditions)}
        self._needed = tuple(sum(bits[each] for each in set(finder.conditions)) for finder in finders)
        self._by_start: dict[str, list[tuple[str, int, WordCondition]]] = defaultdict(list)
        self._by_letter: list[tuple[str, int, WordCondition]] = []
        for condition in conditions:
            for hint in condition.hints:
                rows = self._by_start[hint[:2]] if len(hint) > 1 else self._by_letter
                rows.append((hint, bits[condition], condition))
        self._remembered = lru_cache(maxsize=_WORDS)(self._conditions)
        self._chosen = lru_cache(maxsize=4_000)(self._choice)

    def finders(self, text: str) -> tuple[Finder, ...]:
        """The finders that can find a secret in this text."""
        met, words, remembered = 0, text.split(), self._remembered
        for word in words:
            met |= remembered(word) if len(word) <= _LONGEST else self._conditions(word)
        return self._chosen(met) if met else ()

    def _conditions(self, word: str) -> int:
        """The conditions that the word meets, as bits."""
        met, small, by_start = 0, word.lower(), self._by_start
        for hint, bit, condition in self._by_letter:
            if hint in small and not met & bit and _holds(condition, word):
                met |= bit
        failed = 0
        for at in range(len(small) - 1):
            for hint, bit, condition in by_start.get(small[at : at + 2], ()):
                if not (met | failed) & bit and small.startswith(hint, at):
                    if _holds(condition, word):
                        met |= bit
                    else:
                        failed |= bit
        return met

    def _choice(self, met: int) -> tuple[Finder, ...]:
        """The finders all of whose conditions are met."""
        pairs = zip(self._finders, self._needed, strict=True)
        return tuple(finder for finder, needed in pairs if needed & met == needed)


def _holds(condition: WordCondition, word: str) -> bool:
    return condition.holds is None or bool(condition.holds(word))
