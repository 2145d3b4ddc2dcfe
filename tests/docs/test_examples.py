"""Every YAML and JSON example of README.md and docs/ can be parsed."""

from __future__ import annotations

import json
import re
import textwrap

import pytest
import yaml

from tests.docs.commands import ROOT

_FENCE = re.compile(r"^ *```(?P<language>yaml|json)\n(?P<body>.*?)^ *```$", re.MULTILINE | re.DOTALL)
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
EXAMPLES = [
    pytest.param(
        match["language"],
        textwrap.dedent(match["body"]),
        id=f"{page.relative_to(ROOT)}:{page.read_text(encoding='utf-8')[: match.start('body')].count(chr(10)) + 1}",
    )
    for page in PAGES
    for match in _FENCE.finditer(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("language", "example"), EXAMPLES)
def test_every_example_can_be_parsed(language: str, example: str) -> None:
    parsed = json.loads(example) if language == "json" else list(yaml.safe_load_all(example))
    assert parsed


def test_the_configuration_in_the_contract_is_among_the_examples() -> None:
    assert any(str(example.id).startswith("docs/contract.md:") for example in EXAMPLES)
