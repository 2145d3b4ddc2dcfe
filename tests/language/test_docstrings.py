"""The first line of a docstring is one short sentence; details follow after an empty line."""

from pathlib import Path

import pytest

from tests.language.finding import texts_below
from tests.language.texts import Kind

ROOT = Path(__file__).parents[2]
LIMIT = 90
CHECK_PAGE = "What it checks:"
"""The beginning of a check's page, whose paragraphs are as long as they need to be."""
# The router's packages follow when they replace the route.
EXEMPT = (ROOT / "checks/istio", ROOT / "tests/checks/istio", ROOT / "tests/istiod")


@pytest.mark.parametrize("folder", ["bot", "workers", "checks", "tests"])
def test_the_first_line_is_short(folder: str) -> None:
    found = [
        f"{text.file.relative_to(ROOT)}:{text.line}: {len(first)} characters"
        for text in texts_below(ROOT / folder, EXEMPT)
        if text.kind is Kind.DOCSTRING
        for first in text.text.splitlines()[:1]
        if len(first) >= LIMIT and not first.startswith(CHECK_PAGE)
    ]
    assert found == []
