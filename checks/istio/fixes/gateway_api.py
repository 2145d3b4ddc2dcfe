"""Objects of the Gateway API that route a host through the gateway.

A Gateway of the manual model has the gateway's own Service as its address.

Source: docs/domain/istio.md#gateway-api.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from checks.facts.changes import Apply
from checks.facts.fact import KubernetesObject
from checks.facts.gateway_api import GATEWAY_API, GatewayRoute, HTTPRoute, KubernetesGateway, TCPRoute, TLSRoute
from checks.facts.istio_networking import NETWORKING, ServiceEntry
from checks.istio.fixes.entries import fitting_protocols
from checks.istio.fixes.fields import name_for_host
from checks.istio.fixes.rules import UnroutedRequest, kind_of_scheme
from checks.istio.mesh.objects.hosts import is_subset
from checks.model.raw_values import Raw, items, number, text

_CLASS = "istio"


def route_kind(scheme: str) -> type[GatewayRoute] | None:
    """The kind of routes for requests of a scheme; None for plain TCP."""
    return {"http": HTTPRoute, "tls": TLSRoute}.get(kind_of_scheme(scheme))


def routes_for(broken: UnroutedRequest) -> Iterator[GatewayRoute]:
    """The routes of the request's kind."""
    kind = route_kind(broken.request.scheme)
    yield from broken.facts.all(kind) if kind is not None else ()


def egress_gateways(broken: UnroutedRequest) -> tuple[KubernetesGateway, ...]:
    """The Gateways that name the gateway's Service as their address."""
    return tuple(each for each in broken.facts.all(KubernetesGateway) if each.has_address(broken.service))


def gateways_with_host(broken: UnroutedRequest) -> Iterator[KubernetesGateway]:
    """The Gateways of istiod's class with a listener for the request, whatever their address."""
    for each in broken.facts.all(KubernetesGateway):
        if each.gateway_class == _CLASS and any(_is_for(listener, broken) for listener in listeners(each)):
            yield each


def listeners(owner: KubernetesObject) -> tuple[Raw, ...]:
    """The listeners of a Gateway or ListenerSet as they are written."""
    return items(owner.raw, "spec", "listeners")


def listener_for(owner: KubernetesObject, broken: UnroutedRequest) -> Raw | None:
    """The first listener of a Gateway or ListenerSet for the request's host and kind.

    One with a hostname comes before one for every host. None if it has none.
    """
    found = [each for each in listeners(owner) if _is_for(each, broken)]
    return min(found, key=lambda each: not text(each, "hostname"), default=None)


def _is_for(listener: Raw, broken: UnroutedRequest) -> bool:
    return takes_kind(listener, broken) and is_subset(broken.request.host, text(listener, "hostname").lower() or "*")


def takes_kind(listener: Raw, broken: UnroutedRequest) -> bool:
    """Whether a listener takes requests of this kind."""
    return text(listener, "protocol") == kind_of_scheme(broken.request.scheme).upper()


def is_route_for(route: GatewayRoute, host: str) -> bool:
    """Whether a route has the host."""
    return any(is_subset(host, each.lower()) for each in route.hostnames or ("*",))


def leads_outside(route: GatewayRoute, host: str) -> bool:
    """Whether a route has a backend at the host: Istio's kind `Hostname`."""
    return any(text(each, "kind") == "Hostname" and text(each, "name") == host for each in _backends(route))


def _backends(route: GatewayRoute) -> Iterator[Raw]:
    for rule in route.rules:
        yield from items(rule, "backendRefs")


def gateway_backend(broken: UnroutedRequest, port: int, namespace: str) -> dict[str, Any]:
    """The gateway's Service as a backend of a route in a namespace."""
    gateway = broken.facts.gateway
    place = {} if namespace == gateway.namespace else {"namespace": gateway.namespace}
    return {"name": gateway.name, **place, "port": port}


def host_backend(broken: UnroutedRequest, entry: ServiceEntry) -> dict[str, Any] | None:
    """The host as a backend; None if its ServiceEntry has no port for the request's kind."""
    wanted = fitting_protocols(broken.request.scheme)
    ports = [each.number for each in entry.ports if each.protocol in wanted]
    if not ports:
        return None
    port = broken.request.port if broken.request.port in ports else ports[0]
    return {"group": NETWORKING, "kind": "Hostname", "name": broken.request.host, "port": port}


def entry_of(broken: UnroutedRequest) -> ServiceEntry | None:
    """The first ServiceEntry with exactly the request's host; None if there is none."""
    every = broken.facts.all(ServiceEntry)
    return next((each for each in every if broken.request.host in {host.lower() for host in each.hosts}), None)


def parent_of(owner: KubernetesObject, namespace: str) -> dict[str, Any]:
    """A Gateway or ListenerSet as the parent of a route in a namespace."""
    kind = {} if isinstance(owner, KubernetesGateway) else {"group": GATEWAY_API, "kind": owner.kind}
    return {**kind, "name": owner.name, **({} if namespace == owner.namespace else {"namespace": owner.namespace})}


def allowing(listener: Raw, namespace: str) -> dict[str, Any]:
    """The listener with routes of one more namespace."""
    own = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    return {**listener, "allowedRoutes": {"namespaces": {"from": "Selector", "selector": own}}}


def new_listener(scheme: str, host: str, port: int) -> dict[str, Any]:
    """A listener for a host; plain TCP names no host."""
    kind = kind_of_scheme(scheme)
    listener: dict[str, Any] = {"name": f"{kind}-{name_for_host(host)}"[:63].rstrip("-"), "port": port}
    listener["protocol"] = kind.upper()
    if kind != "tcp":
        listener["hostname"] = host
    return {**listener, **({"tls": {"mode": "Passthrough"}} if kind == "tls" else {})}


def new_route(
    broken: UnroutedRequest, part: str, namespace: str, parent: Mapping[str, Any], backend: Mapping[str, Any]
) -> Apply:
    """A route of the request's host in a namespace, from a parent to a backend.

    It has the version of the routes of its kind that exist.
    """
    kind, host = route_kind(broken.request.scheme) or TCPRoute, broken.request.host
    spec: dict[str, Any] = {"parentRefs": [parent]}
    if kind is not TCPRoute:
        spec["hostnames"] = [host]
    spec["rules"] = [{"backendRefs": [backend]}]
    written = (text(each.raw, "apiVersion").rpartition("/")[2] for each in broken.facts.all(kind))
    version = next((each for each in written if each), "v1")
    return _manifest(kind.kind, f"{name_for_host(host)}-{part}", namespace, spec, version)


def mesh_route(broken: UnroutedRequest, entry: ServiceEntry, port: int) -> Apply:
    """A route that sends the host from sidecars to a port of the gateway.

    It is in the namespace of its ServiceEntry.
    """
    parent = {"group": NETWORKING, "kind": "ServiceEntry", "name": entry.name}
    return new_route(broken, "mesh", entry.namespace, parent, gateway_backend(broken, port, entry.namespace))


def route_of_gateway(
    broken: UnroutedRequest, owner: KubernetesObject, section: str, entry: ServiceEntry
) -> Apply | None:
    """A route of the host in the namespace of a Gateway or ListenerSet.

    It is for all its listeners if no section is named. None if the ServiceEntry has no port for the request's kind.
    """
    backend = host_backend(broken, entry)
    if backend is None:
        return None
    parent = {**parent_of(owner, owner.namespace), **({"sectionName": section} if section else {})}
    return new_route(broken, "gateway", owner.namespace, parent, backend)


def reference_grant(route: GatewayRoute, namespace: str, service: str) -> Apply:
    """A ReferenceGrant for routes of a namespace that name a Service of another one."""
    spec = {
        "from": [{"group": GATEWAY_API, "kind": route.kind, "namespace": route.namespace}],
        "to": [{"group": "", "kind": "Service", "name": service}],
    }
    return _manifest("ReferenceGrant", f"{route.namespace}-to-{service}", namespace, spec, "v1beta1")


def backend_tls_policy(entry: ServiceEntry, host: str) -> Apply:
    """A BackendTLSPolicy with which the gateway originates TLS to a host.

    It trusts the certificate authorities of the system.
    """
    spec = {
        "targetRefs": [{"group": NETWORKING, "kind": "ServiceEntry", "name": entry.name}],
        "validation": {"hostname": host, "wellKnownCACertificates": "System"},
    }
    return _manifest("BackendTLSPolicy", f"{name_for_host(host)}-tls", entry.namespace, spec)


def _manifest(kind: str, name: str, namespace: str, spec: Mapping[str, Any], version: str = "v1") -> Apply:
    metadata = {"name": name, "namespace": namespace}
    return Apply({"apiVersion": f"{GATEWAY_API}/{version}", "kind": kind, "metadata": metadata, "spec": spec})


def written_backends(rule: Raw) -> str:
    """The backends of a rule in one line."""
    shown = (
        f"{text(each, 'namespace')}/{text(each, 'name')}" if text(each, "namespace") else text(each, "name")
        for each in items(rule, "backendRefs")
    )
    ports = (number(each, "port") for each in items(rule, "backendRefs"))
    return ", ".join(f"{name}:{port}" for name, port in zip(shown, ports, strict=True)) or "(none)"


def written_hostnames(listener: Raw) -> str:
    """The hostname of a listener, or that it has none."""
    return text(listener, "hostname") or "(any)"


def written_parents(route: GatewayRoute) -> str:
    """The parents of a route in one line."""
    return ", ".join(f"{namespace}/{name}" for namespace, name in route.parents) or "(none)"


def is_in_mesh(route: GatewayRoute) -> bool:
    """Whether a route has a Service or ServiceEntry as its parent, so that sidecars use it."""
    return any(text(each, "kind") in ("Service", "ServiceEntry") for each in items(route.raw, "spec", "parentRefs"))


def references(route: GatewayRoute, parent: KubernetesObject) -> Iterator[tuple[str, Raw]]:
    """The references of a route to a parent: path, content."""
    for at, each in enumerate(items(route.raw, "spec", "parentRefs")):
        key = (text(each, "kind") or "Gateway", text(each, "namespace") or route.namespace, text(each, "name"))
        if key == (parent.kind, parent.namespace, parent.name):
            yield f"spec.parentRefs[{at}]", each


def names_listener(reference: Raw, listener: Raw) -> bool:
    """Whether a reference to a Gateway means this listener."""
    section, port = text(reference, "sectionName"), number(reference, "port")
    return section in ("", text(listener, "name")) and port in (None, 0, number(listener, "port"))


def attached_to(route: GatewayRoute, owner: KubernetesObject) -> bool:
    """Whether a route names the Gateway or ListenerSet as a parent."""
    return any(references(route, owner))
