"""Faults of objects of the Gateway API, with changes of these objects as fixes.

Source: docs/domain/istio.md#gateway-api.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.changes import ObjectChange
from checks.facts.fact import KubernetesObject
from checks.facts.gateway_api import GatewayRoute, KubernetesGateway
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.istio.fixes import gateway_api as api
from checks.istio.fixes.fields import appended, set_field
from checks.istio.fixes.rules import gateway_servers, has_host
from checks.istio.request.outcome import Ending
from checks.model.findings import Evidence
from checks.model.raw_values import Raw, items, number, text
from checks.model.route import HopName


def at_gateway_api(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The faults of routes and Gateways of the Gateway API."""
    if broken.client is None or api.route_kind(broken.request.scheme) is None:
        return
    if not broken.at_gateway:
        yield from _at_sidecar(broken)
        return
    yield from _at_listener(broken)
    yield from _at_backend(broken)


def _at_sidecar(broken: BrokenRequest) -> Iterator[RouteFault]:
    """Routes of sidecars with another backend than the gateway, and their absence."""
    entry, gateways = api.entry_of(broken), api.egress_gateways(broken)
    ports = [each.server.port.number for each in gateway_servers(broken) if has_host(each, broken.request.host)]
    source, field = broken.decision.source, broken.decision.field
    for port in dict.fromkeys(ports) if gateways else ():
        if isinstance(source, GatewayRoute) and field.startswith("spec.rules["):
            yield _backend(broken, source, field, port)
        elif entry is not None and not any(map(api.is_in_mesh, api.routes_for(broken))):
            parent = {"group": "networking.istio.io", "kind": "ServiceEntry", "name": entry.name}
            yield NoMeshRoute(
                f"No route has {entry.ref} as its parent and sends {broken.request.host} to {broken.facts.gateway.ref}",
                (Evidence(entry.ref, "parent of routes", "(none)", f"a route to {broken.facts.gateway.name}:{port}"),),
                f"Create a route from sidecars to {broken.facts.gateway.ref}",
                api.new_route(broken, "mesh", parent, api.gateway_backend(broken, port, entry.namespace)),
                (entry,),
            )


def _backend(broken: BrokenRequest, route: GatewayRoute, field: str, port: int) -> RouteFault:
    wanted = api.gateway_backend(broken, port, route.namespace)
    rule = _rule(route, field)
    written, egress = api.written_backends(rule), broken.facts.gateway
    return MeshBackend(
        f"{field} of {route.ref} routes {broken.request.host} to {written}, not to port {port} of {egress.ref}",
        (Evidence(route.ref, f"{field}.backendRefs", written, f"{egress.name}:{port}"),),
        f"Patch {route.ref} to route to port {port} of {egress.ref}",
        set_field(route, f"{field}.backendRefs", [wanted]),
        (route,),
    )


def _rule(route: GatewayRoute, field: str) -> Raw:
    index = field.removeprefix("spec.rules[").partition("]")[0]
    return route.rules[int(index)] if index.isdigit() and int(index) < len(route.rules) else {}


def _at_listener(broken: BrokenRequest) -> Iterator[RouteFault]:
    """Gateways without the right address or listener, and routes that are not attached."""
    host, egress = broken.request.host, broken.facts.gateway
    gateways = api.egress_gateways(broken)
    for gateway in () if gateways else api.gateways_with_host(broken):
        wanted = [{"type": "Hostname", "value": broken.service}]
        written = ", ".join(value for _, value in gateway.addresses) or "(none)"
        yield AddressElsewhere(
            f"{gateway.ref} of the Gateway API has a listener for {host}, but not {broken.service} as its address",
            (Evidence(gateway.ref, "spec.addresses", written, broken.service),),
            f"Set the address of {gateway.ref} to the Service of {egress.ref}",
            set_field(gateway, "spec.addresses", wanted),
            (gateway,),
        )
    for gateway in gateways:
        listener = api.listener_for(gateway, broken)
        if listener is None:
            yield from _listeners(broken, gateway)
        else:
            yield from _routes(broken, gateway, listener)


def _listeners(broken: BrokenRequest, gateway: KubernetesGateway) -> Iterator[RouteFault]:
    host = broken.request.host
    for index, each in enumerate(api.listeners(gateway)):
        if api.takes_kind(each, broken):
            name = f"{text(each, 'name')}-{len(api.listeners(gateway))}"
            yield NoListener(
                f"No listener of {gateway.ref} of the Gateway API has the hostname {host}",
                (Evidence(gateway.ref, f"spec.listeners[{index}].hostname", api.written_hostnames(each), host),),
                f"Add a listener for {host}",
                appended(gateway, "spec.listeners", {**each, "name": name, "hostname": host}),
                (gateway,),
            )
            return


def _routes(broken: BrokenRequest, gateway: KubernetesGateway, listener: Raw) -> Iterator[RouteFault]:
    """Routes of the host that are not attached to the Gateway, and their absence."""
    host = broken.request.host
    index = next(at for at, each in enumerate(api.listeners(gateway)) if each is listener)
    for route in api.routes_for(broken):
        if api.is_in_mesh(route):
            continue
        attached = api.attached_to(route, gateway)
        if api.is_route_for(route, host) and not attached:
            parent = api.parent_of(gateway, route.namespace)
            yield NotAttached(
                f"{route.ref} for {host} does not name {gateway.ref} as its parent",
                (
                    Evidence(
                        route.ref, "spec.parentRefs", api.written_parents(route), f"{gateway.namespace}/{gateway.name}"
                    ),
                ),
                f"Attach {route.ref} to {gateway.ref}",
                set_field(route, "spec.parentRefs", [parent]),
                (route, gateway),
            )
        elif attached and not api.is_route_for(route, host) and api.leads_outside(route, host):
            yield NotAttached(
                f"{route.ref} sends requests to {host}, but does not have it in its hostnames",
                (Evidence(route.ref, "spec.hostnames", ", ".join(route.hostnames), host),),
                f"Add {host} to the hostnames of {route.ref}",
                appended(route, "spec.hostnames", host),
                (route,),
            )
        elif attached and route.namespace != gateway.namespace:
            path = f"spec.listeners[{index}]"
            allowed = text(listener, "allowedRoutes", "namespaces", "from") or "Same"
            yield NotAttached(
                f"{path} of {gateway.ref} does not allow routes of namespace {route.namespace}, such as {route.ref}",
                (
                    Evidence(
                        gateway.ref,
                        f"{path}.allowedRoutes.namespaces.from",
                        allowed,
                        f"a selector of {route.namespace}",
                    ),
                ),
                f"Allow routes of namespace {route.namespace}",
                set_field(gateway, f"{path}.allowedRoutes", api.allowing(listener, route.namespace)["allowedRoutes"]),
                (gateway, route),
            )
    entry = api.entry_of(broken)
    backend = api.host_backend(broken, entry) if entry is not None else None
    if backend is not None:
        parent = api.parent_of(gateway, broken.facts.gateway.namespace)
        yield NoGatewayRoute(
            f"No route that is attached to {gateway.ref} of the Gateway API has the host {host}",
            (Evidence(gateway.ref, "attached routes", "(none)", f"a route for {host}"),),
            f"Create a route from {gateway.ref} to {host}",
            api.new_route(broken, "gateway", parent, backend),
            (gateway,),
        )


def _at_backend(broken: BrokenRequest) -> Iterator[RouteFault]:
    """Backends that are not granted or not the host, and TLS that the destination expects."""
    step = broken.end.steps[-1] if broken.end.steps else None
    route = step.origin.source if step is not None else None
    if step is None or not isinstance(route, GatewayRoute) or api.is_in_mesh(route):
        return
    field, entry = step.origin.field, api.entry_of(broken)
    rule = _rule(route, field)
    for each in items(rule, "backendRefs"):
        place = text(each, "namespace")
        if place and place != route.namespace and text(each, "kind") in ("", "Service"):
            yield NotGranted(
                f"{field} of {route.ref} names Service {place}/{text(each, 'name')}, which no ReferenceGrant allows",
                (
                    Evidence(
                        route.ref, f"{field}.backendRefs", api.written_backends(rule), f"a ReferenceGrant in {place}"
                    ),
                ),
                f"Create a ReferenceGrant in namespace {place}",
                api.reference_grant(route, place, text(each, "name")),
                (route,),
            )
    if entry is None:
        return
    if broken.end.ending is Ending.NOT_UNDERSTOOD and any(number(each, "port") for each in items(rule, "backendRefs")):
        yield NoBackendTls(
            f"{field} of {route.ref} sends {broken.request.host} in plain text to a port that expects TLS",
            (Evidence(entry.ref, "BackendTLSPolicy", "(none)", f"a policy with hostname {broken.request.host}"),),
            f"Create a BackendTLSPolicy for {entry.ref}",
            api.backend_tls_policy(entry, broken.request.host),
            (route, entry),
        )
    backend = api.host_backend(broken, entry)
    if backend is not None:
        written = api.written_backends(rule)
        yield GatewayBackend(
            f"{field} of {route.ref} sends {broken.request.host} from the gateway to {written}",
            (Evidence(route.ref, f"{field}.backendRefs", written, f"{backend['name']}:{backend['port']}"),),
            f"Patch {route.ref} to send to port {backend['port']} of {broken.request.host}",
            set_field(route, f"{field}.backendRefs", [backend]),
            (route,),
        )


@dataclass(frozen=True, slots=True)
class GatewayApiFault(RouteFault):
    """A fault of an object of the Gateway API; its fix changes or creates such an object."""

    check: ClassVar[str] = ROUTE_CHECK
    statement: str
    fields: tuple[Evidence, ...]
    title: str
    change: ObjectChange
    things: tuple[KubernetesObject, ...]

    def sentence(self) -> str:
        return self.statement

    def evidence(self) -> tuple[Evidence, ...]:
        return self.fields

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        yield Fix(self.title, (self.change,))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return self.things


class MeshBackend(GatewayApiFault):
    """A route of sidecars with another backend than the gateway's Service and port."""

    __slots__ = ()
    name: ClassVar[str] = "elsewhere"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE


class NoMeshRoute(GatewayApiFault):
    """A host that no route sends from sidecars to the gateway."""

    __slots__ = ()
    name: ClassVar[str] = "no-route"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE


class AddressElsewhere(GatewayApiFault):
    """A Gateway whose address is not the gateway's Service."""

    __slots__ = ()
    name: ClassVar[str] = "address-elsewhere"
    hop: ClassVar[HopName] = HopName.SERVER


class NoListener(GatewayApiFault):
    """A Gateway without a listener for the host."""

    __slots__ = ()
    name: ClassVar[str] = "no-listener"
    hop: ClassVar[HopName] = HopName.SERVER


class NotAttached(GatewayApiFault):
    """A route that is not attached to the Gateway for the host."""

    __slots__ = ()
    name: ClassVar[str] = "not-attached"
    hop: ClassVar[HopName] = HopName.GATEWAY_ROUTE


class NoGatewayRoute(GatewayApiFault):
    """A Gateway to which no route for the host is attached."""

    __slots__ = ()
    name: ClassVar[str] = "no-gateway-rule"
    hop: ClassVar[HopName] = HopName.GATEWAY_ROUTE


class GatewayBackend(GatewayApiFault):
    """A route of the gateway that sends the host to another destination or port."""

    __slots__ = ()
    name: ClassVar[str] = "unknown-destination"
    hop: ClassVar[HopName] = HopName.ENTRY


class NotGranted(GatewayApiFault):
    """A backend in another namespace that no ReferenceGrant allows."""

    __slots__ = ()
    name: ClassVar[str] = "not-granted"
    hop: ClassVar[HopName] = HopName.ENTRY


class NoBackendTls(GatewayApiFault):
    """A destination that expects TLS, which no BackendTLSPolicy makes the gateway originate."""

    __slots__ = ()
    name: ClassVar[str] = "no-origination"
    hop: ClassVar[HopName] = HopName.ENTRY
    check: ClassVar[str] = "tls-contract-broken"
