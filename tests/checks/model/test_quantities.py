"""Quantities as quotas write them."""

from decimal import Decimal

import pytest

from checks.model.quantities import quantity, written_bytes, written_count


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
    ("written", "value"),
    [("512Mi", "512Mi"), ("1024Mi", "1Gi"), ("1536Mi", "1536Mi"), ("500M", "500000000"), ("3", "3")],
)
def test_bytes_are_written_in_the_largest_exact_unit(written: str, value: str) -> None:
    assert written_bytes(quantity(written) or Decimal(0)) == value


@pytest.mark.parametrize(("written", "value"), [("6", "6"), ("1500m", "1500m"), ("0.25", "250m"), ("2000m", "2")])
def test_cores_are_written_whole_or_in_thousandths(written: str, value: str) -> None:
    assert written_count(quantity(written) or Decimal(0)) == value
