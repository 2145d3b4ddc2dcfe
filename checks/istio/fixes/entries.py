"""ServiceEntries in the shapes of docs/domain/istio.md#canonical-configurations."""

from typing import Any

from checks.facts.changes import Apply
from checks.istio.fixes.fields import name_for_host, networking_manifest
from checks.istio.fixes.rules import UnroutedRequest, kind_of_scheme

_PROTOCOLS = {"http": "HTTP", "grpc": "GRPC", "https": "TLS", "tls": "TLS", "tcp": "TCP"}
_FITTING = {
    "http": frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB"}),
    "tls": frozenset({"TLS", "HTTPS"}),
    "tcp": frozenset({"TCP"}),
}


def fitting_protocols(scheme: str) -> frozenset[str]:
    """The protocols of a port by which requests of a scheme can be routed."""
    return _FITTING[kind_of_scheme(scheme)]


def entry_port(scheme: str, number: int) -> dict[str, Any]:
    """The port of a ServiceEntry for requests of a scheme."""
    protocol = _PROTOCOLS.get(scheme, "TCP")
    return {"name": f"{protocol.lower()}-{number}", "number": number, "protocol": protocol}


def port_for_rule(kind: str, number: int, *, originates: bool) -> dict[str, Any]:
    """The port of a ServiceEntry for requests that a rule of this kind sends there.

    `originates` is set if the gateway originates TLS to it.
    """
    protocol = "TLS" if kind == "tls" else "TCP" if kind == "tcp" else "HTTPS" if originates else "HTTP"
    return {"name": f"{protocol.lower()}-{number}", "number": number, "protocol": protocol}


def entry_for(broken: UnroutedRequest) -> Apply:
    """A ServiceEntry for the request's host and port, in the gateway's namespace."""
    request = broken.request
    spec = {
        "hosts": [request.host],
        "location": "MESH_EXTERNAL",
        "ports": [entry_port(request.scheme, request.port)],
        "resolution": "DNS",
    }
    name, namespace = name_for_host(request.host), broken.facts.gateway.namespace
    return Apply(networking_manifest("ServiceEntry", name, namespace, spec))
