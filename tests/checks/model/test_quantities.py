"""Quantities as quotas write them."""

import pytest

from checks.model.quantities import exhausted, quantity


@pytest.mark.parametrize(
    ("one", "other"),
    [("1", "1000m"), ("1Ki", "1024"), ("2Gi", "2048Mi"), ("1k", "1e3"), ("0.5", "500m"), ("1E", "1e18")],
)
def test_the_same_amount_in_two_forms(one: str, other: str) -> None:
    assert quantity(one) == quantity(other) is not None


@pytest.mark.parametrize("written", ["", "many", "1 Gi", "1Kib", "--1", "1e9999"])
def test_other_text_is_no_quantity(written: str) -> None:
    assert quantity(written) is None


@pytest.mark.parametrize(
    ("used", "hard", "expected"),
    [
        ("2", "2", True),
        ("2048Mi", "2Gi", True),
        ("1999m", "2", False),
        ("3", "2", True),
        ("", "2", False),
        ("1", "x", False),
    ],
)
def test_a_quota_is_used_up_when_nothing_is_left(used: str, hard: str, expected: bool) -> None:
    assert exhausted(used, hard) is expected
