"""Tables of Block Kit within Slack's limits.

A cell shows its text literally: nothing in it mentions, links or formats.

Source: https://docs.slack.dev/reference/block-kit/blocks/table-block, read in November 2026.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from bot.messages.blocks import Block
from bot.messages.phrases import DATE_AND_TIME, day_and_time

MOST_ROWS = 100
"""Rows of a table, with its header."""

MOST_CHARACTERS = 10_000
"""Characters in all cells of a message's table."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2028\u2029\u2060-\u2069\ufeff\ufff9-\uffff]")


def text_cell(text: str) -> Block:
    """A cell with this text; Slack accepts no empty cell."""
    return {"type": "raw_text", "text": _CONTROL.sub("", " ".join(text.split())) or " "}


def bold_cell(text: str) -> Block:
    """A cell with bold text."""
    return _rich({"type": "text", "text": str(text_cell(text)["text"]), "style": {"bold": True}})


def time_cell(moment: datetime, before: str = "") -> Block:
    """A cell with a time in each reader's time zone, after the words `before`."""
    utc = moment.astimezone(UTC)
    words: list[Block] = [{"type": "text", "text": f"{before} "}] if before else []
    return _rich(
        *words,
        {
            "type": "date",
            "timestamp": int(utc.timestamp()),
            "format": DATE_AND_TIME,
            "fallback": day_and_time(utc),
        },
    )


def person_cell(user: str) -> Block:
    """A cell with the name of a user."""
    return _rich({"type": "user", "user_id": user})


def data_table(header: Sequence[str], rows: Iterable[Sequence[Block]], wrapped: Sequence[int]) -> Block | None:
    """A table, or None if it exceeds a limit of Slack.

    `wrapped` are the columns whose text is wrapped.
    """
    cells = [[bold_cell(each) for each in header], *(list(row) for row in rows)]
    if len(cells) > MOST_ROWS or sum(cell_size(cell) for row in cells for cell in row) > MOST_CHARACTERS:
        return None
    settings = [{"is_wrapped": number in wrapped} for number in range(len(header))]
    return {"type": "table", "rows": cells, "column_settings": settings}


def cell_size(cell: Block) -> int:
    """The number of characters of a cell."""
    if cell["type"] == "raw_text":
        return len(cell["text"])
    pieces = [piece for part in cell["elements"] for piece in part["elements"]]
    return sum(len(piece.get("text") or piece.get("fallback") or piece.get("user_id", "")) for piece in pieces)


def _rich(*pieces: Block) -> Block:
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(pieces)}]}
