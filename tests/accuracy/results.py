"""Scores on disk: the newest run, and the first over incidents with answers first."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.accuracy.scoring import Score

HERE = Path(__file__).parent
NEWEST = HERE / "results.json"
FIRST = HERE / "first.json"

Scores = Mapping[str, Mapping[str, Score]]
"""By tool and incident."""


def read_scores(path: Path) -> tuple[dict[str, str], Scores]:
    """The description of a run (date, versions), and its scores.

    Both are empty if the file is missing.
    """
    if not path.exists():
        return {}, {}
    raw = json.loads(path.read_text(encoding="utf-8"))
    scores = {tool: {name: _score(name, each) for name, each in found.items()} for tool, found in raw["scores"].items()}
    return raw["run"], scores


def write_scores(path: Path, run: Mapping[str, str], scores: Scores) -> None:
    """Write the scores, an incident on each line."""
    tools = ",\n".join(f" {json.dumps(tool)}: {{\n{_lines(found.values())}\n }}" for tool, found in scores.items())
    path.write_text(f'{{"run": {json.dumps(dict(run))},\n"scores": {{\n{tools}\n}}}}\n', encoding="utf-8")


def _lines(found: Iterable[Score]) -> str:
    return ",\n".join(f"  {json.dumps(each.incident)}: {json.dumps(_fields(each))}" for each in found)


def _fields(found: Score) -> dict[str, Any]:
    fields = asdict(found)
    del fields["incident"]
    return fields


def _score(name: str, raw: dict[str, Any]) -> Score:
    return Score(incident=name, **{**raw, "missed": tuple(raw["missed"]), "extra": tuple(raw["extra"])})
