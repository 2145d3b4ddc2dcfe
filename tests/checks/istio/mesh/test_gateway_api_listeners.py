"""Listeners of Gateways and ListenerSets as servers."""

from typing import Any

import pytest

from tests.checks.istio.mesh.converted import converted, gateway, gateway_api, http_listener

_SECRET = {
    "kind": "Secret",
    "metadata": {"name": "cert", "namespace": "team-egress"},
    "data": {"tls.crt": "", "tls.key": ""},
}
_CERTIFICATE = {"certificateRefs": [{"group": "", "kind": "Secret", "name": "cert"}]}


def _listener_set(*listeners: dict[str, Any], namespace: str = "team-egress", age: int = 0) -> dict[str, Any]:
    spec = {"parentRef": {"name": "bank", "namespace": "team-egress"}, "listeners": list(listeners)}
    return gateway_api("ListenerSet", "more", spec, namespace, age)


def _names(*objects: dict[str, Any]) -> list[str]:
    return [each.name.rpartition("~")[2] for each in converted(*objects).gateways]


def test_a_listener_is_a_server_of_the_service_that_the_gateway_names() -> None:
    [made] = converted(gateway(http_listener("http", "api.bank.example"))).gateways
    assert made.services == {"egw.team-egress.svc.cluster.local"}
    assert not made.managed
    assert made.servers[0].hosts == ("team-egress/api.bank.example",)
    assert made.ref == "Gateway team-egress/bank"


@pytest.mark.parametrize(
    ("addresses", "services"),
    [
        ([], {"bank-istio.team-egress.svc.cluster.local"}),
        ([{"type": "IPAddress", "value": "10.0.0.1"}], {"bank-istio.team-egress.svc.cluster.local"}),
        ([{"type": "Hostname", "value": "egw"}], {"egw.team-egress.svc.cluster.local"}),
        (
            [{"type": "Hostname", "value": "egw"}, {"type": "IPAddress", "value": "10.0.0.1"}],
            {"egw.team-egress.svc.cluster.local"},
        ),
    ],
)
def test_addresses_name_services_and_without_one_istiod_creates_it(addresses: list[Any], services: set[str]) -> None:
    [made] = converted(gateway(addresses=addresses)).gateways
    assert made.services == services
    assert made.managed == ("bank-istio" in min(services))


@pytest.mark.parametrize(
    ("allowed", "hosts"),
    [
        ({"from": "All"}, ("*/*",)),
        ({"from": "Same"}, ("team-egress/*",)),
        ({"from": "Selector", "selector": {"matchLabels": {"team": "a"}}}, ("team-a/*",)),
        ({"from": "Selector", "selector": {"matchLabels": {"team": "none"}}}, ("~/*",)),
    ],
)
def test_allowed_namespaces_are_those_of_the_hosts(allowed: dict[str, Any], hosts: tuple[str, ...]) -> None:
    listener = http_listener("http", allowedRoutes={"namespaces": allowed})
    [made] = converted(gateway(listener)).gateways
    assert made.servers[0].hosts == hosts


@pytest.mark.parametrize(
    ("tls", "mode", "credential"),
    [
        ({"mode": "Passthrough"}, "PASSTHROUGH", ""),
        ({"options": {"gateway.istio.io/tls-terminate-mode": "ISTIO_MUTUAL"}}, "ISTIO_MUTUAL", ""),
        ({"options": {"gateway.istio.io/tls-terminate-mode": "ISTIO_SIMPLE"}}, "SIMPLE", "builtin://"),
        (_CERTIFICATE, "SIMPLE", "kubernetes-gateway://team-egress/cert"),
        (
            {**_CERTIFICATE, "options": {"gateway.istio.io/tls-terminate-mode": "MUTUAL"}},
            "MUTUAL",
            "kubernetes-gateway://team-egress/cert",
        ),
    ],
)
def test_tls_settings(tls: dict[str, Any], mode: str, credential: str) -> None:
    [made] = converted(gateway({"name": "tls", "port": 443, "protocol": "HTTPS", "tls": tls}), _SECRET).gateways
    assert made.servers[0].tls_mode == mode
    assert (made.servers[0].tls or {}).get("credentialName", "") == credential


@pytest.mark.parametrize(
    "listener",
    [
        {"name": "tls", "port": 443, "protocol": "HTTPS"},
        {"name": "tls", "port": 443, "protocol": "HTTPS", "tls": {"certificateRefs": [{"name": "absent"}]}},
        {"name": "udp", "port": 53, "protocol": "UDP"},
    ],
)
def test_a_listener_that_is_not_valid_opens_no_port(listener: dict[str, Any]) -> None:
    assert not converted(gateway(listener), _SECRET).gateways


def test_a_certificate_of_another_namespace_needs_a_grant() -> None:
    secret = {**_SECRET, "metadata": {"name": "cert", "namespace": "team-a"}}
    tls = {"certificateRefs": [{"kind": "Secret", "group": "", "name": "cert", "namespace": "team-a"}]}
    requesting = gateway({"name": "tls", "port": 443, "protocol": "HTTPS", "tls": tls})
    source = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "namespace": "team-egress"}
    granted = gateway_api("ReferenceGrant", "g", {"from": [source], "to": [{"group": "", "kind": "Secret"}]}, "team-a")
    other = gateway_api(
        "ReferenceGrant", "g", {"from": [source], "to": [{"group": "", "kind": "Secret", "name": "another"}]}, "team-a"
    )
    assert not converted(requesting, secret).gateways
    assert not converted(requesting, secret, other).gateways
    assert converted(requesting, secret, granted).gateways


def test_of_two_listeners_for_one_port_and_host_the_first_one_is_opened() -> None:
    first, second = http_listener("one", "a.example"), http_listener("two", "a.example")
    assert _names(gateway(first, second)) == ["one"]
    assert _names(gateway(first, http_listener("two", "b.example"))) == ["one", "two"]
    assert _names(gateway(first, http_listener("two", "a.example", 8080))) == ["one", "two"]
    assert _names(gateway(first, {"name": "tcp", "port": 80, "protocol": "TCP"})) == ["one"]


def test_a_gateway_allows_listener_sets_only_from_the_namespaces_that_it_names() -> None:
    more = _listener_set(http_listener("more", "b.example"))
    own = http_listener("own", "a.example")
    assert _names(gateway(own), more) == ["own"]
    assert _names(gateway(own, allowedListeners={"namespaces": {"from": "Same"}}), more) == ["own", "more"]
    elsewhere = _listener_set(http_listener("more", "b.example"), namespace="team-a")
    assert _names(gateway(own, allowedListeners={"namespaces": {"from": "Same"}}), elsewhere) == ["own"]
    assert _names(gateway(own, allowedListeners={"namespaces": {"from": "All"}}), elsewhere) == ["own", "more"]
    selector = {"from": "Selector", "selector": {"matchLabels": {"team": "a"}}}
    assert _names(gateway(own, allowedListeners={"namespaces": selector}), elsewhere) == ["own", "more"]
    assert _names(gateway(own, allowedListeners={"namespaces": selector}), more) == ["own"]


def test_the_gateways_own_listeners_win_over_those_of_listener_sets() -> None:
    all_allowed = {"namespaces": {"from": "All"}}
    more = _listener_set(http_listener("more", "a.example"))
    assert _names(gateway(http_listener("own", "a.example"), allowedListeners=all_allowed), more) == ["own"]


def test_gateways_of_other_controllers_are_ignored() -> None:
    own = gateway_api("GatewayClass", "own", {"controllerName": "istio.io/gateway-controller"}, "")
    foreign = gateway_api("GatewayClass", "own", {"controllerName": "example.com/controller"}, "")
    assert not _names(gateway(gatewayClassName="own"))
    assert not _names(gateway(gatewayClassName="own"), foreign)
    assert _names(gateway(gatewayClassName="own"), own) == ["http"]
