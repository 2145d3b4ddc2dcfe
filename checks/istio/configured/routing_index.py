"""The routing rules of the cluster by host, by destination and by Gateway.

VirtualServices that no istiod reads are among them, and the rules that istiod makes of routes of the Gateway API."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from checks.facts.fact import Unreadable
from checks.facts.istio_networking import VirtualService
from checks.facts.view import Facts
from checks.istio.mesh.configuration import PUBLIC
from checks.istio.mesh.mesh import mesh_of
from checks.istio.mesh.objects.routing_rules import MESH, RoutingRule, RoutingRules
from checks.istio.mesh.virtual_services import VirtualServices


class RoutingIndex:
    """The rules of all VirtualServices, oldest first."""

    def __init__(self, every: VirtualServices) -> None:
        self._every = every
        self._by_destination: dict[str, list[RoutingRules]] = defaultdict(list)
        self._by_gateway: dict[str, list[RoutingRules]] = defaultdict(list)
        for routes in every.all_rules():
            for host in dict.fromkeys(_destinations(routes)):
                self._by_destination[host].append(routes)
            for name in dict.fromkeys((*sorted(routes.gateways), *_gateways(routes))):
                self._by_gateway[name].append(routes)

    def about(self, host: str) -> list[RoutingRules]:
        """The rules with a host that overlaps with this one, which is in lower case."""
        return self._every.rules_overlapping(host)

    def leading_to(self, service: str) -> list[RoutingRules]:
        """The rules with a destination at this Service's host."""
        return self._by_destination.get(service, [])

    def bound_to(self, gateway: str) -> list[RoutingRules]:
        """The rules that name this Gateway (`namespace/name`)."""
        return self._by_gateway.get(gateway, [])


def routing_index(facts: Facts) -> RoutingIndex:
    """The index of the rules that could be read, built once for a revision."""
    revision = max(facts.gateway.revisions, default="")
    return facts.once("routing index", lambda window: _built(window, revision), revision)


def _built(facts: Facts, revision: str) -> RoutingIndex:
    try:
        converted = [each for each in mesh_of(facts, revision).virtual_services.all_rules() if each.gateway_api]
    except Unreadable as unread:
        # The router reads the same kinds for every request for which they matter.
        facts.disregard(unread.gap)
        converted = []
    return RoutingIndex(VirtualServices(facts.readable(VirtualService), frozenset({PUBLIC}), converted))


def direct_tls_rules(facts: Facts, host: str) -> list[RoutingRule]:
    """The TLS rules by which sidecars send requests for a host elsewhere.

    They count only in VirtualServices that lead the host's other requests to the gateway.
    """
    service, found = facts.gateway.service_host, []
    for routes in routing_index(facts).about(host):
        if any(to == service for _, to in destinations_in(routes)):
            found += [rule for rule in routes.tls if _is_for_sidecars(rule) and not leads_to(rule, service)]
    return found


def _is_for_sidecars(rule: RoutingRule) -> bool:
    matches = rule.matches()
    return not matches or any(MESH in (rule.gateways(each) or (MESH,)) for each in matches)


def leads_to(rule: RoutingRule, service: str) -> bool:
    """Whether a destination of a rule is this Service's host."""
    return any(host == service for host, _ in rule.destinations)


def all_rules_of(routes: RoutingRules) -> tuple[RoutingRule, ...]:
    """The rules of all protocols."""
    return (*routes.http, *routes.tls, *routes.tcp)


def destinations_in(routes: RoutingRules) -> Iterator[tuple[RoutingRule, str]]:
    """(rule, host) of each destination."""
    for rule in all_rules_of(routes):
        for host, _ in rule.destinations:
            yield rule, host


def _destinations(routes: RoutingRules) -> Iterable[str]:
    return (host.lower() for _, host in destinations_in(routes))


def _gateways(routes: RoutingRules) -> Iterator[str]:
    for rule in all_rules_of(routes):
        for match in rule.matches():
            yield from rule.gateways(match)
