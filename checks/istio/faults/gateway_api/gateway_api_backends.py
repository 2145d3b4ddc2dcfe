"""Backends of Gateway API routes: their place, grant and TLS."""

from collections.abc import Iterator

from checks.facts.gateway_api import GatewayRoute
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import RouteFault
from checks.istio.faults.gateway_api.gateway_api_faults import GatewayBackend, MeshBackend, NoBackendTls, NotGranted
from checks.istio.fixes import gateway_api as api
from checks.istio.fixes.fields import set_field
from checks.istio.request.outcome import Ending
from checks.model.findings import Evidence
from checks.model.raw_values import Raw, items, number, text


def at_gateway_api_backend(broken: BrokenRequest) -> Iterator[RouteFault]:
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


def mesh_backend(broken: BrokenRequest, route: GatewayRoute, field: str, port: int) -> RouteFault:
    """The fault that a route of sidecars names another backend than the gateway."""
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
