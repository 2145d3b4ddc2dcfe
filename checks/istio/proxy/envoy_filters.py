"""EnvoyFilters that change the configuration of a proxy."""

from checks.facts.istio_networking import EnvoyFilter
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.proxies import Proxy
from checks.model.raw_values import Raw, items, mapping, text

_HARMLESS = frozenset({"timeout", "idleTimeout", "maxStreamDuration", "retryPolicy"})
"""Settings of a route that do not decide where a request goes."""


def filters_of(mesh: Mesh, proxy: Proxy) -> tuple[EnvoyFilter, ...]:
    """The EnvoyFilters with a patch that can change the routes of a proxy."""
    contexts = {"", "ANY", "GATEWAY" if proxy.gateway else "SIDECAR_OUTBOUND"}
    return tuple(
        each
        for each in mesh.envoy_filters
        if each.namespace in (mesh.configuration.root, proxy.namespace)
        and all(proxy.labels.get(key) == value for key, value in each.workload_selector.items())
        and any(
            text(patch, "match", "context").upper() in contexts and not _is_harmless(patch)
            for patch in items(each.raw, "spec", "configPatches")
        )
    )


def _is_harmless(patch: Raw) -> bool:
    """Whether a patch only merges time-outs or retries into routes."""
    route = mapping(patch, "patch", "value", "route")
    merges = text(patch, "patch", "operation").upper() == "MERGE" and text(patch, "applyTo").upper() == "HTTP_ROUTE"
    return merges and set(mapping(patch, "patch", "value")) <= {"route"} and set(route) <= _HARMLESS
