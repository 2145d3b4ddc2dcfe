"""EG507."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.fact import Fact
from checks.facts.istio_networking import DestinationRule, Gateway, ServiceEntry, VirtualService
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.istio.route.breaks import Break, Fault
from checks.istio.route.carried import configuration, judged, nothing_configured
from checks.istio.route.hosts import is_cluster_local
from checks.istio.route.passage import ROUTE_READS, Passage, passage
from checks.istio.route.telling import told
from checks.istio.route.visibility import settle
from checks.model.findings import Observation, Severity, healthy, skip

NEEDS: dict[Fault, type[Fact]] = {
    Fault.NO_SUBSET: DestinationRule,
    Fault.UNKNOWN_DESTINATION: ServiceEntry,
    Fault.NO_DESTINATION_PORT: ServiceEntry,
    Fault.WRONG_PROTOCOL: ServiceEntry,
}
"""What else must have been read before a break of this kind is certain."""

BETTER = {Fault.NO_SERVER: Fault.WRONG_PORT, Fault.WRONG_PROTOCOL: Fault.WRONG_KIND}
"""Breaks that say no more than another of the same host."""

ON_THE_PROXIES = frozenset({Fault.NO_SERVER, Fault.UNUSED_SERVER})
"""What can only be said of proxies whose labels are known: without a pod and a Deployment nothing is selected (Ruling 18)."""


@check(
    code="EG507",
    title="The VirtualService's way from sidecars through the gateway to the destination is broken",
    severity=Severity.BLOCKS,
    article=("IST-3", "IST-4"),
    reads=ROUTE_READS,
)
def virtual_service_route_broken(facts: Facts) -> Iterator[Observation]:
    """What it checks: for every external host that the gateway carries, and every client namespace that gets the route,
    both hops as Istio would take them: the rule for sidecars and whether it names the gateway's Service, port and subset;
    the Gateway's server that takes the host; the rule for the gateway and whether its destination is known. It fails at
    the place that decides, and warns of a VirtualService that is ignored, a rule without a port and the like.

    Why it matters: a route with one wrong name, port, host or binding answers 404 or 503, goes round in a loop, or leaves
    past the gateway from another address.

    What usually fixes it: the one field that the finding names; the action has it as a patch.

    Source: article IST-3 and IST-4; AKS's how-to for egress gateways; Istio's VirtualService and Gateway references."""
    facts.all(Gateway)
    facts.all(VirtualService)
    found = configuration(facts)
    hosts = judged(facts)
    ways = [passage(facts, host) for host in hosts]
    worth = [each for way in ways for each in _worth(way.breaks) if found.labels or each.fault not in ON_THE_PROXIES]
    broken = [each for each in worth if _certain(facts, each)]
    for each in broken:
        yield told(facts, found, each)
    if len(broken) < len(worth):
        facts.all(Service)
    facts.in_namespace(Service, facts.gateway.namespace)
    facts.all(ServiceEntry)
    facts.all(DestinationRule)
    settle(facts)
    if broken:
        return
    if not hosts:
        yield skip(nothing_configured(facts))
    elif not found.labels:
        yield skip(f"The {facts.gateway.ref} has no Deployment that a Gateway could select (deployment-not-available).")
    elif not found.selected:
        yield skip(f"No Gateway selects the pods of {facts.gateway.ref} (gateway-selector-mismatch).")
    else:
        yield healthy(_whole(facts, ways))


def _whole(facts: Facts, ways: list[Passage]) -> str:
    foreign = [f"{way.host} leaves through {way.foreign}" for way in ways if way.foreign]
    if foreign:
        return f"{'; '.join(foreign[:3])}; all else goes through {facts.gateway.ref}."
    names = ", ".join(way.host for way in ways[:3]) + (f" and {len(ways) - 3} more hosts" if len(ways) > 3 else "")
    return f"The way of {names} through {facts.gateway.ref} is whole."


def _worth(breaks: tuple[Break, ...]) -> Iterator[Break]:
    """The breaks to tell: doubts about a rule are left out beside a failure, and so is what another break says better."""
    faults = {each.fault for each in breaks}
    failing = any(not each.warns for each in breaks)
    for each in breaks:
        if not (each.warns and failing) and BETTER.get(each.fault) not in faults:
            yield each


def _certain(facts: Facts, broken: Break) -> bool:
    kind = NEEDS.get(broken.fault)
    if broken.destination is not None and is_cluster_local(broken.destination.host):
        # A Service that could not be read may exist, and may be another egress gateway's.
        kind = kind or (Service if broken.fault in (Fault.ELSEWHERE, Fault.WRONG_NAME) else None)
        if broken.fault is Fault.UNKNOWN_DESTINATION and facts.gap(Service) is not None:
            return False
    return kind is None or facts.gap(kind) is None
