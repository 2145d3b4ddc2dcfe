"""Connections that a sidecar takes, and settings of the mesh.

The annotations of its pod, its DNS capture and the mesh configuration decide.
"""

from typing import Any

from tests.checks.istio.request.sent import (
    SHOP,
    TLS_FAILS,
    arrivals,
    arrives,
    encrypted,
    entry,
    made,
    mesh_settings,
    pods_of,
    to,
)

BLOCKED = "fixed answer of block_all"
TCP = [{"number": 9000, "name": "tcp", "protocol": "TCP"}]


def annotated(**annotations: str) -> Any:
    named = {f"traffic.sidecar.istio.io/{key}": value for key, value in annotations.items()}
    return pods_of("team-a", lambda pod: pod["metadata"].setdefault("annotations", {}).update(named))


def test_an_included_port_is_taken_at_every_address() -> None:
    private_only = annotated(includeOutboundIPRanges="10.0.0.0/8", includeOutboundPorts="80")
    assert arrives(on=private_only) == BLOCKED
    assert arrives(on=private_only, url=f"tcp://{SHOP}:9000") == f"{SHOP}:9000"


def test_an_excluded_range_that_may_have_the_hosts_address_makes_the_outcome_unknown() -> None:
    excluding = annotated(excludeOutboundIPRanges="203.0.113.0/24")
    assert (
        arrives(on=excluding)
        == "depends on the address that DNS returns for shop.example: other rules apply to 203.0.113.0/24"
    )
    same = entry(SHOP)
    assert arrives(same, on=excluding) == f"{SHOP}:80"


def test_with_dns_capture_a_service_has_the_listener_of_its_allocated_address() -> None:
    def capture(pod: Any) -> None:
        for each in pod["spec"]["containers"]:
            if each["name"] == "istio-proxy":
                each["env"] = [{"name": "ISTIO_META_DNS_CAPTURE", "value": "true"}]

    first, second = entry("first.example", ports=TCP, age="20d"), entry("second.example", ports=TCP)
    for each, address in ((first, "240.240.0.1"), (second, "240.240.0.2")):
        each["status"] = {"addresses": [{"value": address, "host": each["spec"]["hosts"][0]}]}
    url = "tcp://second.example:9000"
    assert arrives(first, second, url=url, on=pods_of("team-a", capture)) == "second.example:9000"
    assert arrives(first, second, url=url) == "first.example:9000"


def test_settings_of_the_revisions_own_configmap_apply_before_those_of_the_shared_one() -> None:
    """The shared one of the cluster blocks unknown hosts."""
    own = mesh_settings("istio-asm-1-30", "outboundTrafficPolicy: {mode: ALLOW_ANY}\n")
    assert arrives() == BLOCKED
    assert arrives(on=own) == f"{SHOP}:80"


def test_a_destinationrule_without_export_has_that_of_the_mesh() -> None:
    rule = encrypted("theirs", SHOP, "SIMPLE", "team-b")
    assert arrives(entry(SHOP, "team-b"), rule) == TLS_FAILS
    private = mesh_settings("istio-asm-1-30", "defaultDestinationRuleExportTo: ['.']\n")
    assert arrives(entry(SHOP, "team-b"), rule, on=private) == f"{SHOP}:80"


def test_automatic_mutual_tls_is_for_endpoints_with_a_proxy_only() -> None:
    assert arrives(entry(SHOP, location="MESH_INTERNAL")) == f"{SHOP}:80"
    with_proxy = [{"address": SHOP, "labels": {"security.istio.io/tlsMode": "istio"}}]
    assert arrives(entry(SHOP, location="MESH_INTERNAL", endpoints=with_proxy)) == TLS_FAILS
    assert arrives(entry(SHOP, location="MESH_EXTERNAL", endpoints=with_proxy)) == f"{SHOP}:80"
    mixed = [*with_proxy, {"address": "old.example"}]
    found = arrivals(entry(SHOP, location="MESH_INTERNAL", endpoints=mixed))
    assert found == {TLS_FAILS: 50, "old.example:80": 50}


def test_an_endpoint_with_a_name_of_the_cluster_that_no_service_has_is_no_endpoint() -> None:
    deleted = entry(SHOP, at="deleted.team-b.svc.cluster.local")
    assert arrives(deleted) == f"no endpoint of outbound|80||{SHOP}"


def test_a_tcp_destination_of_weight_0_gets_no_connection() -> None:
    split = {"route": [to("old.example", 9000, weight=0), to("new.example", 9000, weight=100)]}
    rule = made("VirtualService", "split", {"hosts": [SHOP], "tcp": [split]})
    known = [entry(each, ports=TCP) for each in ("old.example", "new.example")]
    first = entry(SHOP, ports=TCP, age="20d")
    assert arrives(first, *known, rule, url=f"tcp://{SHOP}:9000") == "new.example:9000"


def test_a_rule_for_a_server_name_is_for_its_port_only() -> None:
    rules = [
        {"match": [{"sniHosts": [SHOP], "port": 8443}], "route": [to("old.example", 443)]},
        {"match": [{"sniHosts": [SHOP], "port": 443}], "route": [to("new.example", 443)]},
    ]
    secure = [entry(each, port=443) for each in (SHOP, "old.example", "new.example")]
    routing = made("VirtualService", "ports", {"hosts": [SHOP], "tls": rules})
    assert arrives(*secure, routing, url=f"https://{SHOP}") == "new.example:443"


def test_peerauthentication_of_the_services_namespace_applies_before_that_of_the_mesh() -> None:
    with_proxy = [{"address": SHOP, "labels": {"security.istio.io/tlsMode": "istio"}}]
    service = entry(SHOP, "team-b", location="MESH_INTERNAL", endpoints=with_proxy)

    def mode(name: str, namespace: str) -> dict[str, Any]:
        return made("PeerAuthentication", "default", {"mtls": {"mode": name}}, namespace, group="security")

    assert arrives(service, mode("STRICT", "aks-istio-system"), mode("DISABLE", "team-b")) == f"{SHOP}:80"
    assert arrives(service, mode("DISABLE", "aks-istio-system"), mode("STRICT", "team-b")) == TLS_FAILS
