"""Routes of the Gateway API that have the host and do not match the request.

The reference to their parent names another section or port, or no rule matches.
"""

from collections.abc import Iterator

from checks.facts.changes import JsonPatch
from checks.facts.fact import KubernetesObject
from checks.facts.gateway_api import GatewayRoute, HTTPRoute, TLSRoute
from checks.facts.istio_networking import ServiceEntry
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import RouteFault
from checks.istio.faults.gateway_api.gateway_api_faults import (
    MeshParent,
    NotAttached,
    UnmatchedAtGateway,
    UnmatchedInMesh,
)
from checks.istio.fixes import gateway_api as api
from checks.istio.fixes.fields import appended, set_field
from checks.istio.fixes.gateway_api_rules import with_rule, written_matches
from checks.istio.request.outcome import Ending
from checks.model.findings import Evidence
from checks.model.raw_values import Raw, number, text


def unmatched_in_mesh(
    broken: BrokenRequest, route: GatewayRoute, entry: ServiceEntry, backend: Raw
) -> Iterator[RouteFault]:
    """Why a route with the host's ServiceEntry as its parent does not match at sidecars."""
    request, references = broken.request, dict(api.references(route, entry))
    ports = {path: number(each, "port") for path, each in references.items()}
    if not set(ports.values()) & {None, 0, request.port}:
        path, port = next(iter(ports.items()))
        declared = port in {each.number for each in entry.ports}
        right = {**references[path], "port": request.port}
        yield MeshParent(
            f"{path} of {route.ref} is for port {port} of {entry.ref}, not for port {request.port}",
            (Evidence(route.ref, f"{path}.port", str(port), str(request.port)),),
            f"Name port {request.port} in {'one more parent' if declared else 'the parent'} of {route.ref}",
            appended(route, "spec.parentRefs", right) if declared else set_field(route, f"{path}.port", request.port),
            (route, entry),
        )
    elif isinstance(route, TLSRoute) and not api.is_route_for(route, request.host):
        yield MeshParent(
            f"{route.ref} has {entry.ref} as its parent, but does not have {request.host} in its hostnames",
            (Evidence(route.ref, "spec.hostnames", ", ".join(route.hostnames), request.host),),
            f"Add {request.host} to the hostnames of {route.ref}",
            appended(route, "spec.hostnames", request.host),
            (route,),
        )
    elif isinstance(route, HTTPRoute) and broken.end.ending is Ending.NO_ROUTE:
        for path in _paths(broken):
            yield UnmatchedInMesh(*_unmatched(broken, route, path, backend))


def unmatched_at_gateway(
    broken: BrokenRequest, route: GatewayRoute, gateway: KubernetesObject, listener: Raw
) -> Iterator[RouteFault]:
    """Why a route of the host that names the Gateway does not match there."""
    references = dict(api.references(route, gateway))
    entry = api.entry_of(broken)
    backend = api.host_backend(broken, entry) if entry is not None else None
    if references and not any(api.names_listener(each, listener) for each in references.values()):
        yield _other_section(route, gateway, listener, *next(iter(references.items())))
    elif isinstance(route, HTTPRoute) and broken.end.ending is Ending.NO_ROUTE and backend is not None:
        for path in _paths(broken):
            yield UnmatchedAtGateway(*_unmatched(broken, route, path, backend))


def _other_section(
    route: GatewayRoute, gateway: KubernetesObject, listener: Raw, path: str, reference: Raw
) -> NotAttached:
    """A reference to a section or port that is not the host's listener.

    If it is another listener, the route stays attached to that one.
    """
    key = "sectionName" if text(reference, "sectionName") not in ("", text(listener, "name")) else "port"
    written, wanted = (reference.get(key), listener.get("name" if key == "sectionName" else "port"))
    others = any(api.names_listener(reference, each) for each in api.listeners(gateway))
    kept = {name: value for name, value in reference.items() if name not in ("sectionName", "port")}
    right = {**kept, "sectionName": text(listener, "name")}
    place = f"listener {text(listener, 'name')}" if key == "sectionName" else f"port {wanted}"
    return NotAttached(
        f"{path} of {route.ref} names {key} {written} of {gateway.ref}, not the listener for the host",
        (Evidence(route.ref, f"{path}.{key}", str(written), str(wanted)),),
        f"Attach {route.ref} to {place} of {gateway.ref}",
        appended(route, "spec.parentRefs", right) if others else set_field(route, f"{path}.{key}", wanted),
        (route, gateway),
    )


def _paths(broken: BrokenRequest) -> tuple[str, ...]:
    """The path prefixes that a rule for the request can have, the narrowest first."""
    return tuple(dict.fromkeys((broken.request.path.partition("?")[0], "/")))


def _unmatched(
    broken: BrokenRequest, route: GatewayRoute, path: str, backend: Raw
) -> tuple[str, tuple[Evidence, ...], str, JsonPatch, tuple[GatewayRoute, ...]]:
    url = broken.request.url_with_path
    return (
        f"No rule of {route.ref} matches {url}",
        (Evidence(route.ref, "spec.rules[*].matches", written_matches(route), f"a rule for {broken.request.path}"),),
        f"Add a rule for {path if path != '/' else 'all other requests'} to {route.ref}",
        with_rule(route, path, backend),
        (route,),
    )
