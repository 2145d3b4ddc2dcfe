"""The rules that a host needs, written for the objects that exist.

They have the shapes of docs/domain/istio.md#canonical-configurations.
"""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from checks.facts.changes import Apply
from checks.facts.istio_networking import Gateway, VirtualService
from checks.facts.view import Facts
from checks.istio.fixes.fields import name_for_host, networking_manifest
from checks.istio.mesh.objects.hosts import is_subset, most_specific
from checks.istio.mesh.objects.routing_rules import MESH, RoutingRules, gateway_name
from checks.istio.mesh.services import MeshService
from checks.istio.mesh.virtual_services import VirtualServices
from checks.istio.proxy.clusters import ClusterName
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.istio.request.client_request import ClientRequest
from checks.istio.request.proxy_configuration import ProxyConfiguration
from checks.model.raw_values import items, mapping, text, texts

RuleKind = Literal["http", "tls", "tcp"]
WrittenRule = dict[str, Any]


class UnroutedRequest(Protocol):
    """A request and the proxies that should route it."""

    @property
    def facts(self) -> Facts: ...
    @property
    def request(self) -> ClientRequest: ...
    @property
    def service(self) -> str: ...
    @property
    def client(self) -> ProxyConfiguration | None: ...
    @property
    def gateways(self) -> tuple[ProxyConfiguration, ...]: ...
    @property
    def to_gateway(self) -> tuple[RoutingRules, ...]: ...
    @property
    def every_virtual_service(self) -> VirtualServices: ...


def kind_of_scheme(scheme: str) -> RuleKind:
    """The kind of rules that route requests of a scheme."""
    return "http" if scheme in ("http", "grpc") else "tls" if scheme in ("https", "tls") else "tcp"


def kind_of_server(server: GatewayServer) -> RuleKind:
    """The kind of rules that a server uses (docs/domain/istio.md#server-classes)."""
    return "http" if server.is_http else "tls" if server.passthrough else "tcp"


def gateway_servers(broken: UnroutedRequest) -> tuple[GatewayServer, ...]:
    """The servers of the gateway's proxies."""
    proxies = (each.inbound for each in broken.gateways)
    return tuple(dict.fromkeys(server for each in proxies if each is not None for server in each.servers))


def has_host(server: GatewayServer, host: str) -> bool:
    """Whether a server has the host."""
    return any(is_subset(host, each) for each in server.host_names)


def servers_of_scheme(broken: UnroutedRequest) -> list[GatewayServer]:
    """The servers for requests of this scheme to which a VirtualService can be bound.

    Servers of the Gateway API are not among them.
    """
    kind = kind_of_scheme(broken.request.scheme)
    found = gateway_servers(broken)
    return [each for each in found if kind_of_server(each) == kind and type(each.gateway) is Gateway]


def server_for(broken: UnroutedRequest) -> GatewayServer | None:
    """The server that takes requests of this scheme for the host; None if there is none."""
    fitting = [each for each in servers_of_scheme(broken) if has_host(each, broken.request.host)]
    same_port = [each for each in fitting if each.server.port.number == broken.request.port]
    return next(iter((*same_port, *fitting)), None)


def rule_to_gateway(broken: UnroutedRequest, server: GatewayServer, hosts: tuple[str, ...]) -> WrittenRule:
    """The rule that routes the request from sidecars to a server of the gateway.

    `hosts` are those of the VirtualService that gets the rule.
    """
    kind, request = kind_of_server(server), broken.request
    match: WrittenRule = {"gateways": [MESH], "port": request.port}
    own = most_specific(request.host, [each.lower() for each in hosts]) or request.host
    if kind == "tls":
        match["sniHosts"] = [own]
    elif kind == "http" and len(hosts) > 1:
        match["authority"] = {"exact": request.authority}
    destination: WrittenRule = {"host": broken.service}
    if subset := _subset(broken):
        destination["subset"] = subset
    destination["port"] = {"number": server.server.port.number}
    return {"match": [match], "route": [{"destination": destination}]}


def rule_from_gateway(
    broken: UnroutedRequest, server: GatewayServer, gateway: str, hosts: tuple[str, ...]
) -> WrittenRule:
    """The rule that routes the request from a server to the destination.

    `gateway` is written as the VirtualService names it.
    """
    kind, request = kind_of_server(server), broken.request
    own = most_specific(request.host, [each.lower() for each in hosts]) or request.host
    match: WrittenRule = {"gateways": [gateway], "port": server.server.port.number}
    if kind == "tls":
        match["sniHosts"] = [own]
    elif kind == "http" and len(hosts) > 1:
        match["authority"] = {"exact": request.authority}
    service = destination_service(broken)
    destination = {"host": service.host if service is not None else request.host}
    return {
        "match": [match],
        "route": [{"destination": {**destination, "port": {"number": destination_port(broken, server)}}}],
    }


def destination_service(broken: UnroutedRequest) -> MeshService | None:
    """The service that the gateway has for the host, the most specific one."""
    for proxy in broken.gateways:
        best = most_specific(broken.request.host, proxy.scope.by_host)
        if best is not None:
            return proxy.scope.by_host[best]
    return None


def destination_port(broken: UnroutedRequest, server: GatewayServer) -> int:
    """The port of the destination.

    It is one to which the gateway originates TLS, or else the request's own.
    """
    service, request = destination_service(broken), broken.request
    if service is None:
        return request.port
    numbers = [each.number for each in service.ports]
    for proxy in broken.gateways if kind_of_server(server) == "http" else ():
        for number in numbers:
            cluster = proxy.clusters.get(ClusterName(service.host, number))
            if cluster is not None and cluster.tls is not None and not cluster.tls.automatic:
                return number
    return request.port if request.port in numbers or not numbers else numbers[0]


def _subset(broken: UnroutedRequest) -> str:
    """The subset of the gateway's Service for the host.

    It is the one that rules of the host use, or else one whose TLS settings name the host.
    """
    for routes in broken.to_gateway:
        for rule in (*routes.http, *routes.tls, *routes.tcp):
            for each in items(rule.raw, "route"):
                destination = mapping(each, "destination")
                if rule.destination(destination) == broken.service and text(destination, "subset"):
                    return text(destination, "subset")
    client = broken.client
    service = client.scope.by_host.get(broken.service) if client is not None else None
    merged = client.clusters.rule_for(service) if client is not None and service is not None else None
    for name in merged.subsets if merged is not None and client is not None else ():
        for port in service.ports if service is not None else ():
            cluster = client.clusters.get(ClusterName(broken.service, port.number, name)) if client else None
            if cluster is not None and cluster.tls is not None and cluster.tls.sni == broken.request.host:
                return name
    return ""


def name_in(gateway: str, virtual_service: VirtualService) -> str:
    """A Gateway (`namespace/name`) as it is written in the VirtualService.

    The VirtualService's own spelling is kept if it names the Gateway already; else it is the name, with the namespace
    if that is another one.
    """
    written = [each for rule in written_rules(virtual_service) for match in items(rule, "match")
               for each in texts(match, "gateways")]  # fmt: skip
    for each in (*virtual_service.gateways, *written):
        if gateway_name(each, virtual_service.namespace) == gateway:
            return each
    namespace, _, name = gateway.partition("/")
    return name if namespace == virtual_service.namespace else gateway


def written_rules(virtual_service: VirtualService) -> tuple[Mapping[str, Any], ...]:
    """All rules of a VirtualService as they are written."""
    return (*virtual_service.http, *virtual_service.tls, *virtual_service.tcp)


def rules_of_kind(virtual_service: VirtualService, kind: RuleKind) -> tuple[Mapping[str, Any], ...]:
    """The rules of a kind as they are written."""
    return {"http": virtual_service.http, "tls": virtual_service.tls, "tcp": virtual_service.tcp}[kind]


def virtual_service_for(broken: UnroutedRequest, server: GatewayServer) -> Apply:
    """A VirtualService with both rules for the requested host alone.

    A wildcard ServiceEntry may be its destination; other names of the wildcard keep their routes.
    """
    namespace, gateway = broken.facts.gateway.namespace, server.name
    own = server.gateway.name if server.gateway.namespace == namespace else gateway
    host = broken.request.host
    hosts = (host,)
    spec = {
        "hosts": [host],
        "gateways": [own, MESH],
        kind_of_server(server): [
            rule_to_gateway(broken, server, hosts),
            rule_from_gateway(broken, server, own, hosts),
        ],
    }
    name = f"{name_for_host(host)}-through-{broken.facts.gateway.name}"[:63]
    return Apply(networking_manifest("VirtualService", name, namespace, spec))
