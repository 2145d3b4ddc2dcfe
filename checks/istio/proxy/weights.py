"""Destinations of rules: their clusters and shares."""

from collections.abc import Mapping

from checks.istio.mesh.objects.routing_rules import RoutingRule
from checks.istio.mesh.services import MeshService
from checks.istio.proxy.clusters import ClusterName, Clusters
from checks.istio.proxy.listeners import Provenance, TcpProxy
from checks.istio.proxy.tunnels import tunnel_of
from checks.model.raw_values import Raw, items, mapping, number, text

UNKNOWN_SERVICE = "UnknownService"
"""Istio's cluster name for a backend that cannot be used.

No proxy has such a cluster.

Source: Istio `GetDestinationCluster`.
"""


def destination_cluster(rule: RoutingRule, destination: Raw, service: MeshService | None, port: int) -> ClusterName:
    """The cluster of a destination.

    Its port is the destination's, the service's only port, or the listener's, in this order.
    """
    host = rule.destination(destination)
    if not host:
        return ClusterName(UNKNOWN_SERVICE)
    if service is not None and service.alias_of:
        host = service.alias_of
    wanted = number(destination, "port", "number")
    if wanted is None:
        wanted = service.ports[0].number if service is not None and len(service.ports) == 1 else port
    return ClusterName(host, wanted, text(destination, "subset"))


def tcp_clusters(rule: RoutingRule, port: int, services: Mapping[str, MeshService], clusters: Clusters) -> TcpProxy:
    """The clusters of a TCP or TLS rule; a single destination counts whatever its weight."""
    routes = items(rule.raw, "route")
    first = mapping(routes[0], "destination")
    service = services.get(rule.destination(first))
    merged = clusters.rule_for(service) if service is not None else None
    found = []
    for each in routes:
        destination = mapping(each, "destination")
        known = services.get(rule.destination(destination))
        weight = number(each, "weight") or 0
        if len(routes) == 1 or weight > 0:
            found.append((destination_cluster(rule, destination, known, port), weight or 100))
    tunnel, post = tunnel_of(merged, text(first, "subset") if len(routes) == 1 else "")
    return TcpProxy(tuple(found), tunnel, post, rule=Provenance(rule.source, rule.field))
