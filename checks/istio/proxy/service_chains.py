"""The filter chains for TCP and TLS services at a sidecar.

A VirtualService decides the destination, or the chain leads to the service itself.

Source: Istio `pilot/pkg/networking/core/tls.go`.
"""

from collections.abc import Iterator, Sequence

from checks.istio.mesh.egress_listeners import EgressListener
from checks.istio.mesh.objects.hosts import is_wildcard
from checks.istio.mesh.objects.routing_rules import MESH, RoutingRule, RoutingRules
from checks.istio.mesh.proxies import Proxy
from checks.istio.mesh.scope import SidecarScope
from checks.istio.mesh.services import UNSPECIFIED, MeshPort, MeshService, Resolution
from checks.istio.proxy.clusters import ClusterName, Clusters
from checks.istio.proxy.listeners import FilterChain, Provenance, TcpProxy
from checks.istio.proxy.tunnels import tunnel_of
from checks.istio.proxy.weights import tcp_clusters
from checks.model.raw_values import Raw, items, mapping, number, text, texts


class ServiceChains:
    """The filter chains that one sidecar has for services."""

    def __init__(self, proxy: Proxy, scope: SidecarScope, clusters: Clusters) -> None:
        self._proxy, self._scope, self._clusters = proxy, scope, clusters

    def chains(
        self, egress: EgressListener, service: MeshService, port: MeshPort, bind: str, ranges: tuple[str, ...]
    ) -> list[FilterChain]:
        """The chains of a service's port in a listener that is bound to an address."""
        rules = egress.rules_overlapping(service.host)
        if port.protocol.is_tls:
            return list(self._tls_chains(rules, service, port, bind, ranges))
        return list(self._plain_chains(rules, service, port, ranges))

    def _tls_chains(
        self, rules: Sequence[RoutingRules], service: MeshService, port: MeshPort, bind: str, ranges: tuple[str, ...]
    ) -> Iterator[FilterChain]:
        handled: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
        for each in rules:
            for rule in each.tls:
                routed = items(rule.raw, "route")
                for match in rule.matches() if routed else ():
                    if not self._applies(rule, match, port.number):
                        continue
                    ranges = texts(match, "destinationSubnets") or ranges
                    key = (texts(match, "sniHosts"), texts(match, "destinationSubnets"))
                    if key not in handled:
                        handled.add(key)
                        yield FilterChain(
                            self._routed(rule, port.number),
                            texts(match, "sniHosts"),
                            ranges,
                            origin=Provenance(rule.source, rule.field),
                        )
        if handled:
            return
        names: tuple[str, ...] = ()
        address = self._proxy.address_of(service)
        wild = is_wildcard(service.host) and service.resolution is Resolution.DYNAMIC_DNS
        if ranges or "/" in address or (address == UNSPECIFIED and bind == UNSPECIFIED) or wild:
            aliases = (name for each in service.aliases for name in (each, *self._proxy.abbreviations(each)))
            names = (service.host, *aliases)
        yield FilterChain(self._own(service, port), names, ranges, origin=Provenance(service.source))

    def _plain_chains(
        self, rules: Sequence[RoutingRules], service: MeshService, port: MeshPort, ranges: tuple[str, ...]
    ) -> Iterator[FilterChain]:
        for each in rules:
            for rule in each.tcp:
                if not items(rule.raw, "route"):
                    continue
                origin = Provenance(rule.source, rule.field)
                subnets: list[str] = []
                terminal = not rule.matches()
                for match in rule.matches():
                    if self._applies(rule, match, port.number):
                        subnets += texts(match, "destinationSubnets")
                        terminal = terminal or not texts(match, "destinationSubnets")
                        if terminal:
                            break
                if terminal:
                    yield FilterChain(self._routed(rule, port.number), (), ranges, origin=origin)
                    return
                if subnets:
                    yield FilterChain(self._routed(rule, port.number), (), tuple(subnets), origin=origin)
                    if sorted(subnets) == sorted(ranges):
                        return
        yield FilterChain(self._own(service, port), (), ranges, origin=Provenance(service.source))

    def _applies(self, rule: RoutingRule, match: Raw, port: int) -> bool:
        """Whether the static conditions of a TLS or TCP match block include this proxy."""
        gateways, labels_ = rule.gateways(match), mapping(match, "sourceLabels")
        return (
            (not gateways or MESH in gateways)
            and all(self._proxy.labels.get(str(key)) == str(value) for key, value in labels_.items())
            and (number(match, "port") or port) == port
            and text(match, "sourceNamespace") in ("", self._proxy.namespace)
        )

    def _routed(self, rule: RoutingRule, port: int) -> TcpProxy:
        return tcp_clusters(rule, port, self._scope.by_host, self._clusters)

    def _own(self, service: MeshService, port: MeshPort) -> TcpProxy:
        """A service's own cluster: of the listener's port, or of its only port."""
        target = service.ports[0].number if len(service.ports) == 1 else port.number
        dynamic = is_wildcard(service.host) and service.resolution is Resolution.DYNAMIC_DNS
        known = self._scope.by_host.get(service.host)
        tunnel, post = tunnel_of(self._clusters.rule_for(known) if known is not None else None, "")
        return TcpProxy(((ClusterName(service.host, target), 100),), tunnel, post, dynamic)
