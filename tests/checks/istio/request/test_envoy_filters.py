"""Patches of EnvoyFilters: simple ones are applied; others make unknown what they change."""

from typing import Any

import pytest

from tests.checks.istio.request.sent import Manifest, arrives, entry, made

_HOST, _OTHER = "patched.example", "other.example"
_MANAGER = "envoy.filters.network.http_connection_manager"
_FORWARDING = {"match": {"prefix": "/"}, "route": {"cluster": "PassthroughCluster"}}
_FILTERS = "type.googleapis.com/envoy.extensions.filters"
_UNKNOWN = "not modelled: EnvoyFilter team-a/filter changes"


def _filter(
    kind: str, operation: str, match: Any = None, value: Any = None, name: str = "filter", **spec: Any
) -> Manifest:
    patch = {"operation": operation, **({"value": value} if value is not None else {})}
    whole = {"applyTo": kind, "match": {"context": "SIDECAR_OUTBOUND", **(match or {})}, "patch": patch}
    return made("EnvoyFilter", name, {"configPatches": [whole], **spec})


def _sent(*filters: Manifest, host: str = _HOST, port: int = 80, path: str = "/") -> str:
    """The place at which a request for one of two hosts arrives."""
    found = arrives(entry(_HOST), entry(_OTHER), *filters, url=f"http://{host}:{port}", path=path)
    return "unknown" if found.startswith(_UNKNOWN) else found


def _routes(vhost: Any = None, **more: Any) -> Any:
    return {"routeConfiguration": {**more, **({"vhost": vhost} if vhost is not None else {})}}


_NAMED = {"name": f"{_HOST}:80"}
_ON_80, _HTTP_ON_80 = (
    {"listener": {"portNumber": 80}},
    {"listener": {"portNumber": 80, "filterChain": {"filter": {"name": _MANAGER}}}},
)


@pytest.mark.parametrize(
    "patch",
    [
        _filter("HTTP_ROUTE", "MERGE", _routes(_NAMED), {"route": {"prefixRewrite": "/x"}}),
        _filter("HTTP_ROUTE", "MERGE", _routes({**_NAMED, "route": {"name": "default"}}), {"match": {"prefix": "/a"}}),
        _filter("HTTP_ROUTE", "INSERT_FIRST", _routes(_NAMED), _FORWARDING),
        _filter("HTTP_ROUTE", "INSERT_BEFORE", _routes({**_NAMED, "route": {"name": "default"}}), _FORWARDING),
        _filter("VIRTUAL_HOST", "MERGE", _routes({"domainName": _HOST}), {"requireTls": "ALL"}),
        _filter("CLUSTER", "MERGE", {"cluster": {"service": _HOST}}, {"type": "STATIC"}),
        _filter("CLUSTER", "MERGE", {"cluster": {"name": f"outbound|80||{_HOST}"}}, {"type": "STATIC"}),
    ],
)
def test_a_patch_that_is_not_modelled_makes_unknown_only_the_host_that_it_is_for(patch: Manifest) -> None:
    assert _sent(patch) == "unknown"
    assert _sent(patch, host=_OTHER) == f"{_OTHER}:80"


@pytest.mark.parametrize(
    "patch",
    [
        _filter("ROUTE_CONFIGURATION", "MERGE", _routes(portNumber=80), {"requestHeadersToRemove": ["x"]}),
        _filter("LISTENER", "MERGE", _ON_80, {"useOriginalDst": True}),
        _filter("LISTENER", "ADD", None, {"address": {"socketAddress": {"portValue": 80}}}),
        _filter("HTTP_FILTER", "INSERT_FIRST", _HTTP_ON_80, {"name": "envoy.filters.http.lua"}),
        _filter("NETWORK_FILTER", "MERGE", _HTTP_ON_80, {"typed_config": {"use_remote_address": True}}),
        _filter("LISTENER_FILTER", "ADD", _ON_80, {"name": "envoy.filters.listener.proxy_protocol"}),
    ],
)
def test_a_patch_of_a_port_makes_unknown_only_that_port(patch: Manifest) -> None:
    assert _sent(patch) == "unknown"
    assert _sent(patch, port=8080) == "fixed answer of block_all"


@pytest.mark.parametrize(
    "patch",
    [
        _filter("HTTP_ROUTE", "MERGE", _routes(), {"route": {"timeout": "7s", "maxStreamDuration": {}}}),
        _filter("HTTP_ROUTE", "ADD", _routes(_NAMED), _FORWARDING),
        _filter("HTTP_ROUTE", "INSERT_AFTER", _routes({"route": {"name": "default"}}), _FORWARDING),
        _filter("HTTP_ROUTE", "INSERT_FIRST", _routes({"route": {"name": "missing"}}), _FORWARDING),
        _filter("HTTP_ROUTE", "REMOVE", _routes({"route": {"action": "REDIRECT"}})),
        _filter("HTTP_ROUTE", "REMOVE", _routes(name="http.80")),
        _filter("VIRTUAL_HOST", "ADD", _routes(), {"name": "added", "domains": ["*.example"], "routes": [_FORWARDING]}),
        _filter("VIRTUAL_HOST", "MERGE", _routes(), {"retry_policy": {"num_retries": 7}}),
        _filter("CLUSTER", "MERGE", None, {"connectTimeout": "7s", "outlier_detection": {}}),
        _filter("CLUSTER", "REMOVE", {"cluster": {"name": "outbound|443||x", "service": _HOST}}),
        _filter("CLUSTER", "ADD", None, {"name": "added"}),
        _filter("LISTENER", "MERGE", None, {"perConnectionBufferLimitBytes": 1000}),
        _filter("LISTENER", "REMOVE", {"listener": {"portNumber": 443}}),
        _filter("FILTER_CHAIN", "REMOVE", {"listener": {"filterChain": {"sni": _HOST}}}),
        _filter("FILTER_CHAIN", "MERGE", {"listener": {"filterChain": {"transportProtocol": "tls"}}}, {"name": "x"}),
        _filter(
            "HTTP_FILTER",
            "INSERT_BEFORE",
            _HTTP_ON_80,
            {"typed_config": {"@type": f"{_FILTERS}.http.compressor.v3.Compressor"}},
        ),
        _filter(
            "NETWORK_FILTER",
            "MERGE",
            _HTTP_ON_80,
            {
                "typed_config": {
                    "@type": f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
                    "streamIdleTimeout": "7s",
                }
            },
        ),
        _filter("BOOTSTRAP", "MERGE", None, {"stats_config": {}}),
        _filter("VIRTUAL_HOST", "REMOVE", {"context": "GATEWAY"}),
        _filter("VIRTUAL_HOST", "REMOVE", {"proxy": {"proxyVersion": "^1\\.9.*"}}),
        _filter("VIRTUAL_HOST", "REMOVE", workloadSelector={"labels": {"app": "other"}}),
        _filter("VIRTUAL_HOST", "REMOVE", targetRefs=[{"kind": "Gateway", "name": "bank"}]),
    ],
)
def test_a_patch_of_something_else_changes_nothing(patch: Manifest) -> None:
    assert _sent(patch) == f"{_HOST}:80"


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        (_filter("HTTP_ROUTE", "REMOVE", _routes(_NAMED)), f"no route of {_HOST} matches"),
        (_filter("VIRTUAL_HOST", "REMOVE", _routes(_NAMED)), "fixed answer of block_all"),
        (_filter("CLUSTER", "REMOVE", {"cluster": {"service": _HOST}}), f"no cluster outbound|80||{_HOST}"),
        (
            _filter("CLUSTER", "REMOVE", {"cluster": {"name": f"outbound|80||{_HOST}", "service": "ignored.example"}}),
            f"no cluster outbound|80||{_HOST}",
        ),
        (_filter("LISTENER", "REMOVE", _ON_80), "outbound traffic to unknown hosts is blocked"),
    ],
)
def test_a_removed_part_is_missing(patch: Manifest, reason: str) -> None:
    assert _sent(patch) == reason


def test_all_removed_listeners_accept_no_connection() -> None:
    assert "has no listener for intercepted connections" in _sent(_filter("LISTENER", "REMOVE"))


def test_a_fixed_answer_is_a_route_that_a_patch_can_remove() -> None:
    removed = _filter("HTTP_ROUTE", "REMOVE", _routes({"route": {"name": "block_all"}}))
    assert _sent(removed, host="unknown.example") == "no route of block_all matches"


def test_an_added_virtual_host_gets_the_requests_of_its_domains_only() -> None:
    value = {"name": "added", "domains": ["*.example"], "routes": [_FORWARDING]}
    added = _filter("VIRTUAL_HOST", "ADD", _routes(portNumber=80), value)
    assert _sent(added, host="unknown.example") == "unknown"
    assert _sent(added, host="unknown.other") == "fixed answer of block_all"
    refused = _filter("VIRTUAL_HOST", "ADD", _routes(portNumber=80), {**value, "domains": [_HOST]})
    assert _sent(refused) == "unknown", "Envoy refuses two virtual hosts with one domain"


def test_patches_apply_by_priority_then_root_namespace_first() -> None:
    def to(cluster: str, name: str, **spec: Any) -> Manifest:
        return _filter("HTTP_ROUTE", "MERGE", _routes(_NAMED), {"route": {"cluster": cluster}}, name, **spec)

    own, later = to("own", "own"), to("later", "later", priority=1)
    assert _sent(later, own) == "no cluster later"
    root = to("root", "root")
    root = {**root, "metadata": {**root["metadata"], "namespace": "aks-istio-system"}}
    assert _sent(own, root) == "no cluster own"


def test_a_patch_that_depends_on_the_patch_release_is_not_certain() -> None:
    depends = {"proxy": {"proxyVersion": "^1\\.30\\.[0-3]$"}, **_routes(_NAMED)}
    assert _sent(_filter("VIRTUAL_HOST", "MERGE", depends, {"requireTls": "ALL"})) == "unknown"
    assert _sent(_filter("HTTP_ROUTE", "REMOVE", depends)) == "unknown"
