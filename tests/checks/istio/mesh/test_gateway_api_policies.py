"""BackendTLSPolicies as DestinationRules."""

from typing import Any

from checks.istio.mesh.gateway_api.backend_policies import filled
from tests.checks.istio.mesh.converted import converted, gateway_api

_SYSTEM = {"hostname": "api.bank.example", "wellKnownCACertificates": "System"}


def _policy(name: str, validation: dict[str, Any], age: int = 0, **target: str) -> dict[str, Any]:
    wanted = {"group": "networking.istio.io", "kind": "ServiceEntry", "name": "bank", **target}
    return gateway_api("BackendTLSPolicy", name, {"targetRefs": [wanted], "validation": validation}, age=age)


def test_a_policy_is_a_rule_for_each_host_of_its_target() -> None:
    [rule] = converted(_policy("p", _SYSTEM)).destination_rules
    assert (rule.host, rule.namespace, rule.ref) == (
        "api.bank.example",
        "team-egress",
        "BackendTLSPolicy team-egress/p",
    )
    assert rule.traffic_policy["tls"]["mode"] == "SIMPLE"
    assert rule.traffic_policy["tls"]["sni"] == "api.bank.example"


def test_a_policy_for_a_port_is_named_by_it() -> None:
    [rule] = converted(_policy("p", _SYSTEM, sectionName="http")).destination_rules
    assert [each["port"] for each in rule.traffic_policy["portLevelSettings"]] == [{"number": 80}]
    assert not converted(_policy("p", _SYSTEM, sectionName="absent")).destination_rules


def test_the_oldest_policy_of_a_target_applies() -> None:
    young = _policy("a", {**_SYSTEM, "hostname": "young.example"})
    old = _policy("b", {**_SYSTEM, "hostname": "old.example"}, age=5)
    [rule] = converted(young, old).destination_rules
    assert rule.traffic_policy["tls"]["sni"] == "old.example"


def test_an_authority_is_a_config_map_with_a_certificate() -> None:
    def credential(*objects: dict[str, Any]) -> str:
        reference = {"group": "", "kind": "ConfigMap", "name": "authority"}
        policy = _policy("p", {"hostname": "a.example", "caCertificateRefs": [reference]})
        return str(converted(policy, *objects).destination_rules[0].traffic_policy["tls"]["credentialName"])

    stored = {
        "kind": "ConfigMap",
        "metadata": {"name": "authority", "namespace": "team-egress"},
        "data": {"ca.crt": "x"},
    }
    assert credential() == "invalid://"
    assert credential({**stored, "data": {"other": "x"}}) == "invalid://"
    assert credential(stored) == "configmap://team-egress/authority"


def test_an_ignored_policy_has_no_effect() -> None:
    policy = _policy("p", _SYSTEM)
    policy["metadata"]["annotations"] = {"istio.io/ignore-policy-attachment": "true"}
    assert not converted(policy).destination_rules


def test_a_written_rule_has_priority_and_a_policy_fills_its_gaps() -> None:
    policy = {"tls": {"sni": "policy"}, "portLevelSettings": [{"port": {"number": 80}, "tls": {"sni": "port"}}]}
    assert filled({"tls": {"sni": "written"}}, policy)["tls"] == {"sni": "written"}
    assert filled({"connectionPool": {}}, policy)["tls"] == {"sni": "policy"}
    written = {"portLevelSettings": [{"port": {"number": 80}, "loadBalancer": {}}, {"port": {"number": 443}}]}
    ports = filled(written, policy)["portLevelSettings"]
    assert [(each["port"]["number"], each.get("tls")) for each in ports] == [(80, {"sni": "port"}), (443, None)]
