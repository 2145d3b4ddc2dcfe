"""The walker's rules, one by one, as Envoy's API documentation states them.

Source: https://www.envoyproxy.io/docs/envoy/latest/api-v3.
"""

from typing import Any

import pytest

from tests.istiod.walker.clusters import endpoints
from tests.istiod.walker.configuration import ProxyConfiguration
from tests.istiod.walker.listeners import filter_chain, for_original_destination, listening
from tests.istiod.walker.matching import NotModelledError, header_matches, path_matches, query_matches
from tests.istiod.walker.rbac import Peer, allowed
from tests.istiod.walker.routes import candidates, clusters, rewritten, virtual_host
from tests.istiod.walker.wire import Connection, Http, Raw, Tls

Json = dict[str, Any]

_INSPECTED = {"listener_filters": [{"name": "envoy.filters.listener.tls_inspector"}]}


def _tls(sni: str, *alpn: str, address: str = "10.0.0.1", port: int = 443) -> Connection:
    return Connection(address, port, (Tls(sni, alpn), Raw()))


def _listener(*matches: Json, default: bool = False) -> Json:
    chains = [{"name": str(number), "filter_chain_match": match} for number, match in enumerate(matches)]
    return {**_INSPECTED, "filter_chains": chains, **({"default_filter_chain": {"name": "default"}} if default else {})}


def _chosen(listener: Json, connection: Connection) -> str | None:
    found = filter_chain(listener, connection)
    return str(found["name"]) if found else None


def test_the_most_specific_server_name_decides() -> None:
    listener = _listener({"server_names": ["*.example"]}, {"server_names": ["*.bank.example"]}, {})
    assert _chosen(listener, _tls("api.bank.example")) == "1"
    assert _chosen(listener, _tls("www.example")) == "0"
    assert _chosen(listener, _tls("other.test")) == "2"


def test_a_criterion_that_decided_is_not_reconsidered() -> None:
    listener = _listener({"destination_port": 443, "server_names": ["a.example"]}, {"server_names": ["b.example"]})
    assert _chosen(listener, _tls("b.example")) is None
    assert (
        _chosen(_listener({"destination_port": 443, "server_names": ["a.example"]}, default=True), _tls("b.example"))
        == "default"
    )


def test_the_longest_destination_prefix_decides_before_server_names() -> None:
    wide = {"prefix_ranges": [{"address_prefix": "10.0.0.0", "prefix_len": 8}], "server_names": ["a.example"]}
    narrow = {"prefix_ranges": [{"address_prefix": "10.0.0.1", "prefix_len": 32}]}
    assert _chosen(_listener(wide, narrow), _tls("a.example")) == "1"


def test_transport_and_application_protocols_narrow_in_order() -> None:
    listener = _listener(
        {"transport_protocol": "tls", "application_protocols": ["istio"]}, {"transport_protocol": "tls"}, {}
    )
    assert _chosen(listener, _tls("a.example", "istio")) == "0"
    assert _chosen(listener, _tls("a.example", "h2")) == "1"
    assert _chosen(listener, Connection("10.0.0.1", 443, (Raw(),))) == "2"


def test_without_an_inspector_nothing_is_known_of_tls() -> None:
    listener = {**_listener({"server_names": ["a.example"]}, {}), "listener_filters": []}
    assert _chosen(listener, _tls("a.example")) == "1"


def _bound(name: str, address: str, port: int, **more: Any) -> Json:
    return {"name": name, "address": {"socket_address": {"address": address, "port_value": port}}, **more}


def test_an_intercepted_connection_uses_the_listener_of_its_address_then_of_its_port_then_its_own() -> None:
    entry = _bound("entry", "0.0.0.0", 15001, use_original_dst=True)
    listeners = [
        entry,
        _bound("any", "0.0.0.0", 80, bind_to_port=False),
        _bound("one", "10.0.0.1", 80, bind_to_port=False),
    ]
    assert for_original_destination(listeners, entry, "10.0.0.1", 80)["name"] == "one"
    assert for_original_destination(listeners, entry, "10.0.0.2", 80)["name"] == "any"
    assert for_original_destination(listeners, entry, "10.0.0.2", 81)["name"] == "entry"
    assert listening(listeners, "10.0.0.1", 80) is None


def test_virtual_hosts_are_found_by_exact_name_then_longest_suffix_then_any() -> None:
    names = ("api.bank.example", "*.bank.example", "*.example", "*")
    domains: dict[str, Json] = {name: {"name": name} for name in names}
    for authority, name in (
        ("API.bank.example", "api.bank.example"),
        ("pay.bank.example", "*.bank.example"),
        ("bank.example", "*.example"),
        ("other.test", "*"),
        ("api.bank.example:80", "*"),
    ):
        found = virtual_host(domains, {}, authority)
        assert found is not None
        assert found["name"] == name
    found = virtual_host(domains, {"ignore_port_in_host_matching": True}, "api.bank.example:80")
    assert found == {"name": "api.bank.example"}


def test_the_first_matching_route_decides_and_fractions_leave_the_rest() -> None:
    half = {"match": {"prefix": "/", "runtime_fraction": {"default_value": {"numerator": 50}}}, "name": "half"}
    host = {"routes": [{"match": {"path": "/x"}, "name": "x"}, half, {"match": {"prefix": "/"}, "name": "rest"}]}
    found = [(route["name"], share) for route, share in candidates(host, Http("a", path="/y"), encrypted=False)]
    assert found == [("half", 50.0), ("rest", 100.0)]


def test_paths_are_matched_without_their_query() -> None:
    assert path_matches({"path": "/v1"}, Http("a", path="/v1?q=1"))
    assert path_matches({"path_separated_prefix": "/v1"}, Http("a", path="/v1/x"))
    assert not path_matches({"path_separated_prefix": "/v1"}, Http("a", path="/v12"))
    assert not path_matches({"safe_regex": {"regex": "/v"}}, Http("a", path="/v1"))
    assert query_matches({"name": "q", "string_match": {"exact": "1"}}, "/v1?q=1")
    assert not query_matches({"name": "q", "present_match": True}, "/v1")


@pytest.mark.parametrize(
    ("matcher", "matches"),
    [
        ({"present_match": True}, False),
        ({"present_match": False}, True),
        ({"string_match": {"exact": "a"}, "invert_match": True}, True),
        ({"string_match": {"exact": ""}, "treat_missing_header_as_empty": True}, True),
    ],
)
def test_a_missing_header(matcher: Json, matches: bool) -> None:
    assert header_matches({"name": "x-team", **matcher}, Http("a")) == matches


def test_weights_are_shares_of_their_sum() -> None:
    weighted = {"weighted_clusters": {"clusters": [{"name": "a", "weight": 1}, {"name": "b", "weight": 3}]}}
    assert [(each["name"], share) for each, share in clusters(weighted)] == [("a", 25.0), ("b", 75.0)]


def test_the_route_changes_path_and_authority() -> None:
    route = {"match": {"prefix": "/v1"}, "route": {"prefix_rewrite": "/v2", "host_rewrite_literal": "b.example"}}
    assert rewritten(Http("a.example", path="/v1/x?q"), route, {}, {}) == Http("b.example", path="/v2/x?q")


def _peer(port: int = 80, source: str = "10.1.2.3", identity: str = "") -> Peer:
    return Peer("10.0.0.1", port, source, "", identity, bool(identity), None)


def test_rbac_allows_what_a_policy_matches_and_denies_the_same() -> None:
    policy = {"permissions": [{"destination_port": 80}], "principals": [{"any": True}]}
    assert allowed({"policies": {"p": policy}}, _peer())
    assert not allowed({"policies": {"p": policy}}, _peer(port=81))
    assert not allowed({"action": "DENY", "policies": {"p": policy}}, _peer())
    assert not allowed({}, _peer())


def test_rbac_sees_the_source_address_and_the_verified_identity() -> None:
    by_address = {"direct_remote_ip": {"address_prefix": "10.1.0.0", "prefix_len": 16}}
    by_name = {"authenticated": {"principal_name": {"prefix": "spiffe://cluster.local/ns/team-a/"}}}
    for principal, peer in ((by_address, _peer()), (by_name, _peer(identity="spiffe://cluster.local/ns/team-a/sa/x"))):
        rules = {"policies": {"p": {"permissions": [{"any": True}], "principals": [principal]}}}
        assert allowed(rules, peer)
        assert not allowed(rules, _peer(source="192.0.2.1"))


def _proxy(cluster: Json, *assignments: Json) -> ProxyConfiguration:
    pushed = {"listeners": [], "routes": [], "clusters": [cluster], "endpoints": list(assignments)}
    return ProxyConfiguration("team-a/web", "sidecar", "spiffe://x", pushed)


def _endpoint(address: str, **more: Any) -> Json:
    return {"endpoint": {"address": {"socket_address": {"address": address, "port_value": 80}}}, **more}


def test_the_highest_priority_with_a_healthy_endpoint_is_used() -> None:
    cluster = {"name": "c", "type": "EDS"}
    groups = [
        {"priority": 1, "lb_endpoints": [_endpoint("10.0.0.2")]},
        {"lb_endpoints": [_endpoint("10.0.0.1", health_status="UNHEALTHY")]},
    ]
    proxy = _proxy(cluster, {"cluster_name": "c", "endpoints": groups})
    assert [each.address for each in endpoints(proxy, cluster, _tls("a"), ("", 0))] == ["10.0.0.2"]


def test_an_original_destination_exists_only_for_intercepted_connections() -> None:
    cluster = {"name": "c", "type": "ORIGINAL_DST"}
    intercepted = Connection("198.51.100.7", 443, (Raw(),), restored=True)
    assert [each.address for each in endpoints(_proxy(cluster), cluster, intercepted, ("", 0))] == ["198.51.100.7"]
    assert endpoints(_proxy(cluster), cluster, Connection("10.0.0.1", 443, (Raw(),)), ("", 0)) == []


def test_an_unknown_part_is_not_passed_over() -> None:
    with pytest.raises(NotModelledError):
        filter_chain({"listener_filters": [{"name": "some.filter"}], "filter_chains": []}, _tls("a"))
    with pytest.raises(NotModelledError):
        allowed({"policies": {"p": {"permissions": [{"any": True}], "principals": [{"new_rule": {}}]}}}, _peer())
