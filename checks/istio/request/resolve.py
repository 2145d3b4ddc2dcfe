"""Resolves a request through the configuration of each proxy that it passes.

Only the bytes on the wire tie one hop to the next. The order of decisions is Envoy's: listener, filter chain, TLS,
authorization, virtual host, route, cluster, endpoint."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from checks.facts.fact import KubernetesObject
from checks.facts.istio_policies import AuthorizationPolicy
from checks.facts.pods import Pod
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.names import is_address, is_public, without_port
from checks.istio.mesh.proxies import Proxy
from checks.istio.mesh.services import UNSPECIFIED
from checks.istio.proxy.clusters import (
    BLACK_HOLE,
    PASSTHROUGH,
    Cluster,
    ClusterName,
    Clusters,
    Endpoint,
    UpstreamTls,
    address_for,
)
from checks.istio.proxy.envoy_filters import Patches
from checks.istio.proxy.gateway import GatewayListeners
from checks.istio.proxy.listeners import DownstreamTls, EnvoyListener, FilterChain, HttpManager, Provenance, TcpProxy
from checks.istio.proxy.outbound import OutboundListeners
from checks.istio.proxy.routes import HttpRoute, RouteConfiguration, VirtualHost, sidecar_routes
from checks.istio.request.authorization import DownstreamPeer, denied_by, policies_of
from checks.istio.request.declared import declared_services
from checks.istio.request.interception import is_intercepted
from checks.istio.request.matching import NotModelled, route_matches
from checks.istio.request.outcome import End, RequestOutcome, Result, Step, outcome
from checks.istio.request.wire import Bytes, Connect, Connection, Http, Tls
from checks.model.raw_values import Raw, mapping, number, text, texts

_TLS_PORTS = frozenset({443, 465, 636, 853, 993, 995, 5671, 6443, 8443, 9443})
_PLAIN_PORTS = frozenset({80, 8080})
_MOST_HOPS = 5


class ProxyConfiguration:
    """The configuration of one proxy, generated when a part of it is read."""

    def __init__(self, mesh: Mesh, proxy: Proxy) -> None:
        self.mesh, self.proxy = mesh, proxy
        self.clusters = Clusters(mesh, proxy)
        self.scope = mesh.scope(proxy)
        self.outbound = None if proxy.gateway else OutboundListeners(mesh, proxy, self.clusters)
        self.inbound = GatewayListeners(mesh, proxy, self.clusters) if proxy.gateway else None
        self.policies = policies_of(mesh, proxy)
        self.patches = Patches(mesh, proxy)
        self._routes: dict[str, RouteConfiguration | None] = {}

    def routes(self, name: str) -> RouteConfiguration | None:
        """A route configuration by its name."""
        if name not in self._routes:
            found = (
                self.inbound.routes(name) if self.inbound is not None else sidecar_routes(self.scope, self.proxy, name)
            )
            port = next((int(each) for each in re.findall(r"\d+", name.rpartition(":")[2])), 0)
            self._routes[name] = self.patches.applied(found, port) if found is not None else None
        return self._routes[name]

    @property
    def name(self) -> str:
        return f"{self.proxy.namespace}/{self.proxy.pod.name}"


@dataclass(frozen=True, slots=True)
class _Trail:
    """The gateways and services that a connection has passed."""

    gateways: tuple[str, ...] = ()
    service: str = ""
    hops: int = 0


class Router:
    """Resolves requests of a mesh; `mesh_of` gives the mesh of a revision, `gateway_of` the gateway of a pod."""

    def __init__(self, mesh_of: Callable[[str], Mesh], gateway_of: Callable[[Pod], str]) -> None:
        self._mesh_of, self.gateway_of = mesh_of, gateway_of
        self._configurations: dict[object, ProxyConfiguration] = {}

    def configuration(self, mesh: Mesh, pod: Pod) -> ProxyConfiguration | None:
        """The configuration of a pod's proxy; None if it has none. Pods that cannot differ share one."""
        proxy = mesh.proxy(pod)
        if proxy is None:
            return None
        own = {key: value for key, value in proxy.labels.items() if key != "pod-template-hash"}
        key = (proxy.namespace, proxy.gateway, proxy.revision, proxy.account, tuple(sorted(own.items())))
        if key not in self._configurations:
            self._configurations[key] = ProxyConfiguration(self._mesh_of(proxy.revision), proxy)
        return self._configurations[key]

    def send(self, client: Pod, connection: Connection, gateway: str, host: str) -> RequestOutcome:
        """The outcome of a connection from a client's pod; its address is an IP address or a name outside the mesh."""
        mesh = self._mesh_of(client.revision)
        if mesh.gateway_api:
            return RequestOutcome(Result.UNKNOWN, (End(Result.UNKNOWN, f"not modelled: {mesh.gateway_api}"),))
        walk = _Walk(self, mesh, gateway, host, client.ip)
        configuration = self.configuration(mesh, client)
        if configuration is None or configuration.proxy.gateway:
            return outcome(walk.arrives("", connection.address, connection.port, connection, _Trail()))
        found = [
            self._sent(walk, configuration, client, replace(connection, address=each))
            for each in _addresses(configuration, connection.address)
        ]
        if len({(each.result, each.status) for each in found}) > 1:
            reason = "depends on the address that DNS returns: a ServiceEntry lists addresses for the host"
            return RequestOutcome(Result.UNKNOWN, (End(Result.UNKNOWN, reason),))
        return found[0]

    @staticmethod
    def _sent(walk: "_Walk", configuration: ProxyConfiguration, client: Pod, connection: Connection) -> RequestOutcome:
        taken = is_intercepted(client.annotations, connection.address, connection.port)
        if taken is None:
            return RequestOutcome(
                Result.UNKNOWN, (End(Result.UNKNOWN, "excluded ranges may contain the host's address"),)
            )
        if not taken:
            return outcome(walk.arrives("", connection.address, connection.port, connection, _Trail()))
        return outcome(walk.guarded(configuration, walk.intercepted(configuration, connection)))


def _addresses(configuration: ProxyConfiguration, host: str) -> list[str]:
    """The possible addresses of a connection to a host: one, or the name if its address is not known. The public
    addresses that a ServiceEntry lists for the host may be those that DNS returns; others are certainly not."""
    first = _resolved(configuration, host)
    if is_address(first):
        return [first]
    listed = {
        each.address
        for each in configuration.mesh.exports.visible_in(configuration.proxy.namespace)
        if each.host == host
    }
    return [first, *sorted(each for each in listed if is_address(each) and is_public(each))]


def _resolved(configuration: ProxyConfiguration, host: str) -> str:
    """The address that a client's DNS gives for a host: of a Service, or, with DNS capture, of any service."""
    if is_address(host):
        return host
    scope = configuration.scope
    if configuration.proxy.captures_dns:
        labels = host.split(".")
        for name in (host, *("*." + ".".join(labels[at:]) for at in range(1, len(labels)))):
            known = scope.by_host.get(name)
            address = address_for(known, configuration.proxy) if known is not None else UNSPECIFIED
            if address != UNSPECIFIED and is_address(address):
                return address
    for each in configuration.mesh.exports.by_host.get(host, {}).values():
        if each.kubernetes and each.address != UNSPECIFIED:
            return each.address
    return host


class _Walk:
    """One request through one mesh."""

    def __init__(self, router: Router, mesh: Mesh, gateway: str, host: str, source: str) -> None:
        self._router, self._mesh, self._gateway, self._host = router, mesh, gateway, host.lower()
        self._source = source
        self._declared = declared_services(mesh, self._host)

    def guarded(self, here: ProxyConfiguration, ends: Iterator[End]) -> Iterator[End]:
        """The ends; one unknown end if a part of the configuration is not modelled."""
        try:
            yield from list(ends)
        except NotModelled as missing:
            yield End(Result.UNKNOWN, f"not modelled: {missing}", proxy=here.name)

    def intercepted(self, here: ProxyConfiguration, connection: Connection) -> Iterator[End]:
        """A connection that a sidecar takes from its application."""
        if here.outbound is None:
            raise ValueError(f"{here.name} is no sidecar")
        listener = here.outbound.listener_for(connection.address, connection.port)
        if here.patches.removes_listener(listener.name, connection.port):
            listener = here.outbound.fallback()
        yield from self._listener(here, listener, connection, _Trail(hops=1))

    def _listener(
        self, here: ProxyConfiguration, listener: EnvoyListener, connection: Connection, trail: _Trail
    ) -> Iterator[End]:
        if here.patches.unknown is not None:
            raise NotModelled(f"{here.patches.unknown.ref} changes the configuration of {here.name}")
        first = connection.outermost
        tls = isinstance(first, Tls)
        if not is_address(connection.address) and listener.selects_public_ranges:
            raise NotModelled("the rule depends on the address that DNS returns")
        chain = listener.chain_for(
            connection.address,
            first.server_name if isinstance(first, Tls) else "",
            tls=tls,
            plain_http=isinstance(first, Http | Connect),
        )
        if chain is None:
            yield _fails(here, trail, f"no filter chain of {listener.name} matches", flag="NR")
            return
        step = Step(here.name, f"listener {listener.name}", chain.origin)
        for end in self._terminated(here, chain, connection, trail):
            yield end.after(step)

    def _terminated(
        self, here: ProxyConfiguration, chain: FilterChain, connection: Connection, trail: _Trail
    ) -> Iterator[End]:
        identity = ""
        seen = connection.outermost.server_name if isinstance(connection.outermost, Tls) else ""
        if chain.tls is not None:
            session = connection.outermost
            if not isinstance(session, Tls):
                yield _fails(here, trail, "plain text arrives at a TLS server")
                return
            problem = _handshake(chain.tls, session, here)
            if problem:
                yield _fails(here, trail, problem, flag="UF" if "Secret" in problem else "")
                return
            identity = session.identity
            connection = connection.inside()
        denied = self._denied(here, connection, seen, identity, None) if isinstance(chain.target, TcpProxy) else None
        if denied is not None:
            yield _fails(here, trail, f"{denied.ref} denies the connection", flag="RBAC", origin=denied)
            return
        if isinstance(chain.target, TcpProxy):
            yield from self._tcp(here, chain.target, connection, trail, chain.origin)
        else:
            yield from self._http(
                here, chain.target, connection, trail, (seen, identity) if chain.tls is not None else None
            )

    def _denied(
        self, here: ProxyConfiguration, connection: Connection, server_name: str, identity: str, request: Http | None
    ) -> AuthorizationPolicy | None:
        """The AuthorizationPolicy of a gateway that denies a connection or request; sidecars check only what arrives."""
        if not here.proxy.gateway:
            return None
        peer = DownstreamPeer(self._source, connection.address, connection.port, server_name, identity, request)
        return denied_by(here.policies, peer)

    # TCP

    def _tcp(
        self, here: ProxyConfiguration, target: TcpProxy, connection: Connection, trail: _Trail, origin: Provenance
    ) -> Iterator[End]:
        if target.dynamic:
            raise NotModelled("dynamic forward proxy")
        total = sum(weight for _, weight in target.clusters)
        for name, weight in target.clusters:
            moved = connection
            if target.tunnel:
                moved = replace(connection, layers=(Connect(target.tunnel, target.tunnel_post), *connection.layers))
            for end in self._cluster(here, name, moved, trail, origin):
                yield end.of(100 * weight / total)

    # HTTP

    def _http(
        self,
        here: ProxyConfiguration,
        target: HttpManager,
        connection: Connection,
        trail: _Trail,
        session: tuple[str, str] | None,
    ) -> Iterator[End]:
        """`session` is the server name and the identity of the client; None for plain text."""
        request = connection.outermost
        if isinstance(request, Tls):
            yield _fails(here, trail, "TLS arrives at an HTTP server")
            return
        if isinstance(request, Bytes):
            yield _fails(here, trail, "bytes that are not HTTP arrive at an HTTP server", flag="DPE")
            return
        if isinstance(request, Connect):
            raise NotModelled("CONNECT request")
        if "x-forwarded-proto" not in request.headers:
            seen = "https" if session is not None else "http"
            request = replace(request, headers={**request.headers, "x-forwarded-proto": seen})
        denied = self._denied(here, connection, *(session or ("", "")), request)
        if denied is not None:
            yield _fails(here, trail, f"{denied.ref} denies the request", 403, "RBAC", denied)
            return
        configuration = here.routes(target.route)
        host = configuration.virtual_host(without_port(request.authority)) if configuration is not None else None
        if host is None:
            yield _fails(here, trail, f"no virtual host of {target.route} for {request.authority}", 404, "NR")
            return
        step = Step(here.name, f"virtual host {host.name} of {target.route}", host.origin)
        for end in self._virtual_host(here, host, request, connection, trail):
            yield end.after(step)

    def _virtual_host(
        self, here: ProxyConfiguration, host: VirtualHost, request: Http, connection: Connection, trail: _Trail
    ) -> Iterator[End]:
        if host.status:
            yield _fails(here, trail, f"fixed answer of {host.name}", host.status)
            return
        if host.require_tls and request.headers.get("x-forwarded-proto") != "https":
            yield _fails(here, trail, "httpsRedirect", 301)
            return
        for route in host.routes:
            if route_matches(route.match, request):
                step = Step(here.name, f"route {route.origin.field}".strip(), route.origin)
                for end in self._route(here, route, request, connection, trail):
                    yield end.after(step)
                return
        yield _fails(here, trail, f"no route of {host.name} matches", 404, "NR")

    def _route(
        self, here: ProxyConfiguration, route: HttpRoute, request: Http, connection: Connection, trail: _Trail
    ) -> Iterator[End]:
        raw: Raw = route.rule.raw if route.rule is not None else {}
        left = 100.0
        abort = mapping(raw, "fault", "abort")
        if abort:
            status, percent = _abort(abort)
            yield _fails(here, trail, "fault injection", status, "FI").of(percent)
            left -= percent
        if left <= 0:
            return
        for end in self._action(here, route, raw, request, connection, trail):
            yield end.of(left)

    def _action(
        self,
        here: ProxyConfiguration,
        route: HttpRoute,
        raw: Raw,
        request: Http,
        connection: Connection,
        trail: _Trail,
    ) -> Iterator[End]:
        if raw.get("redirect") is not None:
            yield _fails(here, trail, "redirect", number(raw, "redirect", "redirectCode") or 301)
            return
        if raw.get("directResponse") is not None:
            yield _fails(here, trail, "direct response", number(raw, "directResponse", "status") or 200)
            return
        total = sum(weight for _, weight, _ in route.clusters)
        if not total:
            yield _fails(here, trail, "no destination", 503, "NC")
            return
        for name, weight, destination in route.clusters:
            moved = _rewritten(request, route, destination, single=len(route.clusters) == 1)
            following = replace(connection, layers=(moved, *connection.layers[1:]))
            for end in self._cluster(here, name, following, trail, route.origin):
                yield _as_http(end).of(100 * weight / total)

    # clusters

    def _cluster(
        self, here: ProxyConfiguration, name: ClusterName, connection: Connection, trail: _Trail, origin: Provenance
    ) -> Iterator[End]:
        step = Step(here.name, f"cluster {name}", origin)
        for end in self._endpoints(here, name, connection, trail):
            yield end.after(step)

    def _endpoints(
        self, here: ProxyConfiguration, name: ClusterName, connection: Connection, trail: _Trail
    ) -> Iterator[End]:
        if name.host == BLACK_HOLE:
            yield _fails(here, trail, "outbound traffic to unknown hosts is blocked", flag="UH")
            return
        if name.host == PASSTHROUGH:
            yield from self.arrives(here.name, connection.address, connection.port, connection, trail)
            return
        cluster = here.clusters.get(name)
        if cluster is None or here.patches.removes(name):
            yield _fails(here, trail, f"no cluster {name}", flag="NC")
            return
        trail = replace(trail, service=name.host)
        if cluster.original_destination:
            target = cluster.port.target if isinstance(cluster.port.target, int) else connection.port
            port = target if target != cluster.port.number else connection.port
            found = [Endpoint(connection.address, port)]
        else:
            found = [each for each in here.clusters.endpoints(cluster) if self._resolves(each.address)]
        if not found:
            yield _fails(here, trail, f"no endpoint of {name}", flag="UH")
            return
        for each in found:
            for end in self._endpoint(here, cluster, each, connection, trail):
                yield end.of(100 / len(found))

    def _resolves(self, address: str) -> bool:
        """Whether a name can be resolved: one of the cluster's domain is a Service, any other one is public."""
        if is_address(address) or not address.endswith(".svc.cluster.local"):
            return True
        return any(each.kubernetes for each in self._mesh.exports.by_host.get(address, {}).values())

    def _endpoint(
        self, here: ProxyConfiguration, cluster: Cluster, endpoint: Endpoint, connection: Connection, trail: _Trail
    ) -> Iterator[End]:
        layers = connection.layers
        tls = cluster.tls
        if tls is not None and not (tls.automatic and not endpoint.mutual_tls):
            if tls.secret and not self._secret(here, tls.secret):
                yield _fails(here, trail, f"the cluster waits for Secret {tls.secret}", flag="NC")
                return
            layers = (_opened(tls, connection, here), *layers)
        moved = Connection(endpoint.address, endpoint.port, layers)
        yield from self.arrives(here.name, endpoint.address, endpoint.port, moved, trail)

    def _secret(self, here: ProxyConfiguration, name: str) -> bool:
        found = self._mesh.secrets.get((here.proxy.namespace, name.removeprefix("kubernetes://")))
        return found is not None

    # arrivals

    def arrives(self, proxy: str, address: str, port: int, connection: Connection, trail: _Trail) -> Iterator[End]:
        """A connection at an address: a pod, a Service's address, or a host outside the cluster."""
        if not is_address(address):
            service = next(
                (each for each in self._mesh.exports.by_host.get(address, {}).values() if each.kubernetes), None
            )
            if service is None:
                yield self._outside(proxy, address, port, connection, trail)
                return
            address = service.address
        pod = self._mesh.pod_at(address)
        if pod is not None:
            yield from self._pod(proxy, pod, port, connection, trail)
            return
        behind = self._mesh.service_at(address)
        if behind is None:
            yield self._outside(proxy, address, port, connection, trail)
            return
        targets = self._mesh.targets_of(behind, port)
        if not targets:
            yield End(
                Result.FAILS, f"nothing answers at {address}:{port}", flag="UF", proxy=proxy, gateways=trail.gateways
            )
        for target, target_port in targets:
            for end in self._pod(proxy, target, target_port, connection, trail):
                yield end.of(100 / len(targets))

    def _pod(self, proxy: str, pod: Pod, port: int, connection: Connection, trail: _Trail) -> Iterator[End]:
        gateway = self._router.gateway_of(pod)
        there = self._router.configuration(self._mesh, pod)
        if there is None or there.inbound is None:
            yield self._reached(f"{pod.ip}:{port}", trail)
            return
        gateways = (*trail.gateways, gateway) if gateway else trail.gateways
        if trail.hops >= _MOST_HOPS:
            yield End(Result.FAILS, "the request comes back to a proxy", proxy=there.name, gateways=gateways)
            return
        listener = there.inbound.listener_for(pod.ip, port)
        if listener is None or there.patches.removes_listener(listener.name, port):
            reason = f"nothing listens on port {port} of {gateway or there.name}"
            yield End(Result.FAILS, reason, flag="UF", proxy=proxy, service=trail.service, gateways=gateways)
            return
        moved = replace(connection, address=pod.ip, port=port)
        following = _Trail(gateways, trail.service, trail.hops + 1)
        yield from self.guarded(there, self._listener(there, listener, moved, following))

    def _outside(self, proxy: str, host: str, port: int, connection: Connection, trail: _Trail) -> End:
        problem = _not_understood(host, port, connection)
        if problem:
            return End(
                Result.FAILS,
                problem,
                flag="UF",
                proxy=proxy,
                destination=f"{host}:{port}",
                service=trail.service,
                gateways=trail.gateways,
            )
        return self._reached(f"{host}:{port}", trail)

    def _reached(self, destination: str, trail: _Trail) -> End:
        end = End(Result.BYPASSES, destination=destination, service=trail.service, gateways=trail.gateways)
        if self._gateway not in trail.gateways:
            return end
        host = destination.rpartition(":")[0]
        if self._host in (host, trail.service) or trail.service in self._declared:
            return replace(end, result=Result.THROUGH)
        return replace(end, result=Result.FAILS, reason=f"arrives at {destination}, which is declared for another host")


def _fails(
    here: ProxyConfiguration,
    trail: _Trail,
    reason: str,
    status: int | None = None,
    flag: str = "",
    origin: KubernetesObject | None = None,
) -> End:
    steps = (Step(here.name, reason, Provenance(origin)),) if origin is not None else ()
    return End(
        Result.FAILS, reason, status, flag, here.name, service=trail.service, gateways=trail.gateways, steps=steps
    )


def _as_http(end: End) -> End:
    """A connection that ends behind an HTTP proxy is a 503 for its client."""
    return replace(end, status=503) if end.result is Result.FAILS and end.status is None else end


def _abort(abort: Raw) -> tuple[int, float]:
    # A gRPC status is sent with HTTP status 200.
    status = number(abort, "httpStatus") or 200
    if "percentage" in abort:
        value = abort["percentage"]
        return status, float(value.get("value") or 0) if isinstance(value, dict) else 0.0
    return status, float(number(abort, "percent") or 100)


def _rewritten(request: Http, route: HttpRoute, destination: Raw, *, single: bool) -> Http:
    """The request as it leaves the proxy."""
    raw: Raw = route.rule.raw if route.rule is not None else {}
    authority = ""
    headers = dict(request.headers)
    for part in (raw, destination):
        operations = mapping(part, "headers", "request")
        for name in texts(operations, "remove"):
            headers.pop(name.lower(), None)
        for kind in ("set", "add"):
            for name, value in mapping(operations, kind).items():
                if name.lower() in ("host", ":authority"):
                    if kind == "set" and (part is raw or not authority or not single):
                        authority = str(value)
                    continue
                present = headers.get(name.lower())
                headers[name.lower()] = f"{present},{value}" if kind == "add" and present is not None else str(value)
    rewrite = mapping(raw, "rewrite")
    authority = text(rewrite, "authority") or authority
    path = request.path
    if text(rewrite, "uri"):
        path = _rewritten_path(path, route.match, text(rewrite, "uri"))
    return replace(request, authority=authority or request.authority, path=path, headers=headers)


def _rewritten_path(path: str, match: Raw | None, uri: str) -> str:
    bare, mark, query = path.partition("?")
    prefix = text(match or {}, "uri", "prefix")
    if text(match or {}, "uri", "exact"):
        return uri + mark + query
    matched = prefix or "/"
    return uri + bare[len(matched) :] + mark + query


def _handshake(tls: DownstreamTls, session: Tls, here: ProxyConfiguration) -> str:
    """Why a TLS handshake at a server fails, "" if it succeeds."""
    mesh_certificate = tls.mode == "ISTIO_MUTUAL"
    if not mesh_certificate and not tls.files:
        name = tls.secret.removeprefix("kubernetes://")
        if name and (here.proxy.namespace, name) not in here.mesh.secrets:
            return f"the listener waits for Secret {name}"
    if tls.mode in ("MUTUAL", "ISTIO_MUTUAL"):
        if not session.identity and not session.certificate:
            return "the client presents no certificate"
        if mesh_certificate != bool(session.identity):
            return "the client's certificate is not issued by the authority that the server trusts"
    if session.trusts == "mesh" and not mesh_certificate:
        return "the server's certificate is not issued by the mesh"
    if session.trusts == "public" and mesh_certificate:
        return "the server's certificate is issued by the mesh, which the client does not trust"
    identity = here.proxy.identity(here.mesh.configuration)
    if mesh_certificate and session.names and identity not in session.names:
        return "the server's certificate does not name what the client expects"
    return ""


def _opened(tls: UpstreamTls, connection: Connection, here: ProxyConfiguration) -> Tls:
    """The TLS session that a cluster opens."""
    inside = connection.outermost
    name = tls.sni
    if not name and tls.automatic_sni and isinstance(inside, Http):
        name = without_port(inside.authority)
    identity = here.proxy.identity(here.mesh.configuration) if tls.mode == "ISTIO_MUTUAL" else ""
    return Tls(name, tls.alpn, identity, tls.mode == "MUTUAL", tls.trusts, tls.names)


def _not_understood(host: str, port: int, connection: Connection) -> str:
    """Why a server outside does not understand what arrives, "" if it does."""
    first = connection.outermost
    if port in _TLS_PORTS and isinstance(first, Http | Connect):
        return "plain text to a TLS port"
    if not isinstance(first, Tls):
        return ""
    if port in _PLAIN_PORTS:
        return "TLS to a plain text port"
    if len(connection.layers) > 1 and isinstance(connection.layers[1], Tls):
        return "TLS in TLS to a server that expects one TLS session"
    if first.trusts == "mesh":
        return "the server's certificate is not issued by the mesh"
    known = {host, first.server_name, f"*.{host.partition('.')[2]}"} - {""}
    if first.names and not known & set(first.names):
        return "the server's certificate does not name what the proxy expects"
    return ""
