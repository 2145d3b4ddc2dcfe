"""The hop from a sidecar to the gateway.

It consists of the sidecar's cluster for the gateway and the servers that could accept the request.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from checks.facts.istio_networking import Gateway, VirtualService
from checks.istio.faults.definition.broken_request import BrokenRequest, rules_of
from checks.istio.fixes.rules import gateway_servers, has_host
from checks.istio.mesh.objects.routing_rules import MESH, RoutingRule, RoutingRules
from checks.istio.proxy.clusters import Cluster, ClusterName
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.istio.proxy.upstream_tls import UpstreamTls
from checks.istio.request.outcome import ConfigurationPart, Step
from checks.istio.request.proxy_configuration import ProxyConfiguration
from checks.model.raw_values import Raw, items, mapping, number


@dataclass(frozen=True)
class GatewayHop:
    """A request that arrives at the gateway.

    `name` is the cluster, and `step` the decision, by which its sidecar sends it.
    """

    broken: BrokenRequest
    name: ClusterName
    step: Step

    @property
    def host(self) -> str:
        return self.broken.request.host

    @cached_property
    def sent(self) -> Cluster | None:
        """The sidecar's cluster for the gateway's Service."""
        return self.broken.client.clusters.get(self.name) if self.broken.client is not None else None

    @cached_property
    def tls(self) -> UpstreamTls | None:
        """The TLS that a DestinationRule makes the sidecar send."""
        tls = self.sent.tls if self.sent is not None else None
        return None if tls is None or tls.automatic else tls

    @cached_property
    def proxies(self) -> tuple[ProxyConfiguration, ...]:
        """The gateway's proxies, first the one at which the request ended."""
        return tuple(sorted(self.broken.gateways, key=lambda each: each.name != self.broken.end.proxy))

    @cached_property
    def servers(self) -> tuple[GatewayServer, ...]:
        """The servers with the host, on the port to which the sidecar sends the request first."""
        found = [each for each in gateway_servers(self.broken) if has_host(each, self.host)]
        return tuple(sorted(found, key=lambda each: each.server.port.number != self.name.port))

    @cached_property
    def on_port(self) -> tuple[GatewayServer, ...]:
        """The servers with the host on the port to which the sidecar sends the request."""
        return tuple(each for each in self.servers if each.server.port.number == self.name.port)

    @cached_property
    def routes(self) -> tuple["HostRules", ...]:
        """The VirtualServices for the host, first those with a rule to the gateway."""
        ordered = sorted(self.broken.routes, key=lambda each: each not in self.broken.to_gateway)
        return tuple(HostRules(each.source, each) for each in ordered if isinstance(each.source, VirtualService))

    @cached_property
    def named(self) -> tuple[str, ...]:
        """The Gateways that these VirtualServices name, as `namespace/name`."""
        return tuple(dict.fromkeys(name for each in self.routes for name in sorted(each.gateways) if name != MESH))

    @cached_property
    def existing(self) -> dict[str, Gateway]:
        """All Gateways of the cluster by `namespace/name`."""
        return {f"{each.namespace}/{each.name}": each for each in self.broken.facts.all(Gateway)}

    def destination_paths(self) -> Iterator[tuple[VirtualService, str, Raw]]:
        """The destinations at the gateway's Service in the rule of the sidecar.

        Each has its object, its field path and its content.
        """
        source, field = self.step.origin.source, self.step.origin.field
        for routes in self.routes:
            for rule in rules_of(routes.rules):
                if rule.source == source and rule.field == field:
                    yield from destination_paths(rule, self.name.host)


@dataclass(frozen=True, slots=True)
class HostRules:
    """A VirtualService for the host, with full names."""

    source: VirtualService
    rules: RoutingRules

    @property
    def hosts(self) -> tuple[str, ...]:
        return self.rules.hosts

    @property
    def gateways(self) -> frozenset[str]:
        return self.rules.gateways

    @property
    def namespace(self) -> str:
        return self.source.namespace


def destination_paths(rule: RoutingRule, host: str) -> Iterator[tuple[VirtualService, str, Raw]]:
    """The destinations of a rule at a host: object, field path, content."""
    for index, each in enumerate(items(rule.raw, "route")):
        destination, source = mapping(each, "destination"), rule.source
        if rule.destination(destination) == host and isinstance(source, VirtualService):
            yield source, f"{rule.field}.route[{index}].destination", destination


def gateway_hop(broken: BrokenRequest) -> GatewayHop | None:
    """The hop to the gateway; None if the request does not arrive there, or not from a sidecar.

    It is also None if the gateway's own pods are not known: others are behind its Service.
    """
    client = broken.client
    if client is None or not broken.at_gateway or not broken.gateways:
        return None
    steps = [each for each in broken.end.steps if each.proxy == client.name and each.part is ConfigurationPart.CLUSTER]
    name = steps[-1].cluster if steps else None
    return GatewayHop(broken, name, steps[-1]) if name is not None and not name.own else None


def server_place(server: GatewayServer) -> str:
    """A server as sentences name it."""
    return f"{server.place} of {server.written.ref}"


def rule_field(step: Step) -> str:
    """The rule of a decision as sentences name it."""
    source = step.origin.source
    return f"{step.origin.field} of {source.ref}" if source is not None else "the sidecar's configuration"


def is_bound(routes: HostRules | RoutingRules, server: GatewayServer) -> bool:
    """Whether a VirtualService names the server's Gateway."""
    return server.name in routes.gateways


def port_of(destination: Raw) -> int:
    """The port of a destination, 0 if it names none."""
    return number(destination, "port", "number") or 0
