"""Requests for a host that meet conditions of rules and policies.

They have another path, method or header, or a name of a wildcard.

A rule or policy for a part of the requests does not break the others. A host without a question counts as routed if one
of its requests is."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.istio_policies import AuthorizationPolicy
from checks.facts.view import Facts
from checks.istio.configured.routing_index import routing_index
from checks.istio.mesh.objects.hosts import is_subset
from checks.istio.request.client_request import ClientRequest
from checks.model.raw_values import Raw, items, mapping, text, texts

_MOST = 24


def request_variants(facts: Facts, host: str, request: ClientRequest) -> Iterator[ClientRequest]:
    """Requests of the same kind that meet conditions which this one may not meet."""
    named = [replace(request, host=name) for name in _names(facts, host)] if request.is_example else []
    found = dict.fromkeys(each for one in (request, *named) for each in _with_conditions(facts, host, one))
    yield from islice((each for each in found if each != request), _MOST)


def _with_conditions(facts: Facts, host: str, request: ClientRequest) -> Iterator[ClientRequest]:
    yield request
    if request.scheme not in ("http", "grpc"):
        return
    for match in _http_matches(facts, host):
        headers = tuple((name, value) for name, each in mapping(match, "headers").items() if (value := _value(each)))
        yield replace(
            request,
            path=_value(match.get("uri")) or request.path,
            method=_value(match.get("method")) or request.method,
            headers=headers,
        )
    for rule in _allowing_rules(facts):
        headers = tuple(_headers(rule))
        for operation in [mapping(to, "operation") for to in items(rule, "to")] or [{}]:
            for method in texts(operation, "methods") or (request.method,):
                for path in texts(operation, "paths") or (request.path,):
                    yield replace(request, path=_example_of(path), method=method, headers=headers)


def _headers(rule: Raw) -> Iterator[tuple[str, str]]:
    """A value of each header that a policy's rule needs."""
    for when in items(rule, "when"):
        name, values = text(when, "key"), texts(when, "values")
        if name.startswith("request.headers[") and values:
            yield name.removeprefix("request.headers[").removesuffix("]"), values[0].replace("*", "")


def _http_matches(facts: Facts, host: str) -> Iterator[Raw]:
    for routes in routing_index(facts).about(host):
        for rule in routes.http:
            yield from rule.matches()


def _allowing_rules(facts: Facts) -> Iterator[Raw]:
    for policy in _policies(facts):
        yield from policy.rules


def _policies(facts: Facts) -> Iterable[AuthorizationPolicy]:
    for namespace in dict.fromkeys((facts.gateway.namespace, ROOT_NAMESPACE)):
        yield from (each for each in facts.readable(AuthorizationPolicy, namespace) if each.action == "ALLOW")


def _names(facts: Facts, wildcard: str) -> Iterator[str]:
    """Names under a wildcard that rules or policies mention."""
    operations = (mapping(to, "operation") for rule in _allowing_rules(facts) for to in items(rule, "to"))
    written = [name for each in operations for name in texts(each, "hosts")]
    for policy in _policies(facts):
        conditions = (when for rule in policy.rules for when in items(rule, "when"))
        written += [
            name for when in conditions if text(when, "key") == "connection.sni" for name in texts(when, "values")
        ]
    for routes in routing_index(facts).about(wildcard):
        written += [name for rule in routes.tls for match in rule.matches() for name in texts(match, "sniHosts")]
    for name in dict.fromkeys(each.partition(":")[0].lower() for each in written):
        if "*" not in name and is_subset(name, wildcard):
            yield name


def _value(match: object) -> str:
    """A text that an exact or prefix match accepts; "" for other matches."""
    return text(match, "exact") or text(match, "prefix")


def _example_of(path: str) -> str:
    """A path that a policy's pattern accepts."""
    return path.replace("*", "") or "/"
