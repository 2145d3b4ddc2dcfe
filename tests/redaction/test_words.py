"""Each function that can find a secret in a text is called for it."""

import random
from collections.abc import Iterator

import pytest

from checks.model.secrets.texts import FINDERS, is_one_word, secret_spans
from checks.model.secrets.words import Finder, WordCondition, WordIndex
from tests.redaction.corpus import HARMLESS, SECRET_FORMS, SECRET_STRUCTURES, lines

_TEXTS = (*(each.text for each in SECRET_FORMS), *HARMLESS, *(lines(each.content) for each in SECRET_STRUCTURES))


def _found(text: str) -> list[tuple[int, int]]:
    """The spans that all functions find."""
    is_word = is_one_word(text)
    return sorted(span for each in FINDERS if each.in_one_word or not is_word for span in each.find(text))


def _recombined(seed: int) -> Iterator[str]:
    """Parts of the texts of the corpora, and their words in another order."""
    chosen = random.Random(seed)
    words = [word for text in _TEXTS for word in text.split()]
    for _ in range(300):
        text = chosen.choice(_TEXTS)
        at = chosen.randrange(len(text))
        yield text[at : at + chosen.randrange(1, 150)]
        yield chosen.choice((" ", "\n", "\t", "=", ": ")).join(chosen.choices(words, k=chosen.randrange(2, 9)))


def test_no_function_is_left_out_for_a_text_of_the_corpora() -> None:
    assert [text for text in _TEXTS if sorted(secret_spans(text)) != _found(text)] == []


@pytest.mark.parametrize("seed", range(3))
def test_no_function_is_left_out_for_their_words_in_another_order(seed: int) -> None:
    assert [text for text in _recombined(seed) if sorted(secret_spans(text)) != _found(text)] == []


def test_a_function_needs_a_word_for_each_of_its_conditions() -> None:
    name, value = WordCondition(("name",)), WordCondition(("=", "val"), lambda word: word.endswith("="))
    index = WordIndex((Finder(lambda _: iter(()), (name, value)),))
    needed = {text: bool(index.finders(text)) for text in ("a name", "a NAME value=", "name=value", "name=", "", "=")}
    assert needed == {"a name": False, "a NAME value=": True, "name=value": False, "name=": True, "": False, "=": False}
