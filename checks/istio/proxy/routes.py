"""Virtual hosts and the HTTP routes of VirtualServices, as Envoy matches them.

Source: Istio `pilot/pkg/networking/core/httproute.go`, `route/route.go`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol as Interface

from checks.facts.istio_networking import EnvoyFilter
from checks.istio.mesh.objects.routing_rules import RoutingRule, RoutingRules
from checks.istio.mesh.proxies import Proxy
from checks.istio.mesh.services import MeshService
from checks.istio.proxy.clusters import ClusterName
from checks.istio.proxy.listeners import Provenance
from checks.istio.proxy.weights import destination_cluster
from checks.model.raw_values import Raw, flag, items, mapping, number, text
from checks.model.value_types import value


class ServicesByHost(Interface):
    """Services as destinations: those that a proxy knows by their host."""

    def get(self, host: str, /) -> MeshService | None: ...


@value(frozen=True, slots=True)
class HttpRoute:
    """A route of a virtual host: a rule with one of its match blocks, or a cluster alone."""

    rule: RoutingRule | None
    match: Raw | None
    clusters: tuple[tuple[ClusterName, int, Raw], ...]
    """(cluster, weight, the destination's own settings)."""
    origin: Provenance
    changed_by: EnvoyFilter | None = None
    """The EnvoyFilter that changes it in a way that is not modelled."""

    @property
    def catches_all(self) -> bool:
        """Whether it matches every request: routes after it are never reached."""
        if not self.match:
            return True
        uri = mapping(self.match, "uri")
        path = not uri or text(uri, "prefix") == "/" or text(uri, "regex") == ".*"
        others = ("headers", "withoutHeaders", "queryParams", "method", "authority", "scheme")
        return path and not any(self.match.get(each) for each in others)


@value(frozen=True, slots=True)
class VirtualHost:
    """A virtual host: the domains it answers for, and its routes in order."""

    name: str
    domains: tuple[str, ...]
    routes: tuple[HttpRoute, ...]
    status: int = 0
    """A fixed answer to every request; 0 if its routes decide."""
    require_tls: bool = False
    origin: Provenance = field(default_factory=lambda: Provenance(None))
    changed_by: EnvoyFilter | None = None
    """The EnvoyFilter that changes or adds it in a way that is not modelled."""
    appended_by: EnvoyFilter | None = None
    """The EnvoyFilter that adds a route after its own."""


@dataclass(frozen=True, slots=True)
class RouteConfiguration:
    """A route configuration by domain."""

    name: str
    by_domain: Mapping[str, VirtualHost]

    def virtual_host(self, host: str) -> VirtualHost | None:
        """The virtual host of an authority without port.

        The exact domain comes first, then the longest suffix, the longest prefix, and `*`.
        """
        host = host.lower()
        if host in self.by_domain:
            return self.by_domain[host]
        best = max((each for each in self.by_domain if _suffix(each, host)), key=len, default=None)
        if best is None:
            best = max((each for each in self.by_domain if _prefix(each, host)), key=len, default=None)
        return self.by_domain[best] if best is not None else self.by_domain.get("*")


def _suffix(domain: str, host: str) -> bool:
    return len(domain) > 1 and domain.startswith("*") and host.endswith(domain[1:]) and len(host) > len(domain) - 1


def _prefix(domain: str, host: str) -> bool:
    return len(domain) > 1 and domain.endswith("*") and host.startswith(domain[:-1]) and len(host) > len(domain) - 1


def rule_routes(
    rules: RoutingRules, proxy: Proxy, port: int, gateway: str, services: ServicesByHost
) -> tuple[HttpRoute, ...]:
    """The routes of a VirtualService for a Gateway (or `mesh`) and a port.

    The first route that matches every request is the last one.
    """
    found: list[HttpRoute] = []
    for rule in rules.http:
        blocks: Sequence[Raw | None] = rule.matches() or (None,)
        for match in blocks:
            if match is not None and not _applies(rule, match, proxy, port, gateway):
                continue
            found.append(HttpRoute(rule, match, _clusters(rule, port, services), Provenance(rule.source, rule.field)))
            if found[-1].catches_all:
                return tuple(found)
    return tuple(found)


def _applies(rule: RoutingRule, match: Raw, proxy: Proxy, port: int, gateway: str) -> bool:
    if (number(match, "port") or port) != port:
        return False
    gateways = rule.gateways(match)
    if gateways:
        return gateway in gateways
    labels_ = mapping(match, "sourceLabels")
    return all(proxy.labels.get(str(key)) == str(value) for key, value in labels_.items()) and text(
        match, "sourceNamespace"
    ) in ("", proxy.namespace)


def _clusters(rule: RoutingRule, port: int, services: ServicesByHost) -> tuple[tuple[ClusterName, int, Raw], ...]:
    found = []
    routes = items(rule.raw, "route")
    for each in routes:
        destination = mapping(each, "destination")
        weight = number(each, "weight") or 0
        if len(routes) == 1 or weight:
            service = services.get(rule.destination(destination))
            found.append((destination_cluster(rule, destination, service, port), weight or 100, each))
    return tuple(found)


def sets_require_tls(tls: Raw | None) -> bool:
    """Whether a Gateway server redirects plain HTTP."""
    return tls is not None and flag(tls, "httpsRedirect") is True
