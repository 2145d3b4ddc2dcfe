"""The clusters by which the gateway forwards the requests of a run."""

from collections.abc import Iterator
from dataclasses import dataclass

from checks.facts.istio_networking import ServiceEntry
from checks.facts.view import Facts
from checks.istio.faults.request_route import ResolvedRoute
from checks.istio.faults.resolved_routes import resolved_routes, routing_of_run
from checks.istio.proxy.clusters import Cluster
from checks.istio.request.proxy_configuration import ProxyConfiguration


@dataclass(frozen=True, slots=True)
class GatewayCluster:
    """A cluster of the gateway, and the hosts whose requests it forwards."""

    hosts: tuple[str, ...]
    proxy: ProxyConfiguration
    cluster: Cluster
    routes: tuple[ResolvedRoute, ...]

    @property
    def entry(self) -> ServiceEntry | None:
        """The ServiceEntry of its destination."""
        source = self.cluster.service.source
        return source if isinstance(source, ServiceEntry) else None

    @property
    def originates_tls(self) -> bool:
        """Whether the gateway itself opens the TLS session to the destination."""
        tls = self.cluster.tls
        return tls is not None and not tls.automatic


def gateway_clusters(facts: Facts) -> tuple[GatewayCluster, ...]:
    """The clusters that the routes of this run reach at the gateway, each once.

    They are found once for a run. Raises Unreadable.
    """
    return facts.once("clusters of the gateway", _found, facts.run)


def _found(facts: Facts) -> tuple[GatewayCluster, ...]:
    proxies = {each.name: each for each in routing_of_run(facts).gateway_proxies()}
    found: dict[object, list[tuple[ResolvedRoute, ProxyConfiguration, Cluster]]] = {}
    for route in resolved_routes(facts):
        for proxy, cluster in _clusters(route, proxies):
            found.setdefault(cluster.name, []).append((route, proxy, cluster))
    return tuple(
        GatewayCluster(
            tuple(dict.fromkeys(route.host for route, _, _ in each)), *each[0][1:], tuple(route for route, _, _ in each)
        )
        for each in found.values()
    )


def _clusters(
    route: ResolvedRoute, proxies: dict[str, ProxyConfiguration]
) -> Iterator[tuple[ProxyConfiguration, Cluster]]:
    for end in route.outcome.ends:
        for step in end.steps:
            proxy = proxies.get(step.proxy)
            cluster = proxy.clusters.get(step.cluster) if proxy is not None and step.cluster is not None else None
            if proxy is not None and cluster is not None:
                yield proxy, cluster
