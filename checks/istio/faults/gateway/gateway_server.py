"""Why no server of a Gateway takes a request that arrives at the gateway."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import Gateway, VirtualService
from checks.facts.namespaces import ConfigMap
from checks.istio.configured.intended_gateways import gateway_full_name
from checks.istio.configured.proxy_labels import idle_gateways
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.istio.faults.gateway.gateway_hop import GatewayHop, HostRules, gateway_hop, is_bound, server_place
from checks.istio.fixes.discovery import discovered_by
from checks.istio.fixes.fields import appended
from checks.istio.fixes.gateways import new_gateway, new_server, pod_label, selecting
from checks.istio.fixes.rules import gateway_servers, has_host, kind_of_scheme
from checks.istio.mesh.configuration import settings_maps
from checks.istio.mesh.objects.hosts import is_subset
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.istio.request.outcome import Ending
from checks.model.commands import MESHCFG
from checks.model.findings import Evidence, Involved
from checks.model.route import HopName

AT_SERVER = frozenset(
    {
        Ending.NO_LISTENER,
        Ending.NO_FILTER_CHAIN,
        Ending.PLAIN_TO_TLS_SERVER,
        Ending.HANDSHAKE,
        Ending.TLS_TO_HTTP_SERVER,
        Ending.NOT_HTTP,
        Ending.NO_VIRTUAL_HOST,
        Ending.NO_ROUTE,
        Ending.FIXED_ANSWER,
    }
)
"""Endings at which no server or none of its rules takes the request."""


def at_server(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The reasons in Gateways."""
    hop = gateway_hop(broken)
    if hop is None or broken.end.ending not in AT_SERVER:
        return
    yield from _undiscovered(hop)
    yield from _not_selected(hop)
    yield from _missing(hop)
    yield from _no_overlap(hop)


def _undiscovered(hop: GatewayHop) -> Iterator[RouteFault]:
    """The Gateways that VirtualServices name, in namespaces that istiod does not discover."""
    mesh = hop.broken.mesh
    for name in hop.named:
        gateway = hop.existing.get(name)
        if gateway is not None and not mesh.discovers(gateway.namespace):
            maps = settings_maps(hop.broken.facts.readable(ConfigMap), mesh.revision)
            yield GatewayNotDiscovered(gateway, hop.host, maps)


def _not_selected(hop: GatewayHop) -> Iterator[RouteFault]:
    labels = tuple(each.proxy.labels for each in hop.proxies)
    own = hop.broken.facts.gateway.namespace
    near = (name for name, each in hop.existing.items() if each.namespace == own and _lists(each, hop.host))
    idle = {gateway_full_name(each) for each in idle_gateways(hop.broken.facts)}
    for name in dict.fromkeys((*hop.named, *near)):
        gateway = hop.existing.get(name)
        if gateway is None:
            continue
        selected = [each for each in labels if _selects(gateway, each)]
        # One that selects other proxies, such as an ingress gateway's, belongs to them.
        if len(selected) < len(labels) and (selected or name in idle):
            yield NotSelected(gateway, pod_label(labels), hop.broken.facts.gateway.ref)


def _lists(gateway: Gateway, host: str) -> bool:
    return any(is_subset(host, each) for server in gateway.servers for each in server.host_names)


def _selects(gateway: Gateway, labels: object) -> bool:
    return isinstance(labels, dict) and all(labels.get(key) == value for key, value in gateway.selector.items())


def _missing(hop: GatewayHop) -> Iterator[RouteFault]:
    """The first Gateway that a VirtualService names and that does not exist.

    There is none if a server has the host.
    """
    if not any(has_host(each, hop.host) for each in gateway_servers(hop.broken)):
        for name in hop.named:
            if name not in hop.existing:
                yield NoGateway(hop, name)
                return


def _no_overlap(hop: GatewayHop) -> Iterator[RouteFault]:
    servers = sorted(gateway_servers(hop.broken), key=lambda each: each.server.port.number != hop.name.port)
    for routes in hop.routes:
        for server in servers:
            if is_bound(routes, server) and not any(
                is_subset(hop.host, each.lower()) for each in server.hosts_in(routes.namespace)
            ):
                yield NoOverlap(routes, server, hop.host)


def written_labels(labels: object) -> str:
    """Labels or a selector in one line."""
    if not isinstance(labels, dict) or not labels:
        return "(empty)"
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))


@dataclass(frozen=True, slots=True)
class GatewayNotDiscovered(RouteFault):
    """A Gateway in a namespace that istiod does not discover (docs/domain/istio.md#b28)."""

    name: ClassVar[str] = "gateway-not-discovered"
    hop: ClassVar[HopName] = HopName.SERVER
    check: ClassVar[str] = "namespace-not-discovered"
    gateway: Gateway
    host: str
    settings: tuple[ConfigMap, ...]

    def sentence(self) -> str:
        return f"Istiod does not discover the namespace of {self.gateway.ref}, which has a server for {self.host}"

    def evidence(self) -> tuple[Evidence, ...]:
        change = discovered_by(self.settings, self.gateway.namespace)
        where = change.ref if change is not None else "MeshConfig"
        wanted = f"a selector that matches {self.gateway.namespace}"
        return (Evidence(where, "data.mesh", "discoverySelectors", wanted),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        change = discovered_by(self.settings, self.gateway.namespace)
        if change is not None:
            title = f"Edit the mesh configuration: add a selector that matches {self.gateway.namespace}"
            yield Fix(title, (change,), MESHCFG)

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.gateway,)

    def involved(self) -> tuple[Involved, ...]:
        return (Involved("namespace", self.gateway.namespace),)


@dataclass(frozen=True, slots=True)
class NotSelected(RouteFault):
    """A Gateway that does not select the gateway's pods, or not all of them.

    Source: docs/domain/istio.md#b01.
    """

    name: ClassVar[str] = "not-selected"
    hop: ClassVar[HopName] = HopName.SERVER
    check: ClassVar[str] = "gateway-selector-mismatch"
    gateway: Gateway
    wanted: dict[str, str]
    egress: str

    def sentence(self) -> str:
        selector = written_labels(self.gateway.selector)
        return (
            f"{self.gateway.ref} selects {selector}, but the pods of {self.egress} have {written_labels(self.wanted)}"
        )

    def evidence(self) -> tuple[Evidence, ...]:
        written, wanted = written_labels(self.gateway.selector), written_labels(self.wanted)
        return (Evidence(self.gateway.ref, "spec.selector", written, wanted),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        labels = [each.proxy.labels for each in broken.gateways]
        yield Fix(f"Patch {self.gateway.ref} to select the gateway's pods", (selecting(self.gateway, labels),))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.gateway,)


@dataclass(frozen=True, slots=True)
class NoGateway(RouteFault):
    """A Gateway that a VirtualService names, and that does not exist.

    No other Gateway has the host (docs/domain/istio.md#b03).
    """

    name: ClassVar[str] = "no-such-gateway"
    hop: ClassVar[HopName] = HopName.SERVER
    check: ClassVar[str] = "gateway-selector-mismatch"
    at: GatewayHop
    gateway: str

    @property
    def _routes(self) -> list[HostRules]:
        return [each for each in self.at.routes if self.gateway in each.gateways]

    def sentence(self) -> str:
        service, routes = self.at.broken.facts.gateway.ref, ", ".join(each.source.ref for each in self._routes[:3])
        return f"Gateway {self.gateway}, which {routes} names, does not exist, and no server of {service} has {self.at.host}"

    def evidence(self) -> tuple[Evidence, ...]:
        written = (Evidence(each.source.ref, "spec.gateways", ", ".join(each.source.gateways)) for each in self._routes)
        wanted = written_labels(pod_label([each.proxy.labels for each in self.at.proxies]))
        return (Evidence("gateways.networking.istio.io", "spec.selector", "(no match)", wanted), *written)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        labels = pod_label([each.proxy.labels for each in self.at.proxies])
        hosts = dict.fromkeys((self.at.host, *(host for each in self._routes for host in each.hosts)))
        kept = [each for each in hosts if each != self.at.host or not self._within(hosts)]
        mesh_tls = self.at.tls is not None and self.at.tls.mode == "ISTIO_MUTUAL"
        server = new_server(kind_of_scheme(broken.request.scheme), self.at.name.port, kept, mesh_tls=mesh_tls)
        yield Fix("Create the Gateway", (new_gateway(self.gateway, labels, server),))

    def _within(self, hosts: dict[str, None]) -> bool:
        return any(each != self.at.host and is_subset(self.at.host, each) for each in hosts)

    def shown(self) -> tuple[KubernetesObject, ...]:
        return tuple(each.source for each in self._routes)


@dataclass(frozen=True, slots=True)
class NoOverlap(RouteFault):
    """A server whose hosts exclude the VirtualService that is bound to it.

    Source: docs/domain/istio.md#b04.
    """

    name: ClassVar[str] = "no-overlap"
    hop: ClassVar[HopName] = HopName.SERVER
    check: ClassVar[str] = ROUTE_CHECK
    routes: HostRules
    server: GatewayServer
    host: str

    @property
    def _source(self) -> VirtualService:
        return self.routes.source

    def sentence(self) -> str:
        return f"{server_place(self.server)} and {self._source.ref} have no common host for {self.host}"

    def evidence(self) -> tuple[Evidence, ...]:
        field = f"spec.servers[{self.server.index}].hosts"
        return (
            Evidence(self.server.gateway.ref, field, ", ".join(self.server.server.hosts), self.host),
            Evidence(self._source.ref, "spec.hosts", ", ".join(self._source.hosts)),
        )

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        path = f"spec.servers[{self.server.index}].hosts"
        for host in dict.fromkeys(each for each in self.routes.hosts if is_subset(self.host, each.lower())):
            yield Fix(f"Add {host} to the Gateway's server", (appended(self.server.gateway, path, host),))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.server.gateway, self._source)
