"""The hops at the client: the pod, its sidecar, and the route that the sidecar chooses."""

from collections.abc import Iterator
from dataclasses import replace

from checks.facts.istio_networking import VirtualService
from checks.facts.namespaces import ConfigMap
from checks.istio.mesh.configuration import settings_maps
from checks.istio.request.outcome import ConfigurationPart, Step
from checks.istio.trace.request_view import RequestView, routed_hop
from checks.model.route import Decision, Hop, HopName, Mark, Rival


def describe_client(view: RequestView) -> Hop:
    """The pods that send the request."""
    clients = view.request.clients
    if clients.expected:
        return Hop(HopName.CLIENT, Mark.PASSES, "no pod runs yet: assumed to have a sidecar")
    native = all(each.name != "istio-proxy" for each in clients.pod.containers)
    return Hop(HopName.CLIENT, Mark.PASSES, f"requests go through the {'native sidecar' if native else 'sidecar'}")


def describe_sidecar(view: RequestView) -> Hop | None:
    """The configuration that the sidecar imports; None without a sidecar."""
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
    unknown = "rejects unknown hosts" if scope.outbound_policy == "REGISTRY_ONLY" else "allows unknown hosts"
    if scope.sidecar is not None and scope.sidecar.egress_proxy is not None:
        host, port = scope.sidecar.egress_proxy
        unknown = f"sends unknown hosts to {host}:{port}"
        decided.append(Decision(scope.sidecar.ref, "outboundTrafficPolicy.egressProxy", f"{host}:{port}"))
    return Hop(HopName.SIDECAR, Mark.PASSES, f"{imports}; {unknown}", tuple(decided))


def _policy_source(view: RequestView, *, own: bool) -> str:
    if own and view.sidecar is not None and view.sidecar.scope.sidecar is not None:
        return view.sidecar.scope.sidecar.ref
    revision = view.request.clients.pod.revision
    maps = settings_maps(view.facts.readable(ConfigMap), revision)
    written = (each for each in maps if "outboundTrafficPolicy" in each.data.get("mesh", ""))
    return next(written, maps[0]).ref if maps else f"MeshConfig of {revision}"


def describe_mesh_route(view: RequestView) -> Hop | None:
    """The route that the sidecar chooses, with the VirtualServices that have no effect on it."""
    hop = routed_hop(view, HopName.MESH_ROUTE, view.sidecar, gateway=False)
    step = view.step(ConfigurationPart.CLUSTER, gateway=False)
    return replace(hop, rivals=tuple(_rivals(view, step))) if hop is not None and step is not None else None


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
