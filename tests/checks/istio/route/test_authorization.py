"""What rules of AuthorizationPolicies can match, as far as hosts and identities tell."""

from typing import Any

import pytest

from checks.istio.route.authorization import is_everything, may_match, needs_identity


def hosts(*written: str, **more: Any) -> dict[str, Any]:
    return {"to": [{"operation": {"hosts": list(written), **more}}]}


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        ({}, True),
        (hosts("api.bank.example"), True),
        (hosts("API.Bank.example:*"), True),
        (hosts("api.bank.example:443"), True),
        (hosts("*.bank.example"), True),
        (hosts("*"), True),
        (hosts("api.*"), True),
        (hosts("*bank.example"), True),
        (hosts("www.bank.example"), False),
        (hosts("bank.example"), False),
        (hosts("www.bank.example", "api.bank.example"), True),
        ({"to": [{"operation": {"notHosts": ["api.bank.example"]}}]}, False),
        ({"to": [{"operation": {"notHosts": ["*.other.example"]}}]}, True),
        (hosts("*.bank.example", notHosts=["api.bank.example"]), False),
        ({"to": [{"operation": {"methods": ["GET"]}}]}, True),
        ({"to": [{"operation": None}]}, True),
        ({"from": [{"source": {"namespaces": ["team-a"]}}]}, True),
    ],
)
def test_a_rule_matches_the_hosts_that_it_names(rule: dict[str, Any], matches: bool) -> None:
    assert may_match(rule, "api.bank.example") is matches


def test_a_wildcard_host_is_met_by_a_rule_for_a_name_under_it() -> None:
    assert may_match(hosts("de.wikipedia.org", notHosts=["en.wikipedia.org"]), "*.wikipedia.org")


def test_only_a_rule_without_fields_matches_everything() -> None:
    assert is_everything({})
    assert is_everything({"from": []})
    assert not is_everything({"when": [{"key": "connection.sni", "values": ["x"]}]})


def test_a_rule_needs_the_clients_identity_when_each_of_its_sources_does() -> None:
    assert needs_identity({"from": [{"source": {"principals": ["*"]}}, {"source": {"namespaces": ["a"]}}]})
    assert not needs_identity({"from": [{"source": {"principals": ["*"]}}, {"source": {"ipBlocks": ["10.0.0.0/8"]}}]})
    assert not needs_identity({})
