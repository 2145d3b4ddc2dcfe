"""Follows connections from proxy to proxy until they reach a destination or end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from tests.istiod.walker.clusters import Endpoint, context_of, endpoints, opened, service_of, uses_http2
from tests.istiod.walker.configuration import ProxyConfiguration
from tests.istiod.walker.filters import HTTP_MANAGER, TCP_PROXY, Manager, NetworkFilters
from tests.istiod.walker.listeners import Seen, filter_chain, for_original_destination, listening
from tests.istiod.walker.matching import Json, NotModelledError, string_matches
from tests.istiod.walker.network import PLAIN_PORTS, TLS_PORTS, Network, Nothing, Outside, Pod, Target
from tests.istiod.walker.outcome import Answer, Share, answer
from tests.istiod.walker.rbac import Peer
from tests.istiod.walker.routes import clusters, rewritten
from tests.istiod.walker.tls import downstream_context, refused
from tests.istiod.walker.wire import Connect, Connection, Http, Layers, Raw, Tls, described

LONGEST = 5  # proxies on the way before it counts as a loop


@dataclass(frozen=True, slots=True)
class Mesh:
    """The proxies of a mesh, by the addresses of the pods that run with their configuration."""

    proxies: Mapping[str, ProxyConfiguration]
    gateways: Mapping[str, str]  # pod address to the gateway's namespace/name
    network: Network

    def with_address(self, host: str, address: str) -> Mesh:
        """The same mesh, in which public DNS gives a host another address."""
        return replace(self, network=self.network.with_address(host, address))


@dataclass(frozen=True, slots=True)
class Purpose:
    """The condition for `through`.

    It consists of the gateway, the requested host and the destinations declared for it.
    """

    gateway: str
    host: str
    declared: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Trail:
    """The gateways and services that a connection passed."""

    via: tuple[str, ...] = ()
    service: str = ""
    hops: int = 0


class Walker:
    """Follows connections through one mesh for one purpose."""

    def __init__(self, mesh: Mesh, purpose: Purpose) -> None:
        self._mesh, self._purpose = mesh, purpose

    def intercepted(self, proxy: ProxyConfiguration, connection: Connection) -> Answer:
        """The outcome of a connection that a sidecar takes from its application."""
        return answer(self._guarded(proxy, self._intercepted(proxy, connection)))

    def direct(self, connection: Connection) -> Answer:
        """The outcome of a connection that no sidecar takes."""
        return answer(self._arrivals("", connection.address, connection.port, connection, Trail()))

    def _guarded(self, proxy: ProxyConfiguration, shares: Iterator[Share]) -> Iterator[Share]:
        try:
            yield from list(shares)
        except NotModelledError as missing:
            yield Share("unknown", code="not-modelled", detail=str(missing), proxy=proxy.name)

    def _intercepted(self, proxy: ProxyConfiguration, connection: Connection) -> Iterator[Share]:
        entry = proxy.entry()
        if entry is None:
            raise NotModelledError("no virtualOutbound listener")
        listener = for_original_destination(proxy.listeners, entry, connection.address, connection.port)
        yield from self._listener(proxy, listener, connection, Trail(hops=1))

    def _listener(
        self, proxy: ProxyConfiguration, listener: Json, connection: Connection, trail: Trail
    ) -> Iterator[Share]:
        here = Place(proxy, trail, connection.source if connection.restored else connection.address)
        chain = filter_chain(listener, connection)
        if chain is None:
            yield here.fails("no-chain", f"no filter chain of {listener['name']}", flag="NR")
            return
        server_names = chain.get("filter_chain_match", {}).get("server_names")
        step = f"{proxy.name}: {listener['name']} chain {chain.get('name') or server_names or ''}".rstrip()
        seen = Seen(listener, connection)
        for share in self._terminated(here, chain, connection, seen.server_name):
            yield share.after(step)

    def _terminated(self, here: Place, chain: Json, connection: Connection, server_name: str) -> Iterator[Share]:
        context = downstream_context(chain)
        identity, encrypted = "", False
        if context is not None:
            first = connection.layers[0]
            if not isinstance(first, Tls):
                yield here.fails("plain-to-tls", "plain text to a TLS filter chain")
                return
            secret = here.proxy.missing_secret(context)
            if secret:
                yield here.fails("UF", f"the listener waits for secret {secret}", flag="UF")
                return
            reason = refused(context, first, here.proxy.identity)
            if reason:
                yield here.fails("TLS", reason)
                return
            identity, encrypted, server_name = first.identity, True, first.sni.lower()
            connection = replace(connection, layers=connection.layers[1:])
        peer = Peer(connection.address, connection.port, connection.source, server_name, identity, encrypted, None)
        yield from self._filters(here, chain, connection, peer)

    def _filters(self, here: Place, chain: Json, connection: Connection, peer: Peer) -> Iterator[Share]:
        filters = NetworkFilters(chain)
        if not filters.allow(peer):
            yield here.fails("RBAC", "network filter")
            return
        kind, config = filters.last()
        if kind == TCP_PROXY:
            yield from self._tcp(here, config, connection, peer, filters.dynamic_port())
        elif kind == HTTP_MANAGER:
            yield from self._http(here, config, connection, peer)
        else:
            yield here.fails("no-filter", "the filter chain forwards nothing")

    # TCP

    def _tcp(
        self, here: Place, config: Json, connection: Connection, peer: Peer, dynamic_port: int | None
    ) -> Iterator[Share]:
        layers = connection.layers
        tunnel = config.get("tunneling_config")
        steps: tuple[str, ...] = ()
        for cluster, percent in clusters(config):
            if tunnel:
                authority = _tunnel_authority(tunnel["hostname"], peer, connection)
                version = "h2" if uses_http2(here.proxy.clusters.get(cluster["name"], {})) else "http/1.1"
                layers, steps = (Connect(authority, version=version), *connection.layers), ("CONNECT",)
            moved = replace(connection, layers=layers)
            host = (peer.server_name, dynamic_port) if dynamic_port else ("", 0)
            for share in self._cluster(here, cluster["name"], moved, host):
                yield share.of(percent).after(*steps)

    # HTTP

    def _http(self, here: Place, config: Json, connection: Connection, peer: Peer) -> Iterator[Share]:
        request = connection.layers[0]
        if isinstance(request, Tls):
            yield here.fails("tls-to-plain", "TLS to an HTTP filter chain", flag="DPE")
            return
        if isinstance(request, Raw):
            yield here.fails("not-http", "bytes that are not HTTP to an HTTP filter chain", flag="DPE")
            return
        manager = Manager(here.proxy, config)
        if isinstance(request, Http):
            if request.header("x-forwarded-proto") is None:
                request = request.with_header("x-forwarded-proto", "https" if peer.encrypted else "http")
            if not manager.authenticated(request):
                yield here.fails("401", "a token is required", status=401)
                return
            if not manager.allow(replace(peer, request=request)):
                yield here.fails("RBAC", "http filter", status=403)
                return
        host = manager.virtual_host(request.authority)
        if host is None:
            yield here.fails("404", f"no virtual host in {manager.name}", status=404, flag="NR")
            return
        step = f"{here.proxy.name}: route {manager.name} vhost {host['name']}"
        for share in self._virtual_host(
            here, manager, host, replace(connection, layers=(request, *connection.layers[1:])), peer
        ):
            yield share.after(step)

    def _virtual_host(
        self, here: Place, manager: Manager, host: Json, connection: Connection, peer: Peer
    ) -> Iterator[Share]:
        request = connection.layers[0]
        assert isinstance(request, Http | Connect)
        if (
            isinstance(request, Http)
            and host.get("require_tls", "NONE") != "NONE"
            and request.header("x-forwarded-proto") != "https"
        ):
            yield here.fails("301", "httpsRedirect", status=301)
            return
        left = 100.0
        for route, percent in manager.routes(host, request, encrypted=bool(peer.identity)):
            for share in self._route(here, manager, host, route, connection):
                yield share.of(left * percent / 100)
            left *= 1 - percent / 100
        if left > 0:
            yield here.fails("404", f"no route in vhost {host['name']}", status=404, flag="NR").of(left)

    def _route(self, here: Place, manager: Manager, host: Json, route: Json, connection: Connection) -> Iterator[Share]:
        left = 100.0
        for status, percent in manager.faults(host, route, connection.layers[0]):
            yield here.fails(str(status), "fault: abort", status=status, flag="FI").of(left * percent / 100)
            left *= 1 - percent / 100
        if left <= 0:
            return
        for share in self._action(here, host, route, connection):
            yield share.of(left)

    def _action(self, here: Place, host: Json, route: Json, connection: Connection) -> Iterator[Share]:
        if "direct_response" in route:
            status = int(route["direct_response"]["status"])
            yield here.fails(str(status), f"direct response {host['name']}", status=status)
            return
        if "redirect" in route:
            status = _REDIRECTS[route["redirect"].get("response_code", "MOVED_PERMANENTLY")]
            yield here.fails(str(status), "redirect", status=status)
            return
        if "route" not in route:
            raise NotModelledError("route action")
        request = connection.layers[0]
        for cluster, percent in clusters(route["route"]):
            if isinstance(request, Http):
                moved = rewritten(request, route, host, cluster)
                layers: Layers = (moved, *connection.layers[1:])
                secured = "transport_socket" in here.proxy.clusters.get(cluster["name"], {})
                # The cluster resolves the host itself, also without the filter (Envoy's dfp_cluster_resolves_hosts).
                dynamic = _host_and_port(moved.authority, 443 if secured else 80)
            elif any("connect_config" in each for each in route["route"].get("upgrade_configs", ())):
                layers, dynamic = connection.layers[1:], ("", 0)
            else:
                layers, dynamic = connection.layers, ("", 0)
            status = _NOT_FOUND[route["route"].get("cluster_not_found_response_code", "SERVICE_UNAVAILABLE")]
            for share in self._cluster(here, cluster["name"], replace(connection, layers=layers), dynamic):
                yield _as_http(share, status).of(percent)

    # Clusters

    def _cluster(self, here: Place, name: str, connection: Connection, host: tuple[str, int]) -> Iterator[Share]:
        step = f"{here.proxy.name}: {name}"
        for share in self._endpoints(here, name, connection, host):
            yield share.after(step)

    def _endpoints(self, here: Place, name: str, connection: Connection, host: tuple[str, int]) -> Iterator[Share]:
        cluster = here.proxy.clusters.get(name)
        if cluster is None:
            yield here.fails("NC", f"no cluster {name}", flag="NC")
            return
        known = self._mesh.network.resolves
        found = [each for each in endpoints(here.proxy, cluster, connection, host) if known(each.address)]
        if not found:
            black_hole = name == "BlackHoleCluster"
            yield here.fails(
                "blackhole" if black_hole else "UH", name if black_hole else f"no endpoint in {name}", flag="UH"
            )
            return
        trail = replace(here.trail, service=service_of(name))
        for each in found:
            for share in self._endpoint(here, cluster, each, connection, trail):
                yield share.of(100 / len(found))

    def _endpoint(
        self, here: Place, cluster: Json, endpoint: Endpoint, connection: Connection, trail: Trail
    ) -> Iterator[Share]:
        context = context_of(cluster, endpoint)
        layers = connection.layers
        if context is not None:
            secret = here.proxy.missing_secret(context)
            if secret:
                yield here.fails("NC", f"the cluster waits for secret {secret}", flag="NC")
                return
            layers = (opened(context, cluster, layers[0], here.proxy), *layers)
        moved = Connection(endpoint.address, endpoint.port, layers, source=here.address)
        yield from self._arrivals(here.proxy.name, endpoint.address, endpoint.port, moved, trail)

    def _arrivals(self, proxy: str, address: str, port: int, connection: Connection, trail: Trail) -> Iterator[Share]:
        targets = self._mesh.network.at(address, port)
        for target in targets:
            for share in self._target(proxy, target, connection, trail):
                yield share.of(100 / len(targets))

    def _target(self, proxy: str, target: Target, connection: Connection, trail: Trail) -> Iterator[Share]:
        match target:
            case Nothing(reason):
                yield Share("fails", "UF", reason, flag="UF", proxy=proxy, via=trail.via, service=trail.service)
            case Pod(address, port):
                yield from self._pod(proxy, address, port, connection, trail)
            case Outside(host, port):
                yield self._outside(proxy, host, port, connection.layers, trail)

    def _pod(self, proxy: str, address: str, port: int, connection: Connection, trail: Trail) -> Iterator[Share]:
        there = self._mesh.proxies.get(address)
        gateway = self._mesh.gateways.get(address)
        if there is None and gateway is not None:
            raise NotModelledError(f"the configuration of {gateway} was not requested")
        if there is None or there.kind != "router":
            yield self._reached(f"{address}:{port}", trail)
            return
        via = (*trail.via, gateway) if gateway else trail.via
        if trail.hops >= LONGEST:
            yield Share("fails", "loop", "the request comes back to a proxy", proxy=there.name, via=via)
            return
        listener = listening(there.listeners, address, port)
        if listener is None:
            detail = f"nothing listens on {port} of {gateway or there.name}"
            yield Share("fails", "UF", detail, flag="UF", proxy=proxy, via=via, service=trail.service)
            return
        moved = replace(connection, address=address, port=port, restored=False)
        yield from self._listener(there, listener, moved, Trail(via, trail.service, trail.hops + 1))

    # Destinations

    def _outside(self, proxy: str, host: str, port: int, layers: Layers, trail: Trail) -> Share:
        problem = _protocol_problem(host, port, layers)
        step = f"{host}:{port} layers {described(layers)}"
        if problem:
            code, detail = problem
            return Share(
                "fails",
                code,
                detail,
                flag="UF" if code != "double-tls" and isinstance(layers[0], Tls) and layers[0].by == proxy else "",
                proxy=proxy,
                destination=f"{host}:{port}",
                service=trail.service,
                via=trail.via,
                walk=(step,),
            )
        return self._reached(f"{host}:{port}", trail).after(step)

    def _reached(self, destination: str, trail: Trail) -> Share:
        share = Share("bypasses", destination=destination, service=trail.service, via=trail.via)
        if self._purpose.gateway not in trail.via:
            return share
        host = destination.rpartition(":")[0]
        wanted = self._purpose.host
        if (
            wanted in (host, trail.service)
            or self._mesh.network.host_of(host) == wanted
            or self._purpose.declared(trail.service)
        ):
            return replace(share, outcome="through")
        return replace(
            share,
            outcome="fails",
            code="elsewhere",
            detail=f"arrives at {destination}, which is declared for another host",
        )


@dataclass(frozen=True, slots=True)
class Place:
    """The pod and proxy at which a connection is, with the trail up to it."""

    proxy: ProxyConfiguration
    trail: Trail
    address: str  # of the pod: the source address of connections from here

    def fails(self, code: str, detail: str, *, status: int | None = None, flag: str = "") -> Share:
        """A request that ends here."""
        return Share(
            "fails", code, detail, status, flag, self.proxy.name, service=self.trail.service, via=self.trail.via
        )


_REDIRECTS = {
    "MOVED_PERMANENTLY": 301,
    "FOUND": 302,
    "SEE_OTHER": 303,
    "TEMPORARY_REDIRECT": 307,
    "PERMANENT_REDIRECT": 308,
}
_NOT_FOUND = {"SERVICE_UNAVAILABLE": 503, "NOT_FOUND": 404, "INTERNAL_SERVER_ERROR": 500}


def _as_http(share: Share, not_found: int) -> Share:
    """A connection that ends behind an HTTP proxy is a 503 for its client.

    If another destination answers, the client reads its answer.
    """
    if share.outcome != "fails" or share.status is not None or share.code == "elsewhere":
        return share
    flag = "UC" if share.code == "plain-to-tls" and share.destination else share.flag
    return replace(share, status=not_found if share.code == "NC" else 503, flag=flag)


def _tunnel_authority(template: str, peer: Peer, connection: Connection) -> str:
    known = {
        "%REQUESTED_SERVER_NAME%": peer.server_name,
        "%DOWNSTREAM_LOCAL_ADDRESS%": f"{connection.address}:{connection.port}",
        "%DOWNSTREAM_LOCAL_PORT%": str(connection.port),
    }
    for name, value in known.items():
        template = template.replace(name, value)
    if "%" in template:
        raise NotModelledError(f"tunnel to {template}")
    return template


def _host_and_port(authority: str, port: int) -> tuple[str, int]:
    found = re.fullmatch(r"(.*):(\d+)", authority)
    return (found[1], int(found[2])) if found else (authority, port)


def _protocol_problem(host: str, port: int, layers: Layers) -> tuple[str, str] | None:
    """Why a server outside does not understand what arrives; None where it does."""
    first = layers[0]
    if port in TLS_PORTS and isinstance(first, Http | Connect):
        return "plain-to-tls", "plain text to a TLS port"
    if not isinstance(first, Tls):
        return None
    if port in PLAIN_PORTS:
        return "tls-to-plain", "TLS to a plain text port"
    if isinstance(layers[1], Tls):
        return "double-tls", "TLS in TLS to a server that expects one TLS session"
    if first.trust == "mesh":
        return "TLS", "the server's certificate is not issued by the mesh"
    if first.names and not any(_names(matcher, host, first.sni) for matcher in first.names):
        return "TLS", "the server's certificate does not name what the proxy expects"
    return None


def _names(matcher: Mapping[str, object], host: str, sni: str) -> bool:
    """Whether a server's certificate, which names the host and the SNI, passes the matcher."""
    return any(string_matches(matcher, name) for name in (host, sni, f"*.{host.partition('.')[2]}") if name)
