"""All objects that route a host without a VirtualService through the gateway."""

from collections.abc import Iterator

from checks.facts.changes import ObjectChange
from checks.facts.istio_networking import Gateway
from checks.istio.fixes.fields import appended, name_for_host
from checks.istio.fixes.gateways import new_gateway, new_server, pod_label
from checks.istio.fixes.rules import (
    UnroutedRequest,
    kind_of_scheme,
    server_for,
    servers_of_scheme,
    virtual_service_for,
)
from checks.istio.proxy.gateway_servers import GatewayServer

_USUAL = {"http": 80, "tls": 443}


def whole_routes(broken: UnroutedRequest) -> Iterator[tuple[ObjectChange, ...]]:
    """The changes that route the host.

    They use a server that has the host, a server to which the host is added, or a new Gateway for the host.
    """
    server = server_for(broken)
    if server is not None:
        yield (virtual_service_for(broken, server),)
        return
    for each in servers_of_scheme(broken)[:1]:
        added = appended(each.gateway, f"spec.servers[{each.index}].hosts", broken.request.host)
        yield (added, virtual_service_for(broken, each))
    labels = [each.proxy.labels for each in broken.gateways]
    if labels:
        kind, gateway = kind_of_scheme(broken.request.scheme), broken.facts.gateway
        written = new_server(kind, _USUAL.get(kind, broken.request.port), [broken.request.host])
        name = f"{gateway.name}-{name_for_host(broken.request.host)}"[:63].rstrip("-")
        made = new_gateway(f"{gateway.namespace}/{name}", pod_label(labels), written)
        new = Gateway(made.manifest)
        listening = GatewayServer(new, 0, new.servers[0], (broken.request.host,), "")
        yield (made, virtual_service_for(broken, listening))
