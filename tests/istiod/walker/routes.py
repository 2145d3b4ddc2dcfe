"""The route of an HTTP request.

It consists of the virtual host, the route, and what the route does to the request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from tests.istiod.walker.matching import (
    Json,
    NotModelledError,
    domain_of,
    header_matches,
    path_matches,
    query_matches,
    string_matches,
)
from tests.istiod.walker.wire import Connect, Http

_KNOWN_CONDITIONS = {
    "prefix",
    "path",
    "safe_regex",
    "path_separated_prefix",
    "connect_matcher",
    "case_sensitive",
    "headers",
    "query_parameters",
    "runtime_fraction",
    "grpc",
    "tls_context",
    "path_match_policy",
    "dynamic_metadata",
    "filter_state",
}


def virtual_host(domains: dict[str, Json] | Any, configuration: Json, authority: str) -> Json | None:
    """The virtual host of an authority.

    Ports count unless the route configuration ignores them.
    """
    host = authority.lower()
    if configuration.get("ignore_port_in_host_matching"):
        host = re.sub(r":\d+$", "", host)
    return domain_of(domains, host)


def candidates(host: Json, request: Http | Connect, *, encrypted: bool) -> Iterator[tuple[Json, float]]:
    """The routes that match.

    Each has the percentage of requests that takes it once it is reached.
    """
    if host.get("matcher"):
        raise NotModelledError("virtual host matcher")
    for route in host.get("routes", ()):
        match = route["match"]
        if not _holds(match, request, encrypted=encrypted):
            continue
        share = percentage(match["runtime_fraction"]["default_value"]) if "runtime_fraction" in match else 100.0
        yield route, share
        if share >= 100:
            return


def _holds(match: Json, request: Http | Connect, *, encrypted: bool) -> bool:
    unknown = set(match) - _KNOWN_CONDITIONS
    if unknown or "dynamic_metadata" in match or "filter_state" in match:
        raise NotModelledError(f"route match {sorted(unknown or {'metadata'})}")
    if isinstance(request, Connect):
        return "connect_matcher" in match and all(
            _header_of_connect(each, request) for each in match.get("headers", ())
        )
    if match.get("grpc") is not None and not (request.header("content-type") or "").startswith("application/grpc"):
        return False
    if "tls_context" in match and not _client_certificate(match["tls_context"], encrypted=encrypted):
        return False
    return (
        path_matches(match, request)
        and all(header_matches(each, request) for each in match.get("headers", ()))
        and all(query_matches(each, request.path) for each in match.get("query_parameters", ()))
    )


def _client_certificate(wanted: Json, *, encrypted: bool) -> bool:
    if wanted.get("validated"):
        raise NotModelledError("route match on a validated certificate")
    return "presented" not in wanted or bool(wanted["presented"]) == encrypted


def _header_of_connect(matcher: Json, request: Connect) -> bool:
    values = {":authority": request.authority, ":method": request.method}
    if matcher["name"] not in values or "string_match" not in matcher:
        raise NotModelledError(f"CONNECT route on header {matcher['name']}")
    return string_matches(matcher["string_match"], values[matcher["name"]]) != bool(matcher.get("invert_match"))


def percentage(fraction: Json) -> float:
    """A FractionalPercent as a percentage."""
    of = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}[fraction.get("denominator", "HUNDRED")]
    return 100.0 * float(fraction.get("numerator", 0)) / of


def clusters(action: Json) -> list[tuple[Json, float]]:
    """The clusters of a route action or a TCP proxy.

    Each is an object with a name, and has its percentage.
    """
    if "cluster" in action:
        return [({"name": action["cluster"]}, 100.0)]
    if "weighted_clusters" in action:
        weighted = action["weighted_clusters"]["clusters"]
        total = sum(int(each.get("weight", 0)) for each in weighted)
        return (
            [(each, 100.0 * int(each.get("weight", 0)) / total) for each in weighted if int(each.get("weight", 0))]
            if total
            else []
        )
    raise NotModelledError(f"cluster specifier {sorted(set(action) - {'timeout', 'retry_policy', 'max_grpc_timeout'})}")


def rewritten(request: Http, route: Json, host: Json, cluster: Json) -> Http:
    """The request as it leaves the proxy.

    Path and authority are rewritten, headers removed and added.
    """
    action = route.get("route", {})
    request = replace(request, path=_path(request.path, route["match"], action))
    if "host_rewrite_literal" in action:
        request = replace(request, authority=action["host_rewrite_literal"])
    elif "host_rewrite_header" in action:
        request = replace(request, authority=request.header(action["host_rewrite_header"]) or request.authority)
    elif "host_rewrite_path_regex" in action:
        raise NotModelledError("host_rewrite_path_regex")
    for part in (cluster, route, host):
        request = _headers(request, part.get("request_headers_to_add", ()), part.get("request_headers_to_remove", ()))
    if "host_rewrite_literal" in cluster:
        request = replace(request, authority=cluster["host_rewrite_literal"])
    return request


def _path(path: str, match: Json, action: Json) -> str:
    bare, mark, query = path.partition("?")
    if "prefix_rewrite" in action:
        matched = match.get("prefix") or match.get("path_separated_prefix")
        bare = action["prefix_rewrite"] + bare[len(matched) :] if matched else action["prefix_rewrite"]
    elif "regex_rewrite" in action:
        rule = action["regex_rewrite"]
        bare = re.sub(rule["pattern"]["regex"], rule["substitution"], bare)
    elif "path_rewrite_policy" in action:
        raise NotModelledError("path_rewrite_policy")
    return bare + mark + query


def _headers(request: Http, add: Iterable[Json], remove: Iterable[str]) -> Http:
    for name in remove:
        request = request.without_header(name)
    for each in add:
        action = each.get("append_action", "APPEND_IF_EXISTS_OR_ADD")
        name, value = each["header"]["key"], each["header"].get("value", "")
        append = each.get("append", action == "APPEND_IF_EXISTS_OR_ADD")
        if action == "ADD_IF_ABSENT" and request.header(name) is not None:
            continue
        request = request.with_header(name, value, append=bool(append))
    return request
