"""A request with the end that is shown, and the decisions of the proxies on its route."""

from dataclasses import dataclass

from checks.facts.view import Facts
from checks.istio.faults.definition.fault import RouteFault
from checks.istio.faults.definition.proved_fault import Proved
from checks.istio.proxy.clusters import Cluster
from checks.istio.request.client_request import ClientRequest
from checks.istio.request.outcome import ConfigurationPart, End, Ending, Result, Step
from checks.istio.request.proxy_configuration import ProxyConfiguration
from checks.istio.request.routing import Routing
from checks.model.route import Decision, Hop, HopName, Mark

_AT_SERVER = frozenset(
    {
        Ending.NO_LISTENER,
        Ending.NO_FILTER_CHAIN,
        Ending.PLAIN_TO_TLS_SERVER,
        Ending.HANDSHAKE,
        Ending.LISTENER_WAITS,
        Ending.CONNECTION_DENIED,
        Ending.REQUEST_DENIED,
        Ending.TLS_TO_HTTP_SERVER,
        Ending.NOT_HTTP,
        Ending.HTTPS_REDIRECT,
    }
)


_AT_ENTRY = frozenset({Ending.NO_CLUSTER, Ending.NO_ENDPOINT, Ending.CLUSTER_WAITS, Ending.NOT_UNDERSTOOD})


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request with the end that is shown, its faults, and the proxies that it passes."""

    facts: Facts
    routing: Routing
    request: ClientRequest
    end: End
    faults: tuple[Proved, ...]
    sidecar: ProxyConfiguration | None
    gateway: ProxyConfiguration | None

    @property
    def broken_at(self) -> HopName | None:
        """The hop at which the request fails or bypasses the gateway.

        None if the request is routed through the gateway.
        """
        if self.end.result in (Result.THROUGH, Result.UNKNOWN):
            return None
        return self.first_fault.hop if self.first_fault is not None else end_hop(self)

    @property
    def first_fault(self) -> RouteFault | None:
        """The fault that comes first on the route; None without a fault.

        Only faults that were found at this outcome count.
        """
        order = list(HopName)
        here = [each.fault for each in self.faults if each.outcome is self.faults[0].outcome]
        return min(here, key=lambda each: order.index(each.hop), default=None)

    @property
    def at_gateway(self) -> bool:
        return self.routing.gateway in self.end.gateways

    def steps(self, *, gateway: bool) -> tuple[Step, ...]:
        """The decisions of the client's sidecar, or of the gateway."""
        own = self.sidecar.name if self.sidecar is not None else ""
        return tuple(each for each in self.end.steps if (each.proxy != own) is gateway)

    def step(self, part: ConfigurationPart, *, gateway: bool) -> Step | None:
        """The last decision of a part of a proxy's configuration."""
        return next((each for each in reversed(self.steps(gateway=gateway)) if each.part is part), None)


def end_hop(view: RequestView) -> HopName:
    """The hop of an end, by the proxy's decision alone."""
    end, service = view.end, view.facts.gateway.service_host
    if view.sidecar is None or not end.steps:
        return HopName.CLIENT
    if not view.at_gateway:
        to_gateway = end.cluster is not None and end.cluster.host == service
        waiting = end.ending in (Ending.NO_ENDPOINT, Ending.NOTHING_ANSWERS)
        return HopName.SERVICE if to_gateway and waiting else HopName.MESH_ROUTE
    if end.ending in _AT_SERVER:
        return HopName.SERVER
    return HopName.ENTRY if end.ending in _AT_ENTRY else HopName.GATEWAY_ROUTE


def decisions_of(steps: tuple[Step, ...]) -> tuple[Decision, ...]:
    """The objects and fields behind these steps."""
    return tuple(
        Decision(each.origin.source.ref, each.origin.field, each.decision)
        for each in steps
        if each.origin.source is not None
    )


def cluster_of(proxy: ProxyConfiguration, step: Step) -> Cluster | None:
    """The cluster that a step chooses."""
    return proxy.clusters.get(step.cluster) if step.cluster is not None else None


def routed_hop(view: RequestView, name: HopName, proxy: ProxyConfiguration | None, *, gateway: bool) -> Hop | None:
    """The cluster that a proxy chooses, as a hop; None if the request does not get that far."""
    step = view.step(ConfigurationPart.CLUSTER, gateway=gateway)
    if step is None or proxy is None:
        return None
    decided = list(decisions_of((step,)))
    cluster = cluster_of(proxy, step)
    to = f"{cluster.name.host}:{cluster.name.port}" if cluster is not None else step.decision
    tls = "as it arrives"
    if cluster is not None and cluster.tls is not None:
        tls = f"in TLS ({cluster.tls.mode})"
        rule = cluster.rule.sources[0] if cluster.rule is not None and cluster.rule.sources else None
        if rule is not None:
            decided.append(Decision(rule.ref, "trafficPolicy.tls.mode", cluster.tls.mode))
    return Hop(name, Mark.PASSES, f"to {to}, {tls}", tuple(decided))
