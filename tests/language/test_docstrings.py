"""The first line of a docstring is one short sentence.

What it does not state follows after an empty line, in whole sentences.
"""

import pytest

from tests.language.docstrings import flaws


@pytest.mark.parametrize(
    "docstring",
    [
        "Return the gateway.",
        "Return the gateway.\n\n    Raises Unreadable.\n    ",
        "Return the gateway.\n\n    If several have the name, the oldest one is returned.\n    ",
        "Return the gateway.\n\n    Orders without a name are left out.\n    ",
        f"What it checks: {'a long page ' * 20}",
    ],
)
def test_whole_sentences_are_allowed(docstring: str) -> None:
    assert list(flaws(docstring)) == []


@pytest.mark.parametrize(
    ("docstring", "flaw"),
    [
        (f"Return {'x' * 90}.", "the first line has 98 characters"),
        ("Return the gateway\n    of the mesh.", "the first sentence does not end on the first line"),
        ("Return the gateway.\n\n    Or its Service.\n    ", '"Or its Service." continues the first sentence'),
        ("Return the gateway.\n\n    If it exists. None else.", '"If it exists." has no main clause after a comma'),
        ("Return the gateway.\n\n    With its\n    Service.", '"With its Service." has no main clause after a comma'),
    ],
)
def test_a_sentence_cut_in_two_is_reported(docstring: str, flaw: str) -> None:
    assert list(flaws(docstring)) == [flaw]
