"""The outbound listeners of a sidecar.

Source: Istio `pilot/pkg/networking/core/listener.go`, `tls.go`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.names import hosts_overlap, is_address, is_wildcard
from checks.istio.mesh.protocols import Protocol
from checks.istio.mesh.proxies import Proxy
from checks.istio.mesh.scope import EgressListener
from checks.istio.mesh.services import UNSPECIFIED, MeshPort, MeshService, Resolution
from checks.istio.mesh.virtual_services import MESH, RoutingRule, RoutingRules
from checks.istio.proxy.clusters import BLACK_HOLE, PASSTHROUGH, ClusterName, Clusters
from checks.istio.proxy.listeners import EnvoyListener, FilterChain, HttpManager, Provenance, TcpProxy
from checks.istio.proxy.tunnels import tunnel_of
from checks.istio.proxy.weights import tcp_clusters
from checks.model.raw_values import Raw, items, mapping, number, text, texts


@dataclass(slots=True)
class _Entry:
    """A listener in the making; `protocol` is HTTP, TCP or UNSUPPORTED (detected)."""

    bind: str
    port: MeshPort
    chains: list[FilterChain]
    protocol: Protocol
    service: MeshService
    locked: bool = False


class OutboundListeners:
    """The listeners that a sidecar has for intercepted connections, built by port."""

    def __init__(self, mesh: Mesh, proxy: Proxy, clusters: Clusters) -> None:
        self._mesh, self._proxy, self._clusters = mesh, proxy, clusters
        self._scope = mesh.scope(proxy)
        self._built: dict[int, dict[str, _Entry]] = {}

    def listener_for(self, address: str, port: int) -> EnvoyListener:
        """The listener of a connection to an address; the one for unknown destinations if no other applies."""
        entries = self._entries(port)
        found = entries.get(address) or entries.get(UNSPECIFIED)
        return self._finished(found) if found is not None else self.fallback()

    def fallback(self) -> EnvoyListener:
        """`virtualOutbound`: connections to addresses and ports that no service has."""
        return EnvoyListener("virtualOutbound", (), self._unmatched(), False, False, Provenance(self._scope.sidecar))

    def _unmatched(self) -> FilterChain:
        """The chain for connections that match no service: by the outbound traffic policy."""
        origin = Provenance(self._scope.sidecar, "outboundTrafficPolicy.mode")
        policy = self._scope.outbound_policy
        if policy in ("ALLOW_ANY", "ALLOW_ANY_DYNAMIC_DNS"):
            proxy = self._scope.egress_proxy
            name = ClusterName(PASSTHROUGH)
            if policy == "ALLOW_ANY" and proxy is not None:
                name = ClusterName(text(proxy, "host"), number(proxy, "port", "number") or 0, text(proxy, "subset"))
            return FilterChain(TcpProxy(((name, 100),)), origin=origin)
        return FilterChain(TcpProxy(((ClusterName(BLACK_HOLE), 100),)), origin=origin)

    def _finished(self, entry: _Entry) -> EnvoyListener:
        chains = [each for each in entry.chains if not each.matches_all]
        default = next((each for each in reversed(entry.chains) if each.matches_all), None)
        return EnvoyListener(
            f"{entry.bind}_{entry.port.number}",
            tuple(chains),
            default or self._unmatched(),
            any(each.server_names for each in entry.chains)
            or any(isinstance(each.target, TcpProxy) and each.target.dynamic for each in entry.chains),
            any(each.plain_http for each in entry.chains),
            Provenance(entry.service.source),
        )

    def _entries(self, port: int) -> dict[str, _Entry]:
        if port not in self._built:
            entries: dict[str, _Entry] = {}
            for each in self._scope.listeners:
                self._add(entries, each, port)
            self._built[port] = entries
        return self._built[port]

    def _add(self, entries: dict[str, _Entry], egress: EgressListener, wanted: int) -> None:
        if egress.port:
            # A listener without interception has a socket of its own: intercepted connections do not reach it.
            if egress.port != wanted or not egress.captured or egress.bind.startswith("unix:"):
                return
            port = MeshPort(egress.port, text(egress.raw, "port", "name"), egress.protocol, egress.port)
            for service in egress.services:
                self._service(entries, egress, service, port, egress.bind)
            return
        for entry in entries.values():
            entry.locked = True
        for service in egress.services:
            found = service.port(wanted)
            if found is not None:
                for bind in self._binds(service, found, egress.bind):
                    self._service(entries, egress, service, found, bind)

    def _binds(self, service: MeshService, port: MeshPort, bind: str) -> Iterator[str]:
        """The addresses to which a service's listener is bound: "" for its own address."""
        headless = service.resolution is Resolution.ORIGINAL_DESTINATION
        unbound = not bind and self._proxy.address_of(service) == UNSPECIFIED
        if not (headless and unbound and (port.protocol.is_tcp or port.protocol is Protocol.UNSUPPORTED)):
            yield bind
            return
        found = self._clusters.instances(service, port)
        if not service.kubernetes and not found and not service.selector:
            yield bind
        for endpoint in found:
            if is_address(endpoint.address) and endpoint.address != self._proxy.pod.ip:
                yield endpoint.address

    def _service(
        self, entries: dict[str, _Entry], egress: EgressListener, service: MeshService, port: MeshPort, bind: str
    ) -> None:
        if service.resolution is Resolution.ALIAS or port.protocol is Protocol.UDP:
            return
        ranges: tuple[str, ...] = ()
        http = port.protocol.is_http
        if not bind:
            address = UNSPECIFIED if http else self._proxy.address_of(service)
            if "/" in address:
                address, ranges = UNSPECIFIED, (address,)
            bind = address
        entry = entries.get(bind)
        if entry is not None and entry.locked:
            return
        if http:
            self._http(entries, entry, service, port, bind)
        elif port.protocol.is_tcp:
            chains = list(self._tcp_chains(egress, service, port, bind, ranges))
            self._merge(entries, entry, chains, _Entry(bind, port, chains, Protocol.TCP, service))
        else:
            self._detected(entries, entry, egress, service, port, bind, ranges)

    def _http(
        self, entries: dict[str, _Entry], entry: _Entry | None, service: MeshService, port: MeshPort, bind: str
    ) -> None:
        if entry is not None and not entry.protocol.is_tcp:
            return
        shared = bind == UNSPECIFIED and port.protocol is not Protocol.HTTP_PROXY
        chain = FilterChain(HttpManager(str(port.number)), plain_http=shared, origin=Provenance(service.source))
        kind = Protocol.UNSUPPORTED if shared else Protocol.HTTP
        self._merge(entries, entry, [chain], _Entry(bind, port, [chain], kind, service))

    def _detected(
        self,
        entries: dict[str, _Entry],
        entry: _Entry | None,
        egress: EgressListener,
        service: MeshService,
        port: MeshPort,
        bind: str,
        ranges: tuple[str, ...],
    ) -> None:
        chains = list(self._tcp_chains(egress, service, port, bind, ranges))
        if entry is not None and entry.protocol is Protocol.UNSUPPORTED:
            self._merge(entries, entry, chains, None)
            return
        route = str(port.number) if bind == UNSPECIFIED else f"{service.host}:{port.number}"
        chains.append(FilterChain(HttpManager(route), plain_http=True, origin=Provenance(service.source)))
        made = _Entry(bind, port, chains, Protocol.UNSUPPORTED, service)
        if entry is not None and entry.protocol.is_http:
            entries[bind] = made
        else:
            self._merge(entries, entry, chains, made)

    def _merge(
        self, entries: dict[str, _Entry], entry: _Entry | None, chains: Sequence[FilterChain], new: _Entry | None
    ) -> None:
        if entry is None:
            if new is not None:
                entries[new.bind] = new
            return
        if _well_known_conflict(entry, new):
            return
        for chain in chains:
            if not any(present.conflicts_with(chain) for present in entry.chains):
                entry.chains.append(chain)
        if new is None or new.protocol is not entry.protocol:
            entry.protocol = Protocol.UNSUPPORTED

    # TCP and TLS

    def _tcp_chains(
        self, egress: EgressListener, service: MeshService, port: MeshPort, bind: str, ranges: tuple[str, ...]
    ) -> Iterator[FilterChain]:
        rules = [each for each in egress.rules if any(hosts_overlap(host, service.host) for host in each.hosts)]
        if port.protocol.is_tls:
            yield from self._tls_chains(rules, service, port, bind, ranges)
        else:
            yield from self._plain_chains(rules, service, port, ranges)

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
            names = (service.host,)
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


def _well_known_conflict(entry: _Entry, new: _Entry | None) -> bool:
    """Protocols whose server speaks first share their port with no other."""
    first = (Protocol.MONGO, Protocol.MYSQL)
    one, other = entry.port.protocol, new.port.protocol if new is not None else entry.port.protocol
    return one is not other and (one in first or other in first)
