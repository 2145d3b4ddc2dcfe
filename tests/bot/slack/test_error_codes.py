"""The table of Slack's error codes, and its copy in the documentation."""

from __future__ import annotations

import re
from pathlib import Path

from bot.slack.error_codes import CHANNEL_FIXES, ERROR_CLASSES
from bot.slack.errors import refusal_of_code


def test_each_refusal_that_keeps_the_bot_from_posting_has_a_fix() -> None:
    for code in ERROR_CLASSES:
        assert refusal_of_code(code).fix
        assert refusal_of_code(code).code == code
    assert all(fix and fix[0].islower() and not fix.endswith(".") for fix in CHANNEL_FIXES.values())


def test_the_table_in_the_documentation_is_that_of_the_code() -> None:
    page = (Path(__file__).parents[3] / "docs" / "slack-errors.md").read_text(encoding="utf-8")
    documented: dict[str, str] = {}
    for row in re.finditer(r"^\| ([a-z]+) \| ((?:`[a-z0-9_]+` ?)+)\|", page, re.MULTILINE):
        documented |= dict.fromkeys(re.findall(r"`([a-z0-9_]+)`", row[2]), row[1])
    assert documented == {code: str(kind) for code, kind in ERROR_CLASSES.items()}
