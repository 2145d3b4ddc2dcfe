"""Ranges of addresses that change the route of a name whose address is not known."""

import pytest

from checks.istio.request.address_ranges import address_in
from checks.istio.request.interception import is_intercepted, outbound_ranges
from tests.checks.istio.request.sent import arrives, entry

_EXCLUDED, _INCLUDED = (f"traffic.sidecar.istio.io/{each}OutboundIPRanges" for each in ("exclude", "include"))


@pytest.mark.parametrize(
    ("range_", "ranges", "address"),
    [
        ("203.0.113.0/24", ["203.0.113.0/24"], "203.0.113.0"),
        ("203.0.113.0/24", ["203.0.113.0/24", "203.0.113.0/25"], "203.0.113.128"),
        ("203.0.113.0/24", ["203.0.113.0/24", "203.0.113.0/32", "203.0.113.1/32"], "203.0.113.2"),
        ("203.0.113.0/31", ["203.0.113.0/31", "203.0.113.0/32", "203.0.113.1/32"], "203.0.113.0"),
        ("203.0.113.7/32", ["203.0.113.0/24", "203.0.113.7/32"], "203.0.113.7"),
    ],
)
def test_the_address_of_a_range_is_in_no_smaller_one(range_: str, ranges: list[str], address: str) -> None:
    assert address_in(range_, ranges) == address


def test_a_name_is_outside_the_ranges_that_annotations_list() -> None:
    name = "api.bank.example"
    assert is_intercepted({_EXCLUDED: "203.0.113.0/24"}, name, 443)
    assert not is_intercepted({_EXCLUDED: "203.0.113.0/24"}, "203.0.113.9", 443)
    assert not is_intercepted({_EXCLUDED: "0.0.0.0/0"}, name, 443)
    assert not is_intercepted({_INCLUDED: "203.0.113.0/24"}, name, 443)
    assert is_intercepted({_INCLUDED: "*"}, name, 443)
    assert outbound_ranges({_EXCLUDED: "10.0.0.0/8, 203.0.113.0/24", _INCLUDED: "*"}) == [
        "10.0.0.0/8",
        "203.0.113.0/24",
        "*",
    ]


def test_an_address_with_a_listener_of_its_own_decides_for_every_name_on_its_port() -> None:
    """Two hosts of one content delivery network, for example, have one address."""
    listed = entry("listed.example", port=443, addresses=["203.0.113.7"])
    url = "https://other.example"
    assert arrives(listed, url=url) == (
        "depends on the address that DNS returns for other.example: other rules apply to 203.0.113.7 "
        "(ServiceEntry team-a/listed-example-10d)"
    )
    blocked = "outbound traffic to unknown hosts is blocked"
    assert arrives(listed, url="tcp://other.example:5432") == blocked
    for address in ("10.1.2.3", "127.0.0.1", "169.254.169.254"):
        assert arrives(entry("listed.example", port=443, addresses=[address]), url=url) == blocked
