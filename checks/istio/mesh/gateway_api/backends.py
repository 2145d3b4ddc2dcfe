"""Backends of routes as destinations of a VirtualService's rule.

Source: Istio `buildDestination`, `buildHTTPDestination`, `buildTCPDestination` in `kube/gateway/conversion.go`."""

from collections.abc import Sequence
from typing import Any

from checks.facts.gateway_api import GATEWAY_API, GatewayRoute
from checks.istio.mesh.gateway_api.conversion_error import RouteError
from checks.istio.mesh.gateway_api.filters import backend_filters
from checks.istio.mesh.gateway_api.references import HOSTNAME, SERVICE, GroupKind, ReferenceGrants, normalized
from checks.istio.mesh.objects.hosts import DOMAIN
from checks.model.raw_values import Raw, items, number, text

_SERVICE_IMPORT = GroupKind("multicluster.x-k8s.io", "ServiceImport")
_REJECTED = {"host": "internal.cluster.local", "subset": "zero-weight", "port": {"number": 65535}}


def weights(backends: Sequence[Raw]) -> int:
    """The sum of the weights; 1 for a backend without a weight."""
    return sum(_weight(each) for each in backends)


def http_destinations(
    route: GatewayRoute, backends: Sequence[Raw], grants: ReferenceGrants | None
) -> list[dict[str, Any]]:
    """Weighted destinations of a rule.

    A backend that istiod cannot use becomes a destination without a host. Without `grants`, every reference is allowed,
    as in routes of sidecars. Raises RouteError.
    """
    return [
        {
            "destination": _destination(route, each, grants),
            "weight": _weight(each),
            **backend_filters(items(each, "filters")),
        }
        for each in backends
        if _weight(each)
    ]


def tcp_destinations(
    route: GatewayRoute, backends: Sequence[Raw], grants: ReferenceGrants | None
) -> list[dict[str, Any]]:
    """Weighted destinations of a TLSRoute or TCPRoute.

    If no backend has a weight, the only destination is a host that does not exist.
    """
    if not weights(backends):
        return [{"destination": _REJECTED, "weight": 0}]
    return [
        {"destination": _destination(route, each, grants), "weight": _weight(each)}
        for each in backends
        if _weight(each)
    ]


def _weight(backend: Raw) -> int:
    found = number(backend, "weight")
    return 1 if found is None else found


def _destination(route: GatewayRoute, backend: Raw, grants: ReferenceGrants | None) -> dict[str, Any]:
    kind, name = normalized(backend, SERVICE), text(backend, "name")
    place = text(backend, "namespace") or route.namespace
    own = GroupKind(GATEWAY_API, route.kind)
    if place != route.namespace and grants is not None and not grants.allows(own, route.namespace, kind, place, name):
        return {}
    if kind == HOSTNAME:
        if backend.get("namespace") is not None:
            raise RouteError(f"namespace of Hostname {name}")
        host = name
    elif kind in (SERVICE, _SERVICE_IMPORT):
        if kind == SERVICE and "." in name:
            raise RouteError(f"name of Service {name}")
        host = f"{name}.{place}.svc.{DOMAIN}"
    else:
        return {}
    port = number(backend, "port")
    if port is None:
        raise RouteError(f"no port of {name}")
    return {"host": host, "port": {"number": port}}
