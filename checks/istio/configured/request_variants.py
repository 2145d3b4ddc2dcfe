"""Requests for a host that meet conditions of rules and policies.

They have another path, method, header or query, or a name of a wildcard.

A rule or policy for a part of the requests does not break the others. A host without a question counts as routed if one
of its requests is."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice, product

from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.istio_policies import AuthorizationPolicy
from checks.facts.view import Facts
from checks.istio.configured.conditional_rules import rules_at_gateways, rules_to_gateway
from checks.istio.configured.request_conditions import accepted_texts, conditions_of, meeting
from checks.istio.configured.routing_index import routing_index
from checks.istio.mesh.objects.hosts import is_subset
from checks.istio.request.client_request import ClientRequest
from checks.model.raw_values import Raw, items, mapping, text, texts

_MOST = 60
_MOST_COMBINED = 400


def request_variants(facts: Facts, host: str, request: ClientRequest) -> Iterator[ClientRequest]:
    """Requests of the same kind that meet conditions which this one may not meet."""
    named = [replace(request, host=name) for name in _names(facts, host)] if request.is_example else []
    found = dict.fromkeys(each for one in (request, *named) for each in _with_conditions(facts, host, one))
    yield from islice((each for each in found if each != request), _MOST)


def _with_conditions(facts: Facts, host: str, request: ClientRequest) -> Iterator[ClientRequest]:
    yield request
    if request.scheme not in ("http", "grpc"):
        return
    for blocks in islice(_combined(facts, host), _MOST_COMBINED):
        yield from islice(meeting(blocks, request), 2)


def _combined(facts: Facts, host: str) -> Iterator[list[Raw]]:
    """Conditions of rules for sidecars, of rules for the gateway and of policies.

    They come first on their own, and then together.
    """
    sidecars = _distinct(each.conditions for each in rules_to_gateway(facts, host))
    gateways = _distinct(each.conditions for each in rules_at_gateways(facts, host))
    policies = _distinct(_policy_conditions(facts))
    for single in (*sidecars, *gateways, *policies):
        yield [single]
    groups = [list(enumerate(each or [{}])) for each in (sidecars, gateways, policies)]
    together = product(*groups) if len([each for each in (sidecars, gateways, policies) if each]) > 1 else ()
    for chosen in sorted(together, key=lambda each: sum(at for at, _ in each)):
        yield [each for _, each in chosen if each]


def _distinct(blocks: Iterable[Raw]) -> list[Raw]:
    """Different conditions, at most 20."""
    return list({repr(each): each for each in blocks if each}.values())[:20]


def _policy_conditions(facts: Facts) -> Iterator[Raw]:
    """The conditions of policies as match blocks.

    They are those of an ALLOW rule, and the exceptions of a DENY rule.
    """
    for policy in _policies(facts):
        prefix = "not" if policy.action == "DENY" else ""
        for rule in policy.rules:
            headers = dict(_headers(rule, f"{prefix}values" if not prefix else "notValues"))
            for operation in [mapping(to, "operation") for to in items(rule, "to")] or [{}]:
                methods = texts(operation, "notMethods" if prefix else "methods") or ("",)
                paths = texts(operation, "notPaths" if prefix else "paths") or ("",)
                for method, path in product(methods, paths):
                    block = {
                        "method": _pattern(method) if method else None,
                        "uri": _pattern(path) if path else None,
                        "headers": headers or None,
                    }
                    yield conditions_of(block)


def _pattern(written: str) -> Raw:
    """A policy's pattern as a condition of a match block."""
    if written.endswith("*"):
        return {"prefix": written[:-1]} if written != "*" else {"regex": ".*"}
    return {"regex": f".*{re.escape(written[1:])}"} if written.startswith("*") else {"exact": written}


def _headers(rule: Raw, key: str) -> Iterator[tuple[str, Raw]]:
    """The condition on each header that a policy's rule names."""
    for when in items(rule, "when"):
        name, values = text(when, "key"), texts(when, key)
        if name.startswith("request.headers[") and values:
            yield name.removeprefix("request.headers[").removesuffix("]"), _pattern(values[0])


def _policies(facts: Facts) -> Iterable[AuthorizationPolicy]:
    for namespace in dict.fromkeys((facts.gateway.namespace, ROOT_NAMESPACE)):
        yield from (each for each in facts.readable(AuthorizationPolicy, namespace) if each.action in ("ALLOW", "DENY"))


def _names(facts: Facts, wildcard: str) -> Iterator[str]:
    """Names under a wildcard that rules or policies mention."""
    rules = [rule for policy in _policies(facts) for rule in policy.rules]
    operations = [mapping(to, "operation") for rule in rules for to in items(rule, "to")]
    written = [name for each in operations for key in ("hosts", "notHosts") for name in texts(each, key)]
    for when in (when for rule in rules for when in items(rule, "when")):
        if text(when, "key") == "connection.sni":
            written += (*texts(when, "values"), *texts(when, "notValues"))
    for routes in routing_index(facts).about(wildcard):
        written += [name for rule in routes.tls for match in rule.matches() for name in texts(match, "sniHosts")]
        written += [name for rule in routes.http for match in rule.matches() for name in _authorities(match, wildcard)]
    for name in dict.fromkeys(each.partition(":")[0].lower() for each in written):
        if "*" not in name and is_subset(name, wildcard):
            yield name


def _authorities(match: Raw, wildcard: str) -> Iterator[str]:
    """Names that a condition on the authority accepts.

    The wildcard's domain completes a prefix.
    """
    for each in accepted_texts([mapping(match, "authority")]):
        yield from (each, f"{each.removesuffix('.')}{wildcard[1:]}")
