"""A request that does not go through the gateway: where it ended, and the objects that could have routed it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from checks.facts.istio_networking import VirtualService
from checks.facts.view import Facts
from checks.istio.mesh.configuration import PUBLIC
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.names import is_subset
from checks.istio.mesh.virtual_services import RoutingRule, RoutingRules, VirtualServices
from checks.istio.request.asked import AskedRequest
from checks.istio.request.outcome import End, RequestOutcome, Result
from checks.istio.request.proxy_configuration import ProxyConfiguration
from checks.istio.request.routing import Routing
from checks.model.raw_values import Raw, items, mapping

THROUGH = 1000
_AT_GATEWAY = 100


@dataclass(frozen=True)
class BrokenRequest:
    """A request with its outcome over one state of the facts."""

    routing: Routing
    request: AskedRequest
    outcome: RequestOutcome

    @property
    def facts(self) -> Facts:
        return self.routing.facts

    @cached_property
    def end(self) -> End:
        """The end that is examined: the one that gets least far."""
        return min(self.outcome.ends, key=lambda each: progress(each, self.routing.gateway))

    @cached_property
    def mesh(self) -> Mesh:
        """The mesh as the client's istiod reads it."""
        return self.routing.mesh(self.request.clients.pod.revision)

    @cached_property
    def client(self) -> ProxyConfiguration | None:
        """The client's sidecar; None if it has none."""
        found = self.routing.proxy(self.request.clients.pod)
        return found if found is not None and not found.proxy.gateway else None

    @cached_property
    def gateways(self) -> tuple[ProxyConfiguration, ...]:
        """The gateway's proxies."""
        return self.routing.gateway_proxies()

    @property
    def service(self) -> str:
        """The host of the gateway's Service."""
        return self.facts.gateway.service_host

    @property
    def at_gateway(self) -> bool:
        """Whether the request arrives at the gateway."""
        return self.routing.gateway in self.end.gateways

    @cached_property
    def routes(self) -> tuple[RoutingRules, ...]:
        """The VirtualServices for the host, oldest first, also those that istiod or the proxies do not read."""
        every: VirtualServices = self.facts.once("every VirtualService", _every_virtual_service)
        return tuple(
            each for each in every.all_rules() if any(is_subset(self.request.host, host.lower()) for host in each.hosts)
        )

    @cached_property
    def imported(self) -> frozenset[tuple[str, str]]:
        """The keys of the VirtualServices that the client's sidecar imports."""
        if self.client is None:
            return frozenset()
        return frozenset(each.source.key for listener in self.client.scope.listeners for each in listener.rules)

    @property
    def client_namespaces(self) -> tuple[str, ...]:
        """The namespaces of the request's clients."""
        return tuple(dict.fromkeys(each.partition("/")[0] for each in self.request.clients.names))

    @cached_property
    def to_gateway(self) -> tuple[RoutingRules, ...]:
        """Those of them with a rule that routes to the gateway's Service."""
        return tuple(each for each in self.routes if any(self.leads_to_gateway(rule) for rule in rules_of(each)))

    def leads_to_gateway(self, rule: RoutingRule) -> bool:
        """Whether a destination of a rule is the gateway's Service."""
        return any(rule.destination(each) == self.service for each in destinations_of(rule))


def _every_virtual_service(facts: Facts) -> VirtualServices:
    return VirtualServices(facts.all(VirtualService), frozenset({PUBLIC}))


def rules_of(routes: RoutingRules) -> tuple[RoutingRule, ...]:
    """All rules of a VirtualService."""
    return (*routes.http, *routes.tls, *routes.tcp)


def destinations_of(rule: RoutingRule) -> Iterator[Raw]:
    """The destinations of a rule as they are written."""
    return (mapping(each, "destination") for each in items(rule.raw, "route"))


def progress(end: End, gateway: str) -> int:
    """How far a request gets: the decisions on its route count, arriving at the gateway more than all before it."""
    if end.result is Result.THROUGH:
        return THROUGH
    if gateway in end.gateways:
        return _AT_GATEWAY + len(end.steps)
    return len(end.steps) if end.result is not Result.UNKNOWN else 0


def least_progress(outcome: RequestOutcome, gateway: str) -> int:
    """The progress of the end that gets least far."""
    return min((progress(each, gateway) for each in outcome.ends), default=0)
