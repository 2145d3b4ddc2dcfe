"""The routes of a run with their outcomes and faults.

They are those of the question's host, or of every host for which the gateway is configured.
"""

from dataclasses import replace

from checks.facts.fact import Fact, Unreadable
from checks.facts.istio_networking import Gateway, VirtualService
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.configured.cluster_hosts import cluster_host
from checks.istio.configured.configured_hosts import configured_hosts
from checks.istio.configured.request_kinds import configured_kinds, followed, requests_inside
from checks.istio.faults.configured_routes import routes_of_host
from checks.istio.faults.other_schemes import other_schemes
from checks.istio.faults.request_route import ResolvedRoute, resolved_route, with_faults
from checks.istio.faults.shared_faults import with_shared_faults
from checks.istio.mesh.mesh import MESH_READS
from checks.istio.request.clients import clients_of, expected_client, has_sidecar
from checks.istio.request.ready_gateways import with_ready_gateways
from checks.istio.request.routing import Routing, routing
from checks.model.requested_host import requested_host

ROUTER_READS: tuple[type[Fact], ...] = (*MESH_READS, Deployment)
"""The kinds that the outcome of a request needs."""


def resolved_routes(facts: Facts) -> tuple[ResolvedRoute, ...]:
    """The routes of the question's host, for every kind of request and all clients.

    Without a host they are those of every host for which the gateway is configured, with ready pods. Raises Unreadable.
    """
    build = _of_question if facts.question.host else _of_configuration
    return facts.once("resolved routes", build, facts.run)


def reported_routes(facts: Facts) -> tuple[ResolvedRoute, ...]:
    """The routes that are meant, of other schemes, and those that another fault conceals.

    A missing sidecar conceals the gateway, and so do pods that are not ready. The faults of these routes are reported
    too, so that they are not found one after the other. Raises Unreadable.
    """
    return facts.once("reported routes", _reported, facts.run)


def _reported(facts: Facts) -> tuple[ResolvedRoute, ...]:
    every = resolved_routes(facts)
    meant = tuple(each for each in every if each.meant)
    reported = (*meant, *other_schemes(facts, every))
    if not facts.question.host or all(each.through for each in meant):
        return reported
    concealed = facts.once("concealed routes", _concealed, facts.run)
    known = {proved.fault.evidence() for each in meant for proved in each.faults}
    # A concealed route that could not be resolved may have another fault.
    return (
        *reported,
        *(
            each
            for each in concealed
            if each.gap is not None or any(p.fault.evidence() not in known for p in each.faults)
        ),
    )


def _concealed(facts: Facts) -> tuple[ResolvedRoute, ...]:
    over = routing(with_ready_gateways(facts))
    return tuple(
        with_faults(over, each) if each.gap is None else each
        for each in routes_with_sidecars(facts)
        if each.gap is not None or (each.certain and not each.through)
    )


def routes_with_sidecars(facts: Facts) -> tuple[ResolvedRoute, ...]:
    """The routes of the question's host with sidecars and ready gateway pods.

    () if its clients have sidecars and the pods are ready now.
    """
    return facts.once("routes with sidecars", _with_sidecars, facts.run)


def _with_sidecars(facts: Facts) -> tuple[ResolvedRoute, ...]:
    ready, clients = with_ready_gateways(facts), clients_of(facts)
    injected = tuple(each for each in clients if has_sidecar(each.pod))
    if ready is facts and injected == clients:
        return ()
    over, host = routing(ready), requested_host(facts.question.host or "")
    others = injected or (expected_client(facts, clients[0].namespace),)
    kinds = [(each.scheme, each.port) for each in configured_kinds(over, host.name)]
    requests = (each for each in followed(over, host, others) if host.specific or (each.scheme, each.port) in kinds)
    return tuple(resolved_route(over, host.name, each, meant=True) for each in requests)


def hosts_through(facts: Facts) -> frozenset[str]:
    """The hosts of the run of which every route goes through the gateway. Raises Unreadable."""
    meant = [each for each in resolved_routes(facts) if each.meant]
    if (gap := next((each.gap for each in meant if each.gap is not None and not each.certain), None)) is not None:
        raise Unreadable(gap)
    return frozenset(each.host for each in meant) - {each.host for each in meant if not each.through}


def routing_of_run(facts: Facts) -> Routing:
    """The routing by which the routes of this run are resolved. Raises Unreadable."""
    return routing(facts if facts.question.host else with_ready_gateways(facts))


def _of_question(facts: Facts) -> tuple[ResolvedRoute, ...]:
    over, host = routing(facts), requested_host(facts.question.host or "")
    _touch_reads(facts)
    inside = cluster_host(facts)
    if inside is not None:
        requests = requests_inside(over, host, inside.host, clients_of(facts))
        return tuple(resolved_route(over, host.name, each, meant=False) for each in requests)
    configured = configured_kinds(over, host.name)
    schemes = {each.scheme for each in configured}
    found = tuple(
        resolved_route(over, host.name, each, meant=host.specific or not configured or each.scheme in schemes)
        for each in followed(over, host, clients_of(facts))
    )
    others = other_schemes(facts, found)
    return tuple(_examined(over, each) if each.meant or each in others else each for each in found)


def _examined(over: Routing, route: ResolvedRoute) -> ResolvedRoute:
    """The route with its faults.

    A failed read that hides the fault of a scheme that is not configured hides nothing that decides.
    """
    examined = with_faults(over, route)
    return examined if route.meant else replace(examined, gap=None)


def _of_configuration(facts: Facts) -> tuple[ResolvedRoute, ...]:
    _touch_reads(facts)
    over = routing(with_ready_gateways(facts))
    over.mesh(max(facts.gateway.revisions, default=""))
    for kind in (Gateway, VirtualService):
        facts.all(kind)  # the hosts are not complete without them
    hosts = configured_hosts(facts).hosts
    clients = clients_of(facts)
    if not any(has_sidecar(each.pod) for each in clients):
        # Without a sidecar nothing reaches the gateway; its own faults show with one.
        clients = (*clients, expected_client(facts, clients[0].namespace))
    found = (route for host in hosts for route in routes_of_host(over, host, clients))
    return tuple(with_shared_faults(over, found))


def _touch_reads(facts: Facts) -> None:
    facts.note(ROUTER_READS)  # the router reads them when a request needs them
