"""The ports of the gateway's Service at which its servers can listen."""

from collections.abc import Iterator

from checks.facts.services import Service
from checks.istio.fixes.rules import UnroutedRequest, gateway_servers, kind_of_scheme, kind_of_server

_USUAL = {"http": 80, "tls": 443}
_STATUS_PORT = 15021
"""The port for health checks of a gateway's pods, at which no server can listen."""


def shares_ports(broken: UnroutedRequest) -> bool:
    """Whether hosts of the request's kind can share a port; plain TCP names no host."""
    return kind_of_scheme(broken.request.scheme) != "tcp"


def offered_ports(service: Service) -> list[int]:
    """The ports of a Service without the status port."""
    return [each.port for each in service.ports if each.port != _STATUS_PORT]


def ports_for(broken: UnroutedRequest) -> Iterator[int]:
    """The ports of the gateway's Service for a new server.

    Plain TCP needs one that no server uses; other kinds share a port with servers of their own kind.
    """
    gateway, kind = broken.facts.gateway, kind_of_scheme(broken.request.scheme)
    service = broken.facts.get(Service, gateway.name, gateway.namespace)
    usual = _USUAL.get(kind, broken.request.port)
    offered = offered_ports(service) if service is not None else [usual]
    servers = [each for each in gateway_servers(broken) if not shares_ports(broken) or kind_of_server(each) != kind]
    used = {each.server.port.number for each in servers}
    yield from sorted((each for each in offered if each not in used), key=lambda each: each != usual)
