"""After a colon, only names begin with a capital."""

from __future__ import annotations

import pytest

from checks.catalogue import catalogue
from checks.reports.wording import after_colon

NAMES = {"TLS", "TCP", "Istio's", "ServiceEntries"}
"""First words of titles that are names."""


def test_a_title_after_a_colon_begins_with_a_small_letter_or_a_name() -> None:
    """A headline was "No egress: The gateway node pool does not exist"."""
    for check in catalogue():
        first = after_colon(check.title).split()[0]
        assert first[0].islower() or first in NAMES, check.title


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("The API server did not answer", "the API server did not answer"),
        ("Gateway pods are older", "gateway pods are older"),
        ("Gateway team-egress/egw has no host", "Gateway team-egress/egw has no host"),
        ("Node aks-gw-0001 is not ready", "Node aks-gw-0001 is not ready"),
        ("No VirtualService routes x", "no VirtualService routes x"),
        ("StaticGatewayConfiguration a/b waits", "StaticGatewayConfiguration a/b waits"),
        ("", ""),
    ],
)
def test_a_name_keeps_its_capital(sentence: str, shown: str) -> None:
    assert after_colon(sentence) == shown
