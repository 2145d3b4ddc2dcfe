"""All objects that route a host without a VirtualService through the gateway."""

from collections.abc import Iterator

from checks.facts.changes import Apply, ObjectChange
from checks.facts.istio_networking import Gateway
from checks.istio.fixes.fields import appended, name_for_host, networking_manifest
from checks.istio.fixes.gateways import new_gateway, new_server, pod_label
from checks.istio.fixes.rules import (
    UnroutedRequest,
    destination_service,
    kind_of_scheme,
    server_for,
    servers_of_scheme,
    virtual_service_for,
)
from checks.istio.fixes.service_ports import ports_for, shares_ports
from checks.istio.mesh.objects.hosts import is_wildcard
from checks.istio.mesh.objects.routing_rules import MESH
from checks.istio.proxy.gateway_servers import GatewayServer

_MOST_SERVERS = 3
"""The most servers to which the host is tried to be added."""


def whole_routes(broken: UnroutedRequest) -> Iterator[tuple[ObjectChange, ...]]:
    """The changes that route the host.

    They use a server that has the host, a server to which the host is added, or a new Gateway for the host. The host is
    added to Gateways of the gateway's and the client's namespaces only; others have other owners. Other names of a wildcard
    that declares the host keep their route.
    """
    kept = tuple(_kept_names(broken))
    yield from ((*changes, *kept) for changes in _through_a_server(broken))


def _kept_names(broken: UnroutedRequest) -> Iterator[Apply]:
    """A VirtualService that keeps the route of TLS to the other names of a wildcard.

    istiod gives the ports of a wildcard host no filter chain of their own once a rule for one of its names matches
    (`buildSidecarOutboundTLSFilterChainOpts`).
    """
    service, request = destination_service(broken), broken.request
    if service is None or not is_wildcard(service.host) or kind_of_scheme(request.scheme) != "tls":
        return
    declared = request.port in (each.number for each in service.ports)
    if not declared or any(each.tls for each in broken.every_virtual_service.rules_overlapping(service.host)):
        return
    match = {"gateways": [MESH], "port": request.port, "sniHosts": [service.host]}
    destination = {"host": service.host, "port": {"number": request.port}}
    rule = {"match": [match], "route": [{"destination": destination}]}
    spec = {"hosts": [service.host], "gateways": [MESH], "tls": [rule]}
    name = f"{name_for_host(service.host)}-direct"[:63]
    yield Apply(networking_manifest("VirtualService", name, broken.facts.gateway.namespace, spec))


def _through_a_server(broken: UnroutedRequest) -> Iterator[tuple[ObjectChange, ...]]:
    server = server_for(broken)
    if server is not None:
        yield (virtual_service_for(broken, server),)
        return
    own = {broken.facts.gateway.namespace, broken.request.clients.namespace}
    shared = [each for each in servers_of_scheme(broken) if each.gateway.namespace in own]
    for each in shared[:_MOST_SERVERS] if shares_ports(broken) else ():
        added = appended(each.written, each.field("hosts"), broken.request.host)
        yield (added, virtual_service_for(broken, each))
    labels = [each.proxy.labels for each in broken.gateways]
    for port in ports_for(broken) if labels else ():
        kind, gateway = kind_of_scheme(broken.request.scheme), broken.facts.gateway
        written = new_server(kind, port, [broken.request.host])
        name = f"{gateway.name}-{name_for_host(broken.request.host)}"[:63].rstrip("-")
        made = new_gateway(f"{gateway.namespace}/{name}", pod_label(labels), written)
        new = Gateway(made.manifest)
        listening = GatewayServer(new, 0, new.servers[0], (broken.request.host,), "")
        yield (made, virtual_service_for(broken, listening))
