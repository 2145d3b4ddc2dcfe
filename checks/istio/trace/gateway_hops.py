"""The hops at the gateway: its Service, server and route, and the destination in the mesh."""

from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import Gateway, ServiceEntry
from checks.facts.services import Service
from checks.istio.request.outcome import ConfigurationPart
from checks.istio.trace.request_view import RequestView, cluster_of, decisions_of, routed_hop
from checks.model.route import Decision, Hop, HopName, Mark


def describe_service(view: RequestView) -> Hop | None:
    """The gateway's Service and its ready pods; None if it does not exist."""
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


def describe_server(view: RequestView) -> Hop | None:
    """The server of the gateway that accepts the request."""
    step = view.step(ConfigurationPart.LISTENER, gateway=True)
    if step is None:
        return Hop(HopName.SERVER, Mark.PASSES, "listens on the port") if view.at_gateway else None
    source: KubernetesObject | None = step.origin.source
    message = f"listener {step.decision}"
    if isinstance(source, Gateway):
        server = source.servers[step.origin.entry.index if step.origin.entry is not None else 0]
        mode = f", TLS {server.tls_mode}" if server.tls_mode else ""
        message = f"accepts it as {server.port.protocol}{mode}"
    return Hop(HopName.SERVER, Mark.PASSES, message, decisions_of((step,)))


def describe_gateway_route(view: RequestView) -> Hop | None:
    """The route that the gateway chooses."""
    return routed_hop(view, HopName.GATEWAY_ROUTE, view.gateway, gateway=True)


def describe_entry(view: RequestView) -> Hop | None:
    """The ServiceEntry or Service of the destination."""
    step = view.step(ConfigurationPart.CLUSTER, gateway=True)
    cluster = cluster_of(view.gateway, step) if step is not None and view.gateway is not None else None
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
