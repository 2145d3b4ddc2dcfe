"""Why no server of a Gateway takes a request that arrives at the gateway."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.changes import JsonPatch
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import Gateway, VirtualService
from checks.facts.label_selectors import selects
from checks.facts.namespaces import ConfigMap
from checks.facts.view import Facts
from checks.istio.configured.intended_gateways import gateway_full_name
from checks.istio.configured.proxy_labels import idle_gateways, selects_other_gateways
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.istio.faults.gateway.gateway_hop import GatewayHop, HostRules, gateway_hop, is_bound, server_place
from checks.istio.faults.gateway.unusable_gateway import GatewayNotDiscovered, NoGateway, NotSelected
from checks.istio.fixes.fields import appended, json_pointer
from checks.istio.fixes.gateways import owners_of, pod_label
from checks.istio.fixes.rules import gateway_servers, has_host
from checks.istio.mesh.configuration import settings_maps
from checks.istio.mesh.objects.hosts import hosts_overlap, is_subset
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.istio.request.outcome import Ending
from checks.model.findings import Evidence
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
            sole = name in idle or not selects_other_gateways(hop.broken.facts, gateway, labels)
            egress = hop.broken.facts.gateway.ref
            yield NotSelected(gateway, pod_label(labels), egress, sole, _refusing(hop.broken.facts, gateway))


def _refusing(facts: Facts, gateway: Gateway) -> tuple[int, int] | None:
    """(ready pods without its servers, all ready pods), if it selects a part of them."""
    ready = [pod for pod in facts.pods() if pod.ready]
    some = sum(1 for pod in ready if not selects(gateway.selector, pod.labels))
    return (some, len(ready)) if 0 < some < len(ready) else None


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
        field = self.server.field("hosts")
        return (
            Evidence(self.server.written.ref, field, ", ".join(self.server.server.hosts), self.host),
            Evidence(self._source.ref, "spec.hosts", ", ".join(self._source.hosts)),
        )

    def _unrouted(self, broken: BrokenRequest) -> Iterator[int]:
        """The positions of the server's hosts for which no VirtualService is bound to its Gateway."""
        every = [each for each in broken.every_virtual_service.all_rules() if is_bound(each, self.server)]
        for index, written in enumerate(self.server.server.hosts):
            name = written.rpartition("/")[2].lower()
            if not any(hosts_overlap(name, host.lower()) for each in every for host in each.hosts):
                yield index

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        path = self.server.field("hosts")
        owners = owners_of(self.server.written, broken.facts.gateway.namespace)
        for host in dict.fromkeys(each for each in self.routes.hosts if is_subset(self.host, each.lower())):
            for index in self._unrouted(broken):
                wrong = self.server.server.hosts[index]
                title = f"Replace {wrong} by {host} in the Gateway's server: no VirtualService routes {wrong}{owners}"
                replaced = {"op": "replace", "path": json_pointer(path, index), "value": host}
                yield Fix(title, (JsonPatch(self.server.written, (replaced,)),))
            yield Fix(f"Add {host} to the Gateway's server{owners}", (appended(self.server.written, path, host),))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.server.written, self._source)
