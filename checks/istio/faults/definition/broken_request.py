"""A request that does not go through the gateway.

The module names the hop at which it ended and the objects that could have routed it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import Sidecar, VirtualService
from checks.facts.view import Facts
from checks.istio.mesh.configuration import PUBLIC
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.objects.hosts import is_subset
from checks.istio.mesh.objects.routing_rules import RoutingRule, RoutingRules
from checks.istio.mesh.virtual_services import VirtualServices
from checks.istio.proxy.listeners import Provenance
from checks.istio.request.client_request import ClientRequest
from checks.istio.request.outcome import End, Ending, RequestOutcome, Result
from checks.istio.request.proxy_configuration import ProxyConfiguration
from checks.istio.request.routing import Routing
from checks.model.raw_values import Raw, items, mapping

THROUGH = 1000
_AT_GATEWAY = 100
_AT_SERVICE = 50
_ORDER = {each: position for position, each in enumerate(Ending)} | {
    Ending.NO_LISTENER: 0,
    Ending.LOOP: list(Ending).index(Ending.NO_ROUTE),
    Ending.OTHER_DESTINATION: list(Ending).index(Ending.NO_ROUTE),
}
"""The order of endings at the gateway: that of its decisions."""


@dataclass(frozen=True)
class BrokenRequest:
    """A request with its outcome over one state of the facts."""

    routing: Routing
    request: ClientRequest
    outcome: RequestOutcome

    @property
    def facts(self) -> Facts:
        return self.routing.facts

    @cached_property
    def end(self) -> End:
        """The examined end of the request: the one with the least progress."""
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
        """Whether a rule takes the request to the gateway; the `egressProxy` of a Sidecar is none."""
        return self.routing.gateway in self.end.gateways and self.egress_proxy is None

    @property
    def egress_proxy(self) -> Sidecar | None:
        """The Sidecar whose `egressProxy` takes the request to the gateway."""
        found = self.decision.source
        return found if isinstance(found, Sidecar) and self.routing.gateway in self.end.gateways else None

    @property
    def every_virtual_service(self) -> VirtualServices:
        """All VirtualServices of the cluster, also those that istiod does not discover."""
        found: VirtualServices = self.facts.once("every VirtualService", _every_virtual_service)
        return found

    @cached_property
    def routes(self) -> tuple[RoutingRules, ...]:
        """The VirtualServices for the host, oldest first.

        VirtualServices that istiod or the proxies do not read are included.
        """
        every = self.every_virtual_service
        host = self.request.host
        return tuple(
            each for each in every.rules_overlapping(host) if any(is_subset(host, name.lower()) for name in each.hosts)
        )

    def imports(self, source: KubernetesObject) -> bool:
        """Whether the client's sidecar imports the rules of an object for the request's port."""
        listeners = self.client.scope.listeners if self.client is not None else ()
        own = [each for each in listeners if each.port == self.request.port]
        deciding = own or [each for each in listeners if not each.port]
        host = (self.request.host,)
        return any(routes.source == source for each in deciding for routes in each.rules_near(host))

    def hosts_of(self, rule: RoutingRule) -> tuple[str, ...]:
        """The hosts of the VirtualService that a rule belongs to.

        A delegate's rule has the hosts of its root VirtualService.
        """
        return next((each.hosts for each in self._deciding() if rule in rules_of(each)), ())

    def _deciding(self) -> Iterator[RoutingRules]:
        """The rules of the mesh that can decide, those for the request's host first."""
        yield from self.mesh.virtual_services.rules_overlapping(self.request.host)
        yield from self.mesh.virtual_services.all_rules()

    @property
    def client_namespaces(self) -> tuple[str, ...]:
        """The namespaces of the request's clients."""
        clients = self.request.clients
        return tuple(dict.fromkeys(pod.namespace for pod in clients.pods or (clients.pod,)))

    @cached_property
    def decision(self) -> Provenance:
        """The object and field of the last decision at the client's sidecar."""
        name = self.client.name if self.client is not None else ""
        found = [each.origin for each in self.end.steps if each.proxy == name]
        return found[-1] if found else Provenance(None)

    @cached_property
    def rule(self) -> RoutingRule | None:
        """The rule by which the client's sidecar routes the request.

        None if no VirtualService or route decides.
        """
        source, field = self.decision.source, self.decision.field
        if source is None:
            return None
        every = (each for routes in self._deciding() for each in rules_of(routes))
        return next((each for each in every if each.field == field and each.source == source), None)

    @cached_property
    def to_gateway(self) -> tuple[RoutingRules, ...]:
        """Those of them with a rule that routes to the gateway's Service."""
        return tuple(each for each in self.routes if any(self.leads_to_gateway(rule) for rule in rules_of(each)))

    def leads_to_gateway(self, rule: RoutingRule) -> bool:
        """Whether a destination of a rule is the gateway's Service."""
        return any(rule.destination(each) == self.service for each in destinations_of(rule))


def _every_virtual_service(facts: Facts) -> VirtualServices:
    return VirtualServices(facts.all(VirtualService), frozenset({PUBLIC}))


def namespaces_listed(namespaces: Sequence[str]) -> str:
    """Namespaces as part of a sentence."""
    first, last = namespaces[:3], ""
    if len(namespaces) > 3:
        last = f"{len(namespaces) - 3} more"
    elif len(namespaces) > 1:
        *first, last = namespaces
    listed = ", ".join(first) + (f" and {last}" if last else "")
    return f"namespace{'s' if len(namespaces) > 1 else ''} {listed}"


def rules_of(routes: RoutingRules) -> tuple[RoutingRule, ...]:
    """All rules of a VirtualService."""
    return (*routes.http, *routes.tls, *routes.tcp)


def destinations_of(rule: RoutingRule) -> Iterator[Raw]:
    """The destinations of a rule as they are written."""
    return (mapping(each, "destination") for each in items(rule.raw, "route"))


def destination_field(rule: RoutingRule, host: str) -> str:
    """The field of a rule's first destination with this host, else of its first one."""
    found = [rule.destination(each) for each in destinations_of(rule)]
    return f"{rule.field}.route[{found.index(host) if host in found else 0}].destination"


def progress(end: End, gateway: str) -> int:
    """How far a request gets.

    The steps are: routed to the gateway's Service, arrived at the gateway, and each decision there.
    """
    if end.result is Result.THROUGH:
        return THROUGH
    if gateway in end.gateways:
        return _AT_GATEWAY + _ORDER[end.ending]
    namespace, _, name = gateway.partition("/")
    routed = end.cluster is not None and end.cluster.host == f"{name}.{namespace}.svc.cluster.local"
    return _AT_SERVICE if routed else 0


def least_progress(outcome: RequestOutcome, gateway: str) -> int:
    """The progress of the end that gets least far."""
    return min((progress(each, gateway) for each in outcome.ends), default=0)
