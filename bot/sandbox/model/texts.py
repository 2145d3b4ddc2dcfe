"""The texts and the interactive elements of blocks, in reading order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]

# Rich text splits a sentence into parts; a reader sees one text.
_ONE_TEXT = {"rich_text_section", "rich_text_preformatted", "rich_text_quote"}


def texts_of(value: object) -> list[str]:
    """Every text in blocks.

    These are text objects, rich text, markdown and alternative texts; a row of a table and a task of a plan are one text each.
    """
    if isinstance(value, dict):
        return list(_object_texts(value))
    if isinstance(value, list | tuple):
        return [text for part in value for text in texts_of(part)]
    return []


def _object_texts(value: JsonObject) -> Iterator[str]:
    match value.get("type"):
        case kind if kind in _ONE_TEXT:
            yield "".join(text for part in value["elements"] for text in texts_of(part))
        case "plan":
            yield value["title"]
            yield from (f"{task['title']} ({task['status']})" for task in value["tasks"])
        case "table":
            yield from (" ".join(text for cell in row for text in texts_of(cell)) for row in value["rows"])
        case _:
            yield from (value[name] for name in ("text", "alt_text", "fallback") if isinstance(value.get(name), str))
            for key, part in value.items():
                if key not in {"value", "metadata", "confirm"} and isinstance(part, dict | list | tuple):
                    yield from texts_of(part)


def elements_of(blocks: tuple[JsonObject, ...]) -> list[tuple[JsonObject, JsonObject]]:
    """Each interactive element with its block."""
    pairs: list[tuple[JsonObject, JsonObject]] = []
    for block in blocks:
        candidates = [*block.get("elements", ()), block.get("accessory"), block.get("element")]
        pairs.extend((block, item) for item in candidates if isinstance(item, dict) and "action_id" in item)
    return pairs
