"""The form of docstrings: one short sentence, an empty line, and whole sentences below.

A machine recognises a sentence that was cut in two by the first words of its second half.
"""

import re
from collections.abc import Iterator

LIMIT = 90
CHECK_PAGE = "What it checks:"
"""The beginning of a check's page, whose paragraphs are as long as they need to be."""

_SECOND_HALF = re.compile(r"(?:And|Because|But|Including|Nor|Or|Otherwise|So|Than|That|Which|Whose)\b")
"""Words that continue a sentence."""

_CLAUSE = re.compile(
    r"(?:Although|As|By|Except|For|From|If|Into|Like|Of|Since|Though|To|Unless|Until|When|Where|While|With|Without)\b[^,]*$"
)
"""A clause or phrase that needs a main clause, which follows after a comma."""


def flaws(docstring: str) -> Iterator[str]:
    """The rules of form that a docstring breaks."""
    lines = docstring.splitlines() or [""]
    if not lines[0].startswith(CHECK_PAGE):
        if len(lines[0]) >= LIMIT:
            yield f"the first line has {len(lines[0])} characters"
        if len(lines) > 1 and lines[1].strip():
            yield "the first sentence does not end on the first line"
    paragraphs = [" ".join(each.split()) for each in re.split(r"\n\s*\n", docstring)]
    for each in paragraphs[1:]:
        sentence = re.split(r"(?<=[.:;])\s", each, maxsplit=1)[0]
        if _SECOND_HALF.match(sentence):
            yield f'"{sentence}" continues the first sentence'
        if _CLAUSE.match(sentence):
            yield f'"{sentence}" has no main clause after a comma'
