"""Reasons in Gateway API objects why a request is not routed.

Source: docs/domain/istio.md#gateway-api.
"""

from collections.abc import Iterator

from checks.facts.gateway_api import GatewayRoute, KubernetesGateway
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import RouteFault
from checks.istio.faults.gateway_api.gateway_api_backends import at_gateway_api_backend, mesh_backend, without_weight
from checks.istio.faults.gateway_api.gateway_api_faults import NoMeshRoute
from checks.istio.faults.gateway_api.gateway_api_listeners import at_gateway_api_listener
from checks.istio.faults.gateway_api.gateway_api_matches import unmatched_in_mesh
from checks.istio.fixes import gateway_api as api
from checks.istio.fixes.rules import gateway_servers, has_host
from checks.istio.mesh.objects.hosts import qualified
from checks.model.findings import Evidence
from checks.model.raw_values import number


def at_gateway_api(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The faults of routes and Gateways of the Gateway API."""
    if broken.client is None or api.route_kind(broken.request.scheme) is None:
        return
    if not broken.at_gateway:
        yield from _at_sidecar(broken)
        return
    yield from without_weight(broken, in_mesh=False)
    yield from at_gateway_api_listener(broken)
    yield from at_gateway_api_backend(broken)


def _is_at_unknown_service(broken: BrokenRequest, gateway: KubernetesGateway) -> bool:
    """Whether a Gateway names only Services that do not exist, as a copied example does."""
    hosts = [qualified(value, gateway.namespace) for kind, value in gateway.addresses if kind in ("", "Hostname")]
    return bool(hosts) and not any(each in broken.mesh.exports.by_host for each in hosts)


def _at_sidecar(broken: BrokenRequest) -> Iterator[RouteFault]:
    """Routes of sidecars with another backend than the gateway, and their absence."""
    yield from without_weight(broken, in_mesh=True)
    entry, gateways = api.entry_of(broken), api.egress_gateways(broken)
    ports = [each.server.port.number for each in gateway_servers(broken) if has_host(each, broken.request.host)]
    if not gateways:
        gateways = tuple(each for each in api.gateways_with_host(broken) if _is_at_unknown_service(broken, each))
        listeners = (api.listener_for(each, broken) for each in gateways)
        ports += [number(each, "port") or 0 for each in listeners if each is not None]
    source, field = broken.decision.source, broken.decision.field
    routes = [each for each in api.routes_for(broken) if entry is not None and any(api.references(each, entry))]
    for port in dict.fromkeys(ports) if gateways else ():
        if isinstance(source, GatewayRoute) and field.startswith("spec.rules["):
            yield from mesh_backend(broken, source, field, port)
        elif entry is not None and routes:
            for each in routes:
                backend = api.gateway_backend(broken, port, each.namespace)
                yield from unmatched_in_mesh(broken, each, entry, backend)
        elif entry is not None:
            yield NoMeshRoute(
                f"No route has {entry.ref} as its parent and sends {broken.request.host} to {broken.facts.gateway.ref}",
                (Evidence(entry.ref, "parent of routes", "(none)", f"a route to {broken.facts.gateway.name}:{port}"),),
                f"Create a route from sidecars to {broken.facts.gateway.ref}",
                api.mesh_route(broken, entry, port),
                (entry,),
            )
