"""A cluster's endpoints, and how a connection to one of them begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.istiod.walker.configuration import ProxyConfiguration
from tests.istiod.walker.matching import Json, NotModelledError
from tests.istiod.walker.tls import client_side, upstream_context
from tests.istiod.walker.wire import Connection, Layer, Tls

_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_DYNAMIC = "envoy.clusters.dynamic_forward_proxy"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of a cluster, with what EDS says about it."""

    address: str
    port: int
    described: Json = field(default_factory=dict, hash=False)


def service_of(cluster: str) -> str:
    """The host name of the service in a cluster's name; empty for other clusters."""
    parts = cluster.split("|")
    return parts[3] if len(parts) == 4 and parts[0] == "outbound" else ""


def uses_http2(cluster: Json) -> bool:
    """Whether the cluster is configured for HTTP/2."""
    options = cluster.get("typed_extension_protocol_options", {}).get(_OPTIONS, {})
    return "http2_protocol_options" in options.get("explicit_http_config", {})


def endpoints(
    proxy: ProxyConfiguration, cluster: Json, connection: Connection, host: tuple[str, int]
) -> Sequence[Endpoint]:
    """The endpoints that a connection may go to.

    They have the highest priority that has healthy endpoints.
    """
    if "cluster_type" in cluster:
        if cluster["cluster_type"]["name"] != _DYNAMIC:
            raise NotModelledError(f"cluster type {cluster['cluster_type']['name']}")
        return [Endpoint(*host)] if host[0] else []
    kind = cluster.get("type", "STATIC")
    if kind == "ORIGINAL_DST":
        if "original_dst_lb_config" in cluster:
            raise NotModelledError("original_dst_lb_config")
        return [Endpoint(connection.address, connection.port)] if connection.restored else []
    if kind == "EDS":
        name = cluster.get("eds_cluster_config", {}).get("service_name") or cluster["name"]
        return _best(proxy.endpoints.get(name, {}))
    return _best(cluster.get("load_assignment", {}))


def _best(assignment: Json) -> Sequence[Endpoint]:
    found: dict[int, list[Endpoint]] = {}
    for group in assignment.get("endpoints", ()):
        found.setdefault(int(group.get("priority", 0)), []).extend(_healthy(group))
    return next((found[priority] for priority in sorted(found) if found[priority]), [])


def _healthy(group: Json) -> Iterator[Endpoint]:
    for each in group.get("lb_endpoints", ()):
        if each.get("health_status", "UNKNOWN") not in ("UNKNOWN", "HEALTHY", "DEGRADED"):
            continue
        socket = each["endpoint"]["address"].get("socket_address")
        if socket is None:
            raise NotModelledError(f"endpoint {sorted(each['endpoint']['address'])}")
        yield Endpoint(socket["address"], int(socket.get("port_value", 0)), each)


def context_of(cluster: Json, endpoint: Endpoint) -> Json | None:
    """The TLS context for connections to the endpoint; None for plain text."""
    return upstream_context(cluster, endpoint.described)


def opened(context: Json, cluster: Json, inside: Layer, proxy: ProxyConfiguration) -> Tls:
    """The TLS session that the proxy opens to the endpoint."""
    return client_side(context, cluster, inside, proxy.identity, proxy.name)
