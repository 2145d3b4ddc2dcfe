"""Durations as text."""

from datetime import timedelta

import pytest

from checks.model.durations import span


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(minutes=4, seconds=59), "4 min"),
        (timedelta(hours=2, minutes=10), "2 h 10 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(days=10, hours=3, minutes=59), "10 d 3 h"),
    ],
)
def test_two_units_at_most(duration: timedelta, expected: str) -> None:
    assert span(duration) == expected
