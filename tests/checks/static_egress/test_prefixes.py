"""Address ranges by the cni-manager's rules, and how many nodes a prefix serves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.static_egress.prefixes import capacity, covers_everything, parse_cidr, parse_egress_prefix


@pytest.mark.parametrize("written", ["10.0.0.0/8", "10.1.2.3/8", "0.0.0.0/0", "10.0.0.5/32", "fd00::/8"])
def test_a_range_with_its_mask_is_a_cidr(written: str) -> None:
    assert parse_cidr(written) is not None


@pytest.mark.parametrize(
    "written",
    [
        "10.0.0.5",
        "10.0.0.0/255.0.0.0",
        "10.0.0.0/",
        "/8",
        "",
        "10.0.0.0/33",
        " 10.0.0.0/8",
        "db.internal/8",
        "10.0.0.0/٨",
    ],
)
def test_text_that_breaks_pod_routes_is_not_a_cidr(written: str) -> None:
    assert parse_cidr(written) is None


@given(st.text())
def test_any_text_is_a_range_or_none(written: str) -> None:
    found = parse_cidr(written)
    assert found is None or "/" in written


@pytest.mark.parametrize(
    ("cidrs", "expected"),
    [
        (["0.0.0.0/0"], True),
        (["0.0.0.0/1", "128.0.0.0/1"], True),
        (["10.0.0.0/8", "0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/1"], True),
        (["0.0.0.0/1"], False),
        (["::/0"], False),
        ([], False),
    ],
)
def test_ranges_together_can_be_the_whole_internet(cidrs: list[str], expected: bool) -> None:
    assert covers_everything(n for c in cidrs if (n := parse_cidr(c)) is not None) is expected


@pytest.mark.parametrize(("size", "nodes"), [(31, 2), (30, 4), (29, 8), (28, 16), (33, 0), (-1, 0)])
def test_a_prefix_serves_so_many_nodes(size: int, nodes: int) -> None:
    assert capacity(size) == nodes


def test_an_egress_prefix_is_a_cidr_or_a_list_of_addresses() -> None:
    assert [str(n) for n in parse_egress_prefix("20.50.60.0/30")] == ["20.50.60.0/30"]
    assert [str(n) for n in parse_egress_prefix("10.0.0.4, 10.0.0.5")] == ["10.0.0.4/32", "10.0.0.5/32"]
    assert parse_egress_prefix("pending") == ()
    assert parse_egress_prefix("10.0.0.4,") == ()
