"""Pods of one gateway share an outcome unless their address decides about it."""

from typing import Any

import pytest

from tests.checks.istio.request.sent import arrivals, made

_PODS = ("10.244.0.5", "10.244.1.5")
"""The addresses of the two pods in the base cluster."""
_ARRIVED = "edition.cnn.com:80"


def _denied(addresses: list[str]) -> dict[str, Any]:
    rules = [{"when": [{"key": "destination.ip", "values": addresses}]}]
    return made(
        "AuthorizationPolicy",
        "by-address",
        {"action": "DENY", "rules": rules},
        namespace="team-egress",
        group="security",
    )


@pytest.mark.parametrize("address", _PODS)
def test_a_policy_about_the_address_of_one_pod_denies_half_of_the_requests(address: str) -> None:
    found = arrivals(_denied([address]), url="http://edition.cnn.com")
    assert found.pop(_ARRIVED) == 50
    assert list(found.values()) == [50]


def test_requests_through_pods_that_are_alike_all_arrive() -> None:
    assert arrivals(url="http://edition.cnn.com") == {_ARRIVED: 100}
