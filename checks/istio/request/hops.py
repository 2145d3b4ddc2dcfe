"""One request from proxy to proxy: only the bytes on the wire tie one hop to the next."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace

from checks.facts.pods import Pod
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.objects.hosts import is_address
from checks.istio.proxy.clusters import BLACK_HOLE, PASSTHROUGH, Cluster
from checks.istio.proxy.endpoints import Endpoint
from checks.istio.proxy.listeners import EnvoyListener
from checks.istio.request.address_dependence import address_decides
from checks.istio.request.credentials import undelivered
from checks.istio.request.deciding_objects import deciding_objects, newer_gateway, refuse_newer_policy
from checks.istio.request.declared import is_declared
from checks.istio.request.dynamic_hosts import resolved_on_request
from checks.istio.request.external_servers import external_problem
from checks.istio.request.filter_chains import listener_decisions
from checks.istio.request.forwarding import Arrival, Forwarded, Trail
from checks.istio.request.matching import NotModelled
from checks.istio.request.newer_objects import refuse_newer
from checks.istio.request.outcome import ConfigurationPart, End, Ending, Result
from checks.istio.request.proxy_configuration import ProxyConfiguration, ProxyConfigurations
from checks.istio.request.tls_sessions import opened_session
from checks.istio.request.wire import Connection

_MOST_HOPS = 5


@dataclass(frozen=True, slots=True)
class RouteQuery:
    """The request whose outcome is computed.

    It has a host, the gateway that it should go through, and its client's address.
    """

    host: str
    gateway: str
    source: str


class Hops:
    """The proxies that one request passes in a mesh."""

    def __init__(
        self, mesh: Mesh, configurations: ProxyConfigurations, gateway_of: Callable[[Pod], str], query: RouteQuery
    ) -> None:
        self._mesh, self._configurations, self._gateway_of = mesh, configurations, gateway_of
        self._query = query
        self._known: dict[Hashable, list[tuple[Arrival, EnvoyListener, list[End]]]] = {}
        """The ends behind a proxy, which pods with the same configuration share."""

    def from_sidecar(self, here: ProxyConfiguration, connection: Connection) -> Iterator[End]:
        """The ends of a connection that a sidecar takes from its application."""
        if here.patches.accepts_nothing():
            end = End(Result.FAILS, f"{here.name} has no listener for intercepted connections", proxy=here.name)
            yield replace(end, ending=Ending.NO_LISTENER, destination=connection.address, port=connection.port)
            return
        listener = outbound_listener(here, connection)
        yield from self._at(Arrival(here, connection, Trail(hops=1), self._query.source), listener)

    def directly(self, connection: Connection) -> Iterator[End]:
        """The ends of a connection that no sidecar takes."""
        yield from self._arrives("", connection, Trail())

    def _at(self, arrival: Arrival, listener: EnvoyListener) -> Iterator[End]:
        """The ends behind one proxy.

        A part of its configuration that is not modelled gives one unknown end.
        """
        try:
            ends = list(self._behind(arrival, listener))
            refuse_newer(self._mesh, deciding_objects(arrival, ends))
            yield from ends
        except NotModelled as missing:
            yield End(Result.UNKNOWN, f"not modelled: {missing}", proxy=arrival.at.name)

    def _behind(self, arrival: Arrival, listener: EnvoyListener) -> Iterator[End]:
        for each in listener_decisions(arrival, listener):
            if isinstance(each, End):
                yield each
                continue
            steps = (
                *each.steps,
                arrival.step(ConfigurationPart.CLUSTER, str(each.cluster), each.origin, each.cluster),
            )
            for end in self._cluster(arrival.carrying(each.connection), each):
                answered = _as_http(end) if each.http else end
                last = answered.cluster or each.cluster
                yield answered.behind(steps, last, each.share)

    # clusters

    def _cluster(self, arrival: Arrival, forwarded: Forwarded) -> Iterator[End]:
        here, connection, name = arrival.at, arrival.connection, forwarded.cluster
        changing = here.patches.changing_cluster(name)
        if changing is not None:
            raise NotModelled(f"{changing.ref} changes cluster {name} of {here.name}")
        if name.own and here.patches.removes(name):
            yield arrival.fails(Ending.NO_CLUSTER, f"no cluster {name}", forwarded.not_found, flag="NC", cluster=name)
            return
        if name.host == BLACK_HOLE:
            refuse_newer_policy(here)
            yield arrival.fails(Ending.BLACK_HOLE, "outbound traffic to unknown hosts is blocked", flag="UH")
            return
        if name.host == PASSTHROUGH:
            yield from self._arrives(here.name, connection, arrival.trail)
            return
        cluster = here.clusters.get(name)
        if cluster is None or here.patches.removes(name):
            yield arrival.fails(Ending.NO_CLUSTER, f"no cluster {name}", forwarded.not_found, flag="NC", cluster=name)
            return
        refuse_newer(self._mesh, (cluster.service.source, *(cluster.rule.sources if cluster.rule is not None else ())))
        arrival = Arrival(here, connection, arrival.trail.to(name), arrival.source)
        found = self._endpoints(here, cluster, forwarded)
        if not found:
            yield arrival.fails(Ending.NO_ENDPOINT, f"no endpoint of {name}", flag="UH", cluster=name)
        for each in found:
            for end in self._endpoint(arrival, cluster, each, forwarded.not_found):
                yield end.of(100 / len(found))

    def _endpoints(self, here: ProxyConfiguration, cluster: Cluster, forwarded: Forwarded) -> list[Endpoint]:
        if cluster.dynamic:
            return resolved_on_request(cluster, forwarded, self._mesh.configuration.version)
        connection = forwarded.connection
        if not cluster.original_destination:
            return [each for each in here.clusters.endpoints(cluster) if self._resolves(each.address)]
        target = cluster.port.target if isinstance(cluster.port.target, int) else connection.port
        return [Endpoint(connection.address, target if target != cluster.port.number else connection.port)]

    def _resolves(self, address: str) -> bool:
        """Whether a name can be resolved.

        A name of the cluster's domain must be a Service; any other name is public.
        """
        if is_address(address) or not address.endswith(".svc.cluster.local"):
            return True
        return any(each.kubernetes for each in self._mesh.exports.by_host.get(address, {}).values())

    def _endpoint(self, arrival: Arrival, cluster: Cluster, endpoint: Endpoint, not_found: int | None) -> Iterator[End]:
        """The ends behind an endpoint.

        A cluster that waits for a Secret does not exist for Envoy yet: its client is answered with `not_found`.
        """
        here, connection, tls = arrival.at, arrival.connection, cluster.tls
        layers = connection.layers
        if tls is not None and not (tls.automatic and not endpoint.mutual_tls):
            if tls.secret and undelivered(tls.secret, here, tls.mode, server=False) is not None:
                reason = f"the cluster waits for Secret {tls.secret}"
                yield arrival.fails(Ending.CLUSTER_WAITS, reason, not_found, flag="NC", cluster=cluster.name)
                return
            layers = (opened_session(tls, connection, here), *layers)
        yield from self._arrives(here.name, Connection(endpoint.address, endpoint.port, layers), arrival.trail)

    # arrivals

    def _arrives(self, proxy: str, connection: Connection, trail: Trail) -> Iterator[End]:
        """The ends of a connection from a proxy at an address.

        The address is that of a pod, of a Service, or of a host outside the cluster.
        """
        address, port = connection.address, connection.port
        if not is_address(address):
            service = next(
                (each for each in self._mesh.exports.by_host.get(address, {}).values() if each.kubernetes), None
            )
            if service is None:
                yield self._outside(proxy, connection, trail)
                return
            address = service.address
        pod = self._mesh.workloads.pod_at(address)
        if pod is not None:
            yield from self._pod(proxy, pod, connection.to(address), trail)
            return
        behind = self._mesh.workloads.service_at(address)
        if behind is None:
            yield self._outside(proxy, connection.to(address), trail)
            return
        targets = self._mesh.workloads.targets_of(behind, port)
        if not targets:
            reason = f"nothing answers at {address}:{port}"
            end = End(Result.FAILS, reason, flag="UF", proxy=proxy, gateways=trail.gateways)
            yield replace(end, ending=Ending.NOTHING_ANSWERS)
        for target, target_port in targets:
            for end in self._pod(proxy, target, Connection(connection.address, target_port, connection.layers), trail):
                yield end.of(100 / len(targets))

    def _pod(self, proxy: str, pod: Pod, connection: Connection, trail: Trail) -> Iterator[End]:
        port = connection.port
        gateway = self._gateway_of(pod)
        there = self._configurations.of(self._mesh, pod)
        if there is None or there.inbound is None:
            yield self._reached(pod.ip, port, trail)
            return
        gateways = (*trail.gateways, gateway) if gateway else trail.gateways
        if trail.hops >= _MOST_HOPS:
            end = End(Result.FAILS, "the request comes back to a proxy", proxy=there.name, gateways=gateways)
            yield replace(end, ending=Ending.LOOP)
            return
        listener = there.inbound.listener_for(pod.ip, port)
        closed = listener is None or there.patches.removes_listener(listener.name, port)
        newer = newer_gateway(there) if closed else ""
        if newer:
            yield End(Result.UNKNOWN, newer, proxy=there.name, gateways=gateways)
            return
        if listener is None or closed:
            reason = f"nothing listens on port {port} of {gateway or there.name}"
            end = End(Result.FAILS, reason, flag="UF", proxy=proxy, service=trail.service, gateways=gateways)
            yield replace(end, ending=Ending.NO_LISTENER, destination=pod.ip, port=port)
            return
        following = trail.at_proxy(gateways)
        arrival = Arrival(there, Connection(pod.ip, port, connection.layers), following, self._query.source)
        yield from self._behind_pod(arrival, listener)

    def _behind_pod(self, arrival: Arrival, listener: EnvoyListener) -> list[End]:
        """The ends behind a pod, which are those of a pod with the same configuration.

        They are not if the configuration depends on the address of the pod.
        """
        alike = self._known.setdefault((id(arrival.at), arrival.connection.port, arrival.trail), [])
        for earlier, used, ends in alike:
            if used is listener and earlier.connection.layers == arrival.connection.layers:
                return ends
        ends = list(self._at(arrival, listener))
        if not any(chain.networks for chain in listener.chains) and not address_decides(arrival.at, ends):
            alike.append((arrival, listener, ends))
        return ends

    def _outside(self, proxy: str, connection: Connection, trail: Trail) -> End:
        host, port = connection.address, connection.port
        problem = external_problem(host, port, connection)
        if not problem:
            return self._reached(host, port, trail)
        end = End(Result.FAILS, problem, flag="UF", proxy=proxy, destination=host, port=port)
        return replace(end, service=trail.service, gateways=trail.gateways, ending=Ending.NOT_UNDERSTOOD)

    def _reached(self, host: str, port: int, trail: Trail) -> End:
        result, ending, reason = Result.THROUGH, Ending.ARRIVED, ""
        if self._query.gateway not in trail.gateways:
            result = Result.BYPASSES
        elif not (
            self._query.host in (host, trail.service) or is_declared(self._mesh, self._query.host, trail.clusters)
        ):
            result, ending = Result.FAILS, Ending.OTHER_DESTINATION
            reason = f"arrives at {host}:{port}, which is declared for another host"
        gateways, service = trail.gateways, trail.service
        return End(result, reason, destination=host, port=port, service=service, gateways=gateways, ending=ending)


def outbound_listener(here: ProxyConfiguration, connection: Connection) -> EnvoyListener:
    """The listener of a sidecar for a connection of its application."""
    if here.outbound is None:
        raise ValueError(f"{here.name} is no sidecar")
    listener = here.outbound.listener_for(connection.address, connection.port)
    removed = here.patches.removes_listener(listener.name, connection.port)
    return here.patches.without_removed_chains(here.outbound.fallback() if removed else listener, connection.port)


def _as_http(end: End) -> End:
    """A connection that ends behind an HTTP proxy is a 503 for its client.

    If another destination answers, it is that destination's answer.
    """
    broken = end.result is Result.FAILS and end.ending is not Ending.OTHER_DESTINATION
    return replace(end, status=503) if broken and end.status is None else end
