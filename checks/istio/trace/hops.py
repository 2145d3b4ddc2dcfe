"""The hops of one request, with the object and field behind each decision of a proxy.

A hop that the request passed is described by the proxy's configuration; the hop at which it fails or bypasses the
gateway is described by its fault (checks/istio/faults), or by the proxy's decision if no fault explains it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import Gateway, ServiceEntry, VirtualService
from checks.facts.namespaces import ConfigMap
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.istio.faults.diagnosis import Proved
from checks.istio.faults.fault import RouteFault
from checks.istio.mesh.configuration import settings_maps
from checks.istio.proxy.clusters import Cluster
from checks.istio.request.client_request import ClientRequest
from checks.istio.request.outcome import ConfigurationPart, End, Ending, Result, Step
from checks.istio.request.proxy_configuration import ProxyConfiguration
from checks.istio.request.routing import Routing
from checks.model.route import Decision, Hop, HopName, Mark, Rival

_AT_SERVER = frozenset(
    {
        Ending.NO_LISTENER,
        Ending.NO_FILTER_CHAIN,
        Ending.PLAIN_TO_TLS_SERVER,
        Ending.HANDSHAKE,
        Ending.LISTENER_WAITS,
        Ending.CONNECTION_DENIED,
        Ending.REQUEST_DENIED,
        Ending.TLS_TO_HTTP_SERVER,
        Ending.NOT_HTTP,
        Ending.HTTPS_REDIRECT,
    }
)
_AT_ENTRY = frozenset({Ending.NO_CLUSTER, Ending.NO_ENDPOINT, Ending.CLUSTER_WAITS, Ending.NOT_UNDERSTOOD})


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request with the end that is shown, its faults, and the proxies that it passes."""

    facts: Facts
    routing: Routing
    request: ClientRequest
    end: End
    faults: tuple[Proved, ...]
    sidecar: ProxyConfiguration | None
    gateway: ProxyConfiguration | None

    @property
    def broken_at(self) -> HopName | None:
        """The hop at which the request fails or bypasses the gateway.

        None if the request is routed through the gateway.
        """
        if self.end.result in (Result.THROUGH, Result.UNKNOWN):
            return None
        return self.first_fault.hop if self.first_fault is not None else end_hop(self)

    @property
    def first_fault(self) -> RouteFault | None:
        """The fault that comes first on the route; None without a fault.

        Only faults that were found at this outcome count.
        """
        order = list(HopName)
        here = [each.fault for each in self.faults if each.outcome is self.faults[0].outcome]
        return min(here, key=lambda each: order.index(each.hop), default=None)

    @property
    def at_gateway(self) -> bool:
        return self.routing.gateway in self.end.gateways

    def steps(self, *, gateway: bool) -> tuple[Step, ...]:
        """The decisions of the client's sidecar, or of the gateway."""
        own = self.sidecar.name if self.sidecar is not None else ""
        return tuple(each for each in self.end.steps if (each.proxy != own) is gateway)

    def step(self, part: ConfigurationPart, *, gateway: bool) -> Step | None:
        """The last decision of a part of a proxy's configuration."""
        return next((each for each in reversed(self.steps(gateway=gateway)) if each.part is part), None)


def end_hop(view: RequestView) -> HopName:
    """The hop of an end, by the proxy's decision alone."""
    end, service = view.end, view.facts.gateway.service_host
    if view.sidecar is None or not end.steps:
        return HopName.CLIENT
    if not view.at_gateway:
        to_gateway = end.cluster is not None and end.cluster.host == service
        waiting = end.ending in (Ending.NO_ENDPOINT, Ending.NOTHING_ANSWERS)
        return HopName.SERVICE if to_gateway and waiting else HopName.MESH_ROUTE
    if end.ending in _AT_SERVER:
        return HopName.SERVER
    return HopName.ENTRY if end.ending in _AT_ENTRY else HopName.GATEWAY_ROUTE


def passed_hops(view: RequestView) -> Iterator[Hop]:
    """The hops up to the broken one, or to the destination in the mesh."""
    order, stop = list(HopName), view.broken_at
    last = order.index(stop) if stop is not None else len(order)
    for name, describe in _DESCRIPTIONS.items():
        if order.index(name) < last and (hop := describe(view)) is not None:
            yield hop


def broken_hop(view: RequestView, codes: Mapping[str, str]) -> Hop | None:
    """The hop at which the request fails or bypasses the gateway.

    `codes` are the checks' codes by slug.
    """
    name = view.broken_at
    if name is None:
        return None
    mark = Mark.LEAVES if view.end.result is Result.BYPASSES else Mark.BREAKS
    fault = view.first_fault
    if fault is None:
        return Hop(name, mark, view.end.reason or "the request bypasses the gateway", _decided(view.end.steps[-1:]))
    shown = tuple(
        Decision(each.resource, each.field, each.observed, _wanted(each.expected)) for each in fault.evidence()
    )
    return Hop(name, mark, fault.sentence(), shown, (), (), fault.name, codes.get(fault.check, ""))


def _wanted(expected: str) -> str:
    return f"expected: {expected}" if expected else ""


def _decided(steps: tuple[Step, ...]) -> tuple[Decision, ...]:
    return tuple(
        Decision(each.origin.source.ref, each.origin.field, each.decision)
        for each in steps
        if each.origin.source is not None
    )


def _client(view: RequestView) -> Hop:
    clients = view.request.clients
    if clients.expected:
        return Hop(HopName.CLIENT, Mark.PASSES, "no pod runs yet: assumed to have a sidecar")
    native = all(each.name != "istio-proxy" for each in clients.pod.containers)
    return Hop(HopName.CLIENT, Mark.PASSES, f"requests go through the {'native sidecar' if native else 'sidecar'}")


def _sidecar(view: RequestView) -> Hop | None:
    if view.sidecar is None:
        return None
    scope = view.sidecar.scope
    imports = "imports everything"
    decided = []
    if scope.sidecar is not None:
        hosts = ", ".join(str(host) for each in scope.sidecar.egress for host in each.get("hosts") or ())
        decided.append(Decision(scope.sidecar.ref, "spec.egress[*].hosts", hosts))
        imports = f"imports only {hosts}"
    own = scope.sidecar is not None and bool(scope.sidecar.outbound_policy)
    decided.append(Decision(_policy_source(view, own=own), "outboundTrafficPolicy.mode", scope.outbound_policy))
    unknown = "rejects" if scope.outbound_policy == "REGISTRY_ONLY" else "allows"
    return Hop(HopName.SIDECAR, Mark.PASSES, f"{imports}; {unknown} unknown hosts", tuple(decided))


def _policy_source(view: RequestView, *, own: bool) -> str:
    if own and view.sidecar is not None and view.sidecar.scope.sidecar is not None:
        return view.sidecar.scope.sidecar.ref
    revision = view.request.clients.pod.revision
    maps = settings_maps(view.facts.readable(ConfigMap), revision)
    written = (each for each in maps if "outboundTrafficPolicy" in each.data.get("mesh", ""))
    return next(written, maps[0]).ref if maps else f"MeshConfig of {revision}"


def _mesh_route(view: RequestView) -> Hop | None:
    return _routed(view, HopName.MESH_ROUTE, view.sidecar, gateway=False)


def _gateway_route(view: RequestView) -> Hop | None:
    return _routed(view, HopName.GATEWAY_ROUTE, view.gateway, gateway=True)


def _routed(view: RequestView, name: HopName, proxy: ProxyConfiguration | None, *, gateway: bool) -> Hop | None:
    step = view.step(ConfigurationPart.CLUSTER, gateway=gateway)
    if step is None or proxy is None:
        return None
    decided = list(_decided((step,)))
    cluster = _cluster(proxy, step)
    to = f"{cluster.name.host}:{cluster.name.port}" if cluster is not None else step.decision
    tls = "as it arrives"
    if cluster is not None and cluster.tls is not None:
        tls = f"in TLS ({cluster.tls.mode})"
        rule = cluster.rule.sources[0] if cluster.rule is not None and cluster.rule.sources else None
        if rule is not None:
            decided.append(Decision(rule.ref, "trafficPolicy.tls.mode", cluster.tls.mode))
    rivals = tuple(_rivals(view, step)) if not gateway else ()
    return Hop(name, Mark.PASSES, f"to {to}, {tls}", tuple(decided), rivals)


def _rivals(view: RequestView, step: Step) -> Iterator[Rival]:
    """Further VirtualServices for the host that the client's sidecar imports.

    Each has the reason why it has no effect.
    """
    chosen, sidecar, host = step.origin.source, view.sidecar, view.request.host
    if not isinstance(chosen, VirtualService) or sidecar is None:
        return
    others = {each.source.key: each for listener in sidecar.scope.listeners for each in listener.rules}
    for each in others.values():
        source = each.source
        if source.key == chosen.key or not isinstance(source, VirtualService):
            continue
        if host in (name.lower() for name in each.hosts):
            newer = source.created is not None and chosen.created is not None and source.created > chosen.created
            yield Rival(source.ref, f"newer than {chosen.ref}" if newer else f"{chosen.ref} has precedence")


def _cluster(proxy: ProxyConfiguration, step: Step) -> Cluster | None:
    return proxy.clusters.get(step.cluster) if step.cluster is not None else None


def _service(view: RequestView) -> Hop | None:
    gateway = view.facts.gateway
    pods = view.facts.pods()
    service = view.facts.get(Service, gateway.name, gateway.namespace)
    if service is None:
        return None
    ready = sum(1 for each in pods if each.ready)
    ports = Decision(service.ref, "spec.ports", ", ".join(str(each.port) for each in service.ports))
    doubts = (f"{len(pods) - ready} of {len(pods)} pods are not ready",) if ready < len(pods) else ()
    mark = Mark.DOUBTS if doubts else Mark.PASSES
    return Hop(HopName.SERVICE, mark, "1 ready pod" if ready == 1 else f"{ready} ready pods", (ports,), (), doubts)


def _server(view: RequestView) -> Hop | None:
    step = view.step(ConfigurationPart.LISTENER, gateway=True)
    if step is None:
        return Hop(HopName.SERVER, Mark.PASSES, "listens on the port") if view.at_gateway else None
    source: KubernetesObject | None = step.origin.source
    message = f"listener {step.decision}"
    if isinstance(source, Gateway):
        server = source.servers[step.origin.entry.index if step.origin.entry is not None else 0]
        mode = f", TLS {server.tls_mode}" if server.tls_mode else ""
        message = f"accepts it as {server.port.protocol}{mode}"
    return Hop(HopName.SERVER, Mark.PASSES, message, _decided((step,)))


def _entry(view: RequestView) -> Hop | None:
    step = view.step(ConfigurationPart.CLUSTER, gateway=True)
    cluster = _cluster(view.gateway, step) if step is not None and view.gateway is not None else None
    if cluster is None:
        return None
    source = cluster.service.source
    if not isinstance(source, ServiceEntry):
        return Hop(HopName.ENTRY, Mark.PASSES, f"{cluster.name.host} is a Service of this cluster")
    port = Decision(source.ref, "spec.ports", f"{cluster.port.number} {cluster.port.protocol}")
    resolution = Decision(source.ref, "spec.resolution", source.resolution)
    originated = (
        f"the gateway originates TLS ({cluster.tls.mode})" if cluster.tls is not None else "the gateway adds no TLS"
    )
    return Hop(
        HopName.ENTRY, Mark.PASSES, f"declared, resolved by {source.resolution}; {originated}", (port, resolution)
    )


_DESCRIPTIONS = {
    HopName.CLIENT: _client,
    HopName.SIDECAR: _sidecar,
    HopName.MESH_ROUTE: _mesh_route,
    HopName.SERVICE: _service,
    HopName.SERVER: _server,
    HopName.GATEWAY_ROUTE: _gateway_route,
    HopName.ENTRY: _entry,
}
