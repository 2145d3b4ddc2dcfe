"""The patches of generated EnvoyFilters, for every part of a configuration."""

from __future__ import annotations

from typing import Any

from tests.istiod.meshes.draft import API, PAY, Draft, Json

_TYPE = "type.googleapis.com/envoy.extensions"
_MANAGER = "envoy.filters.network.http_connection_manager"
_ROUTE = {"match": {"prefix": "/"}, "route": {"cluster": "PassthroughCluster"}}
_COMPRESSOR = {
    "name": "envoy.filters.http.compressor",
    "typed_config": {
        "@type": f"{_TYPE}.filters.http.compressor.v3.Compressor",
        "compressor_library": {
            "name": "gzip",
            "typed_config": {"@type": f"{_TYPE}.compression.gzip.compressor.v3.Gzip"},
        },
    },
}
_LUA = {
    "name": "envoy.filters.http.lua",
    "typed_config": {"@type": f"{_TYPE}.filters.http.lua.v3.Lua", "inline_code": "-- nothing"},
}


def patches(draft: Draft) -> list[Json]:
    """Patches of every part of a configuration, for a context of the draft's choice."""
    context = draft.pick(["SIDECAR_OUTBOUND", "GATEWAY", "ANY"])
    found = [*_of_routes(draft), *_of_clusters(draft), *_of_listeners(draft)]
    for each in found:
        each["match"] = {**each.get("match", {}), "context": context}
        if draft.rng.random() < 0.1:
            each["match"]["proxy"] = {"proxyVersion": draft.pick(["^1\\.31.*", "^1\\.9.*"])}
    return found


def _patch(kind: str, operation: str, value: Any = None, **match: Json) -> Json:
    patch = {"operation": operation, **({"value": value} if value is not None else {})}
    return {"applyTo": kind, "match": match, "patch": patch}


def _of_routes(draft: Draft) -> list[Json]:
    port = draft.pick([80, 443, 8080])
    host: Json = draft.pick(
        [{"name": f"{API}:80"}, {"name": f"{PAY}:80"}, {"domainName": API}, {"name": "allow_any"}, {}]
    )
    action: Json = draft.pick([{}, {"action": "ROUTE"}, {"action": "REDIRECT"}, {"name": "default"}, {"name": "first"}])
    configuration: Json = {"vhost": {**host, **({"route": action} if action else {})}}
    if draft.rng.random() < 0.3:
        configuration["portNumber"] = port
    if draft.rng.random() < 0.1:
        configuration["name"] = draft.pick(["80", "http.80"])
    at: Json = {"routeConfiguration": configuration}
    any_host: Json = {"routeConfiguration": {"portNumber": port}}
    domain = draft.pick([API, "*.bank.example", "new.example", "*"])
    added = {"name": "added", "domains": [domain], "routes": [_ROUTE]}
    cluster = {"cluster": draft.pick(["PassthroughCluster", f"outbound|443||{API}", "missing"])}
    return [
        _patch("HTTP_ROUTE", "MERGE", {"route": {"timeout": "7s"}}, **at),
        _patch("HTTP_ROUTE", "MERGE", {"route": cluster}, **at),
        _patch("HTTP_ROUTE", "MERGE", {"route": {"prefixRewrite": "/x"}}, **at),
        _patch("HTTP_ROUTE", "REMOVE", **at),
        _patch("HTTP_ROUTE", draft.pick(["ADD", "INSERT_FIRST", "INSERT_BEFORE", "INSERT_AFTER"]), _ROUTE, **at),
        _patch("VIRTUAL_HOST", "REMOVE", **draft.pick([at, any_host])),
        _patch("VIRTUAL_HOST", "MERGE", {"retryPolicy": {"numRetries": 7}}, **at),
        _patch("VIRTUAL_HOST", "MERGE", {"requireTls": "ALL"}, **at),
        _patch("VIRTUAL_HOST", "ADD", added, **draft.pick([any_host, {}])),
        _patch("ROUTE_CONFIGURATION", "MERGE", {"response_headers_to_remove": ["server"]}, **any_host),
        _patch("ROUTE_CONFIGURATION", "MERGE", {"request_headers_to_remove": ["x-team"]}, **any_host),
    ]


def _of_clusters(draft: Draft) -> list[Json]:
    match: Json = draft.pick(
        [
            {"service": API},
            {"service": API, "portNumber": 443},
            {"name": f"outbound|443||{API}", "service": "ignored.example"},
            {"subset": "bank"},
            {"name": "PassthroughCluster"},
            {},
        ]
    )
    at = {"cluster": match}
    return [
        _patch("CLUSTER", "REMOVE", **at),
        _patch("CLUSTER", "MERGE", {"connect_timeout": "7s"}, **at),
        _patch("CLUSTER", "MERGE", {"type": "STATIC"}, **at),
        _patch("CLUSTER", "ADD", {"name": draft.pick(["missing", "unused"]), "connect_timeout": "1s"}),
    ]


def _of_listeners(draft: Draft) -> list[Json]:
    listener: Json = draft.pick([{"portNumber": 80}, {"portNumber": 443}, {"name": "0.0.0.0_80"}, {}])
    chain: Json = draft.pick([{}, {"sni": API}, {"transportProtocol": "tls"}])
    manager = {"listener": {**listener, "filterChain": {**chain, "filter": {"name": _MANAGER}}}}
    at = {"listener": listener}
    settings = {
        "@type": f"{_TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        draft.pick(["stream_idle_timeout", "requestTimeout"]): "7s",
    }
    before = draft.pick(["INSERT_BEFORE", "INSERT_FIRST"])
    return [
        _patch("LISTENER", "REMOVE", **at),
        _patch("LISTENER", "MERGE", {"per_connection_buffer_limit_bytes": 1000}, **at),
        _patch("NETWORK_FILTER", "MERGE", {"name": _MANAGER, "typed_config": settings}, **manager),
        _patch("HTTP_FILTER", before, _COMPRESSOR, **manager),
        _patch("HTTP_FILTER", before, _LUA, **manager),
        _patch("FILTER_CHAIN", "REMOVE", listener={**listener, "filterChain": chain}),
    ]
