"""EG507: a VirtualService does not route a host through the gateway.

The check follows the route from sidecars to the destination of the gateway.
"""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.engine.route_findings import decided_by_router
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import ServiceEntry, VirtualService
from checks.facts.view import Facts
from checks.istio.configured.configured_hosts import configured_hosts, examined_hosts, hosts_listed, nothing_configured
from checks.istio.configured.host_objects import objects_for_host
from checks.istio.configured.intended_gateways import gateway_full_name, intended_gateways
from checks.istio.configured.other_gateways import other_gateway_of
from checks.istio.configured.revision_settings import require_settings
from checks.istio.configured.routing_index import all_rules_of, destinations_in, routing_index
from checks.istio.faults.request_route import ResolvedRoute
from checks.istio.faults.resolved_routes import ROUTER_READS, hosts_through, resolved_routes
from checks.istio.fixes.show_commands import show_object
from checks.istio.mesh.objects.routing_rules import RoutingRule, RoutingRules
from checks.model.commands import HOWTO, change
from checks.model.findings import Evidence, Involved, Observation, Severity, healthy, skip, warn
from checks.model.raw_values import items, mapping, number


@decided_by_router
@check(
    code="EG507",
    title="The route from sidecars through the gateway to the destination is broken",
    severity=Severity.BLOCKS,
    article=("IST-3", "IST-4"),
    reads=ROUTER_READS,
    reports_unexplained_routes=True,
    explains={"traffic-failing": Because("the route of the host does not lead to its destination", share="host")},
)
def virtual_service_route_broken(facts: Facts) -> Iterator[Observation]:
    """What it checks: for every external host for which the gateway is configured, and every client with the route, both
    hops as istiod configures them: the rule for sidecars and whether it names the gateway's Service, port and subset; the
    Gateway's server for the host; the rule for the gateway and whether its destination is known. It fails at the deciding
    object if requests are not routed. It warns about an ignored VirtualService, a rule without a port, a rule by which a part
    of the requests bypasses the gateway, and a server to which nothing is routed.

    Why it matters: with one wrong name, port, host or binding a request gets 404 or 503, loops, or bypasses the gateway and
    leaves from another address.

    What usually fixes it: the one field that the finding names; the action has it as a patch.

    Source: article IST-3 and IST-4; AKS documentation, "Deploy egress gateways for Istio service mesh add-on for
    Azure Kubernetes Service"; Istio's VirtualService and Gateway references."""
    found, hosts, routed = configured_hosts(facts), examined_hosts(facts), hosts_through(facts)
    warned = [
        seen for host in hosts if host in routed for seen in (*_ignored(facts, host), *_without_port(facts, host))
    ]
    yield from {(each.summary, each.evidence): each for each in warned}.values()
    require_settings(facts)
    if warned:
        return
    if not hosts:
        foreign = [
            f"{host} is routed through {facts.question.name_of(other_gateway_of(facts, host))}"
            for host in found.of_others
        ]
        if foreign:
            yield healthy(f"{'; '.join(foreign[:3])}; no host is routed through {facts.gateway.ref}.")
        else:
            yield skip(nothing_configured(facts))
    elif not intended_gateways(facts).labels:
        yield skip(f"The {facts.gateway.ref} has no Deployment for a Gateway to select (deployment-not-available).")
    elif broken := [each for each in resolved_routes(facts) if each.meant and not each.through]:
        yield skip(_elsewhere(facts, broken))
    else:
        yield healthy(f"{hosts_listed(hosts)} {'is' if len(hosts) == 1 else 'are'} routed through {facts.gateway.ref}.")


def _elsewhere(facts: Facts, broken: list[ResolvedRoute]) -> str:
    """The checks that report why hosts are not routed through the gateway."""
    hosts = list(dict.fromkeys(each.host for each in broken))
    owners = dict.fromkeys(proved.fault.check for each in broken for proved in each.faults)
    verb = "is" if len(hosts) == 1 else "are"
    return (
        f"{hosts_listed(hosts)} {verb} not routed through {facts.gateway.ref} ({', '.join(owners) or 'not certain'})."
    )


def _warnings(facts: Facts, host: str) -> Iterator[Observation]:
    yield from _ignored(facts, host)
    yield from _without_port(facts, host)
    yield from _unused(facts, host)


def _ignored(facts: Facts, host: str) -> Iterator[Observation]:
    """VirtualServices that have no effect.

    An older one is for the same host at the same proxies.
    """
    mine = [each for each in routing_index(facts).about(host) if host in (name.lower() for name in each.hosts)]
    used = next((each for each in mine if _is_leading(each, facts)), None)
    if used is None:
        return
    younger = [each.source for each in mine[mine.index(used) + 1 :] if each.gateways & used.gateways]
    if not younger:
        return
    names = " and ".join(each.ref for each in younger[:3])
    shown = [used.source, *younger[:3]]
    yield warn(
        f"{names} for {host} has no effect: {used.source.ref} is older.",
        subject=f"host {host}",
        evidence=[Evidence(each.ref, "metadata.creationTimestamp", _created(each)) for each in shown],
        actions=[
            *map(show_object, shown[:3]),
            change("Keep only one VirtualService for the host", "", HOWTO),
        ],
        about=[Involved("host", host)],
    )


def _created(thing: KubernetesObject) -> str:
    return f"{thing.created:%Y-%m-%dT%H:%M:%SZ}" if thing.created else "(unknown)"


def _is_leading(routes: RoutingRules, facts: Facts) -> bool:
    return any(to == facts.gateway.service_host for _, to in destinations_in(routes))


def _without_port(facts: Facts, host: str) -> Iterator[Observation]:
    """Rules for sidecars that name no port, of the request or of the gateway's Service."""
    for routes in routing_index(facts).about(host):
        for rule in all_rules_of(routes) if _is_leading(routes, facts) else ():
            if isinstance(rule.source, VirtualService):
                yield from _unported(facts, host, rule)


def _unported(facts: Facts, host: str, rule: RoutingRule) -> Iterator[Observation]:
    where, service, matches = f"{rule.field} of {rule.source.ref}", facts.gateway.service_host, rule.matches()
    routes = [(index, mapping(each, "destination")) for index, each in enumerate(items(rule.raw, "route"))]
    leads = any(rule.destination(each) == service for _, each in routes)
    if leads and (not matches or any(number(each, "port") is None for each in matches)):
        yield _doubtful(
            host,
            rule,
            f"{where} names no port and matches every port of {host}.",
            Evidence(rule.source.ref, f"{rule.field}.match", "(no port)", "a port"),
            "Add the port to the rule",
        )
    for index, each in routes:
        to = rule.destination(each)
        if number(each, "port", "number") is None and (to == service or _has_several_ports(facts, to)):
            yield _doubtful(
                host,
                rule,
                f"{where} names no port of {to}, which has several.",
                Evidence(rule.source.ref, f"{rule.field}.route[{index}].destination.port", "(not set)", "a port"),
                "Add the port to the destination",
            )


def _has_several_ports(facts: Facts, host: str) -> bool:
    entries = (each for each in objects_for_host(facts, host.lower()) if isinstance(each, ServiceEntry))
    return len({port.number for each in entries for port in each.ports}) > 1


def _unused(facts: Facts, host: str) -> Iterator[Observation]:
    """Servers for the host on a port to which no rule routes it."""
    ends = (end for route in resolved_routes(facts) if route.host == host for end in route.outcome.ends)
    names = (step.cluster for end in ends for step in end.steps if step.cluster is not None)
    ports = {each.port for each in names if each.host == facts.gateway.service_host}
    selected = {gateway_full_name(each) for each in intended_gateways(facts).selected}
    for server in configured_hosts(facts).servers_for(host):
        number_ = server.server.port.number
        if ports and server.name in selected and number_ not in ports:
            yield warn(
                f"No route sends {host} to {server.place} of {server.written.ref} on port {number_}.",
                subject=f"host {host}",
                evidence=[Evidence(server.written.ref, server.field("port.number"), str(number_))],
                actions=[show_object(server.written), change("Route the port, or remove the server", "", HOWTO)],
                about=[Involved("host", host)],
            )


def _doubtful(host: str, rule: RoutingRule, sentence: str, evidence: Evidence, fix: str) -> Observation:
    return warn(
        sentence,
        subject=f"host {host}",
        evidence=[evidence],
        actions=[show_object(rule.source), change(fix, "", HOWTO)],
        about=[Involved("host", host)],
    )
