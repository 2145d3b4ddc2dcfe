"""Backends of Gateway API routes: their place, grant and TLS."""

from collections.abc import Iterator

from checks.facts.gateway_api import GatewayRoute
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import RouteFault
from checks.istio.faults.gateway_api.gateway_api_faults import (
    GatewayBackend,
    MeshBackend,
    NoBackendTls,
    NotGranted,
    NoWeight,
    NoWeightAtGateway,
)
from checks.istio.fixes import gateway_api as api
from checks.istio.fixes.fields import set_field
from checks.istio.fixes.gateway_api_rules import has_no_weight, with_weights, written_rule
from checks.istio.request.outcome import Ending
from checks.model.findings import Evidence
from checks.model.raw_values import Raw, items, number, text


def without_weight(broken: BrokenRequest, *, in_mesh: bool) -> Iterator[RouteFault]:
    """The rules of the host, at sidecars or at the gateway, whose backends all have weight 0."""
    host = broken.request.host
    found = (
        each for each in api.routes_for(broken) if api.is_in_mesh(each) is in_mesh and api.is_route_for(each, host)
    )
    for route, index, rule in ((each, at, rule) for each in found for at, rule in enumerate(each.rules)):
        field = f"spec.rules[{index}]"
        if has_no_weight(rule):
            yield (NoWeight if in_mesh else NoWeightAtGateway)(
                f"All backends of {field} of {route.ref} have weight 0, so it routes no request for {host}",
                (Evidence(route.ref, f"{field}.backendRefs[*].weight", "0", "1 or more"),),
                f"Remove the weights of the backends of {field}",
                with_weights(route, field),
                (route,),
            )


def at_gateway_api_backend(broken: BrokenRequest) -> Iterator[RouteFault]:
    """Backends that are not granted or not the host, and TLS that the destination expects."""
    step = broken.end.steps[-1] if broken.end.steps else None
    route = step.origin.source if step is not None else None
    if step is None or not isinstance(route, GatewayRoute) or api.is_in_mesh(route):
        return
    field, entry = step.origin.field, api.entry_of(broken)
    rule = written_rule(route, field)
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


def mesh_backend(broken: BrokenRequest, route: GatewayRoute, field: str, port: int) -> Iterator[RouteFault]:
    """The fault that a route of sidecars names another backend than the gateway."""
    wanted = api.gateway_backend(broken, port, route.namespace)
    rule = written_rule(route, field)
    written, egress = api.written_backends(rule), broken.facts.gateway
    if _names(rule, wanted):
        return
    yield MeshBackend(
        f"{field} of {route.ref} routes {broken.request.host} to {written}, not to port {port} of {egress.ref}",
        (Evidence(route.ref, f"{field}.backendRefs", written, f"{egress.name}:{port}"),),
        f"Patch {route.ref} to route to port {port} of {egress.ref}",
        set_field(route, f"{field}.backendRefs", [wanted]),
        (route,),
    )


def _names(rule: Raw, backend: Raw) -> bool:
    """Whether a rule has this backend alone."""
    found = items(rule, "backendRefs")
    keys = ("name", "namespace", "port")
    return len(found) == 1 and all(found[0].get(key) == backend.get(key) for key in keys)
