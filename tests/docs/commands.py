"""The commands of a page: its fenced `sh` blocks and the systems that they need."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(
    r"(?P<marks>(?:^ *<!--[^\n]*-->\n)*)^(?P<indent> *)```sh\n(?P<body>.*?)^ *```$", re.MULTILINE | re.DOTALL
)
_NEEDS = re.compile(r"<!-- needs: (kubernetes|azure|slack|registry) -->")
_EXITS = re.compile(r"<!-- exits: (\d) -->")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; `needs` is empty if the block can run in the test suite."""

    page: str
    line: int
    script: str
    needs: str = ""
    exits: int = 0

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: str) -> tuple[Block, ...]:
    """The blocks of a page, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        needs, exits = _NEEDS.search(match["marks"]), _EXITS.search(match["marks"])
        found.append(
            Block(
                page,
                text[: match.start("body")].count("\n") + 1,
                textwrap.dedent(match["body"]),
                needs[1] if needs else "",
                int(exits[1]) if exits else 0,
            )
        )
    return tuple(found)
