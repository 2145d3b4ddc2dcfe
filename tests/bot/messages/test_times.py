"""Times read well inside their sentences, whatever day it is for the reader."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.messages.phrases import DATE_AND_TIME, local_time

GOLDENS = sorted(Path(__file__).parent.glob("*.txt"))
WITH_DAY = re.compile(r"(\w*)\W*<!date\^\d+\^[^|>]*\{date[^|>]*\|[^>]*>")
TIME_ONLY = re.compile(r"(\w*)\W*<!date\^\d+\^\{time\}\|[^>]*>")


def test_a_moment_of_another_day_has_its_day_also_where_slack_cannot_show_it() -> None:
    moment = datetime(2026, 11, 30, 15, 45, tzinfo=UTC)
    assert local_time(moment, DATE_AND_TIME) == (
        f"<!date^{int(moment.timestamp())}^{{date_short_pretty}} at {{time}}|Nov 30 at 15:45 UTC>"
    )
    assert local_time(moment).endswith("^{time}|15:45 UTC>")


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda each: each.stem)
def test_no_preposition_of_time_precedes_a_day(golden: Path) -> None:
    """Slack writes "today" for a near day: "Recovered at today 3:45 PM" was read."""
    for found in WITH_DAY.finditer(golden.read_text(encoding="utf-8")):
        assert found[1] not in ("at", "on", "in"), found[0]


def test_the_goldens_have_both_kinds_of_times() -> None:
    written = "\n".join(each.read_text(encoding="utf-8") for each in GOLDENS)
    assert {found[1] for found in WITH_DAY.finditer(written)} >= {"Recovered", "since", "checked", "until"}
    assert "at" in {found[1] for found in TIME_ONLY.finditer(written)}
