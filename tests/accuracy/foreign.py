"""Answers of another tool, a JSON file for each incident (docs/corpus.md#add-a-tool)."""

import json
from pathlib import Path
from typing import Any

from tests.accuracy.opened import Opened
from tests.accuracy.scoring import Diagnosed, Statement, Step


class Answers:
    """The answers in a folder, `<incident>.json`.

    A missing file is an answer without statements.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, found: Opened) -> Diagnosed:
        path = self._folder / f"{found.answer.name}.json"
        if not path.exists():
            return Diagnosed("inconclusive", (), error="no answer")
        raw = json.loads(path.read_text(encoding="utf-8"))
        return Diagnosed(str(raw["verdict"]), tuple(map(_statement, raw.get("statements", ()))))


def _statement(raw: dict[str, Any]) -> Statement:
    steps = (Step(each) if isinstance(each, str) else Step(**each) for each in raw.get("steps", ()))
    return Statement(tuple(raw.get("checks", ())), tuple(raw.get("objects", ())), raw.get("text", ""), tuple(steps))
