"""The clients for which the rules of a host lead to the gateway."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from checks.facts.fact import Unreadable
from checks.facts.istio_networking import VirtualService
from checks.facts.pods import Pod
from checks.istio.configured.routing_index import destinations_in, routing_index
from checks.istio.mesh.configuration import NOWHERE, PRIVATE, PUBLIC, is_exported
from checks.istio.mesh.objects.routing_rules import RoutingRule, RoutingRules
from checks.istio.request.client_request import Clients
from checks.istio.request.clients import expected_client
from checks.istio.request.routing import Routing
from checks.model.raw_values import Raw, labels, mapping, text


@dataclass(frozen=True, slots=True)
class MissingClient:
    """A client for which a rule leads to the gateway, and of which no pod runs."""

    clients: Clients
    reason: str
    """The sentence that no such pod runs."""


def intended_clients(over: Routing, host: str, every: tuple[Clients, ...]) -> tuple[Clients, ...]:
    """The clients for which rules lead the host to the gateway.

    Without such rules, they are those whose Sidecar sends unknown hosts to the gateway. They are all clients if there are
    neither, or if the question names one.
    """
    if over.facts.question.client or len(every) == 1:
        return every
    leading = _leading(over, host)
    if not leading:
        return tuple(each for each in every if _sends_unknown_hosts(over, each)) or every
    return tuple(each for each in every if any(_is_for(over, *one, each) for one in leading)) or every


def _sends_unknown_hosts(over: Routing, clients: Clients) -> bool:
    """Whether the `egressProxy` of the clients' Sidecar is the gateway's Service."""
    try:
        proxy = over.proxy(clients.pod)
        named = text(proxy.scope.egress_proxy, "host") if proxy is not None else ""
    except Unreadable:
        return False
    return named.lower() == over.facts.gateway.service_host


def missing_client(over: Routing, host: str, every: tuple[Clients, ...]) -> MissingClient | None:
    """The client for which a rule leads to the gateway; None if one of the running clients is.

    The rule names it by labels or namespace, or its object applies only to clients of some namespaces.
    """
    leading = _leading(over, host)
    if over.facts.question.client or any(_is_for(over, *one, each) for one in leading for each in every):
        return None
    for routes, rule in leading:
        described = (_described(over, routes, rule, match) for match in rule.matches())
        found = next((each for each in (*described, _in_namespaces(over, routes, rule)) if each is not None), None)
        if found is not None:
            return found
    return None


def _in_namespaces(over: Routing, routes: RoutingRules, rule: RoutingRule) -> MissingClient | None:
    """The client of the first namespace to which the object of a rule applies.

    None if it applies to all. An object that applies only to the gateway's namespace lacks its clients: it is a fault.
    """
    written = [routes.namespace] if routes.gateway_api else [each for each in routes.export_to if each != NOWHERE]
    every = dict.fromkeys(routes.namespace if each == PRIVATE else each for each in written if each != PUBLIC)
    names = [each for each in every if each != over.facts.gateway.namespace]
    for name in names:
        clients = expected_client(over.facts, name)
        if _is_for(over, routes, rule, clients):
            reason = f"{rule.source.ref} applies only to namespace {', '.join(names)}; no pod with a sidecar runs there"
            return MissingClient(clients, reason)
    return None


def _described(over: Routing, routes: RoutingRules, rule: RoutingRule, match: Raw) -> MissingClient | None:
    wanted, namespace = labels(match, "sourceLabels"), text(match, "sourceNamespace")
    if not wanted and not namespace:
        return None
    expected = expected_client(over.facts, namespace or over.facts.gateway.namespace)
    raw = expected.pod.raw
    metadata = {**mapping(raw, "metadata"), "labels": {**expected.pod.labels, **wanted}}
    clients = replace(expected, pod=Pod({**raw, "metadata": metadata}))
    if not _is_for(over, routes, rule, clients):
        return None
    shown = ", ".join(f"{name}={value}" for name, value in wanted.items())
    whom = (f" with {shown}" if shown else "") + (f" in namespace {namespace}" if namespace else "")
    return MissingClient(clients, f"{rule.field} of {rule.source.ref} is only for pods{whom}; none with a sidecar runs")


def _leading(over: Routing, host: str) -> list[tuple[RoutingRules, RoutingRule]]:
    return list(_rules_to_gateway(over, host))


def _rules_to_gateway(over: Routing, host: str) -> Iterator[tuple[RoutingRules, RoutingRule]]:
    index, service = routing_index(over.facts), over.facts.gateway.service_host
    for routes in index.about(host):
        for rule, to in destinations_in(routes):
            if to.lower() == service:
                yield routes, rule


def _is_for(over: Routing, routes: RoutingRules, rule: RoutingRule, clients: Clients) -> bool:
    source, pod, mesh = routes.source, clients.pod, over.mesh(clients.pod.revision)
    default = mesh.configuration.virtual_services_exported
    if any(rule is each for each in routes.http):
        known = (namespace for host in routes.hosts for namespace in mesh.exports.by_host.get(host.lower(), {}))
        if not routes.applies_in(pod.namespace, known):
            return False
    if isinstance(source, VirtualService) and not is_exported(
        source.export_to, default, source.namespace, pod.namespace
    ):
        return False
    matches = rule.matches()
    return not matches or any(_matches_source(each, clients) for each in matches)


def _matches_source(match: Raw, clients: Clients) -> bool:
    wanted = labels(match, "sourceLabels")
    own = clients.pod.labels
    return text(match, "sourceNamespace") in ("", clients.namespace) and all(own.get(k) == v for k, v in wanted.items())
