"""Several DestinationRules for one service: whose TLS settings a client uses.

TLS cannot work on port 80, so a request arrives only if the rule with DISABLE applies. Source: Istio
`PushContext.destinationRule` and `mergeDestinationRule`.
"""

from typing import Any

import pytest

from tests.checks.istio.request.sent import SHOP, TLS_FAILS, arrives, encrypted, entry, made, routed, tls, to

ENTRY = entry(SHOP, "team-b")
ROOT = "aks-istio-system"
PLAIN = f"{SHOP}:80"


def test_a_rule_of_the_clients_namespace_applies_before_that_of_the_service() -> None:
    assert arrives(ENTRY, encrypted("own", SHOP, "DISABLE"), encrypted("theirs", SHOP, "SIMPLE", "team-b")) == PLAIN


def test_a_rule_of_the_services_namespace_applies_before_that_of_the_root_namespace() -> None:
    root = encrypted("everywhere", SHOP, "SIMPLE", ROOT)
    assert arrives(ENTRY, root, encrypted("theirs", SHOP, "DISABLE", "team-b")) == PLAIN
    assert arrives(ENTRY, root) == TLS_FAILS


@pytest.mark.parametrize(("exported", "outcome"), [(["."], PLAIN), (["team-b"], PLAIN), (["team-a"], TLS_FAILS)])
def test_a_rule_of_another_namespace_applies_only_if_it_is_exported(exported: list[str], outcome: str) -> None:
    assert arrives(ENTRY, encrypted("theirs", SHOP, "SIMPLE", "team-b", exportTo=exported)) == outcome


def test_of_two_rules_of_a_namespace_the_older_ones_settings_apply_whatever_its_name() -> None:
    older, younger = encrypted("z", SHOP, "DISABLE", age="20d"), encrypted("a", SHOP, "SIMPLE", age="10d")
    assert arrives(ENTRY, younger, older) == PLAIN


def test_of_two_rules_that_are_exported_differently_the_younger_one_applies() -> None:
    older = encrypted("z", SHOP, "SIMPLE", "team-b", "20d", exportTo=["*"])
    younger = encrypted("a", SHOP, "DISABLE", "team-b", "10d", exportTo=["team-a"])
    assert arrives(ENTRY, older, younger) == PLAIN


def test_a_rule_for_the_longer_wildcard_applies() -> None:
    site = entry("www.shop.example", "team-b")
    rules = encrypted("wide", "*.example", "SIMPLE", age="20d"), encrypted("narrow", "*.shop.example", "DISABLE")
    assert arrives(site, *rules, url="http://www.shop.example") == "www.shop.example:80"


def test_a_rule_that_selects_the_client_applies_before_an_older_one_for_all() -> None:
    everyone = encrypted("all", SHOP, "SIMPLE", age="20d")
    selecting = encrypted("web", SHOP, "DISABLE", workloadSelector={"matchLabels": {"app": "web"}})
    other = encrypted("batch", SHOP, "DISABLE", workloadSelector={"matchLabels": {"app": "batch"}})
    assert arrives(ENTRY, everyone, selecting) == PLAIN
    assert arrives(ENTRY, everyone, other) == TLS_FAILS


def _subsets(name: str, mode: str, age: str, **more: Any) -> dict[str, Any]:
    subset = {"name": "v1", "trafficPolicy": tls(mode)}
    return made("DestinationRule", name, {"host": SHOP, "subsets": [subset], **more}, age=age)


def _to_subset(name: str) -> dict[str, Any]:
    return routed("subset", SHOP, "", http=[{"route": [to(SHOP, subset=name)]}])


def test_of_two_subsets_with_one_name_the_older_one_applies() -> None:
    older, younger = _subsets("z", "DISABLE", "20d"), _subsets("a", "SIMPLE", "10d")
    assert arrives(ENTRY, older, younger, _to_subset("v1")) == PLAIN


def test_a_subsets_settings_apply_before_those_of_its_rule() -> None:
    assert arrives(ENTRY, _subsets("v", "DISABLE", "10d", trafficPolicy=tls("SIMPLE")), _to_subset("v1")) == PLAIN


def test_a_subset_that_no_rule_declares_has_no_cluster() -> None:
    rule = _subsets("v", "DISABLE", "10d")
    assert arrives(ENTRY, rule, _to_subset("v2")) == f"no cluster outbound|80|v2|{SHOP}"


def test_settings_of_a_port_replace_those_of_the_rule() -> None:
    of_port = {"portLevelSettings": [{"port": {"number": 80}, **tls("DISABLE")}], **tls("SIMPLE")}
    assert arrives(ENTRY, encrypted("port", SHOP, "", trafficPolicy=of_port)) == PLAIN
    of_other = {"portLevelSettings": [{"port": {"number": 81}, **tls("DISABLE")}], **tls("SIMPLE")}
    assert arrives(ENTRY, encrypted("port", SHOP, "", trafficPolicy=of_other)) == TLS_FAILS


def test_settings_without_a_mode_originate_no_tls() -> None:
    assert arrives(ENTRY, encrypted("empty", SHOP, "", trafficPolicy={"tls": {"sni": SHOP}})) == PLAIN


def test_a_sidecar_ignores_a_credential_of_a_rule_that_selects_no_workload() -> None:
    policy = tls("SIMPLE", credentialName="bank")
    web = {"matchLabels": {"app": "web"}}
    assert arrives(ENTRY, encrypted("all", SHOP, "", trafficPolicy=policy)) == PLAIN
    waits = "the cluster waits for Secret bank"
    assert arrives(ENTRY, encrypted("web", SHOP, "", trafficPolicy=policy, workloadSelector=web)) == waits
