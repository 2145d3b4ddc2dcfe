"""EG507: a VirtualService does not route a host through the gateway.

The check follows the route from sidecars to the destination of the gateway.
"""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.fact import Fact
from checks.facts.istio_networking import DestinationRule, Gateway, ServiceEntry, VirtualService
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.istio.faults.requested import ROUTER_READS, decided_by_router
from checks.istio.route.breaks import Break, Fault
from checks.istio.route.carried import configuration, judged, nothing_configured
from checks.istio.route.hosts import is_cluster_local
from checks.istio.route.passage import ROUTE_READS, Passage, passage
from checks.istio.route.telling import told
from checks.istio.route.visibility import settle
from checks.model.findings import Observation, Severity, healthy, skip

_NEEDS: dict[Fault, type[Fact]] = {
    Fault.NO_SUBSET: DestinationRule,
    Fault.UNKNOWN_DESTINATION: ServiceEntry,
    Fault.NO_DESTINATION_PORT: ServiceEntry,
    Fault.WRONG_PROTOCOL: ServiceEntry,
}
"""The kind that must be readable before a break is certain."""

_COVERED_BY = {Fault.NO_SERVER: Fault.WRONG_PORT, Fault.WRONG_PROTOCOL: Fault.WRONG_KIND}
"""Breaks that another break of the same host covers."""

_NEED_LABELS = frozenset({Fault.NO_SERVER, Fault.UNUSED_SERVER})
"""Breaks that need the labels of the gateway's proxies.

The labels come from a pod or a Deployment (docs/rulings.md#ruling-18).
"""


@check(
    code="EG507",
    title="The route from sidecars through the gateway to the destination is broken",
    severity=Severity.BLOCKS,
    article=("IST-3", "IST-4"),
    reads=tuple(dict.fromkeys((*ROUTE_READS, *ROUTER_READS))),
)
@decided_by_router("virtual-service-route-broken")
def virtual_service_route_broken(facts: Facts) -> Iterator[Observation]:
    """What it checks: for every external host that is routed through the gateway, and every client namespace with the
    route, both hops by Istio's rules: the rule for sidecars and whether it names the gateway's Service, port and subset;
    the Gateway's server for the host; the rule for the gateway and whether its destination is known. It fails at the
    deciding object, and warns about an ignored VirtualService, a rule without a port and similar faults.

    Why it matters: with one wrong name, port, host or binding a request gets 404 or 503, loops, or bypasses the gateway and
    leaves from another address.

    What usually fixes it: the one field that the finding names; the action has it as a patch.

    Source: article IST-3 and IST-4; AKS documentation, "Deploy egress gateways for Istio service mesh add-on for
    Azure Kubernetes Service"; Istio's VirtualService and Gateway references."""
    facts.all(Gateway)
    facts.all(VirtualService)
    found = configuration(facts)
    hosts = judged(facts)
    paths = [passage(facts, host) for host in hosts]
    reported = [
        each for path in paths for each in _reported(path.breaks) if found.labels or each.fault not in _NEED_LABELS
    ]
    broken = [each for each in reported if _certain(facts, each)]
    for each in broken:
        yield told(facts, found, each)
    if len(broken) < len(reported):
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
        yield skip(f"The {facts.gateway.ref} has no Deployment for a Gateway to select (deployment-not-available).")
    elif not found.selected:
        yield skip(f"No Gateway selects the pods of {facts.gateway.ref} (gateway-selector-mismatch).")
    else:
        yield healthy(_routed(facts, paths))


def _routed(facts: Facts, paths: list[Passage]) -> str:
    foreign = [f"{path.host} is routed through {path.foreign}" for path in paths if path.foreign]
    if foreign:
        return f"{'; '.join(foreign[:3])}; other hosts are routed through {facts.gateway.ref}."
    names = ", ".join(path.host for path in paths[:3]) + (f" and {len(paths) - 3} more hosts" if len(paths) > 3 else "")
    return f"{names} {'is' if len(paths) == 1 else 'are'} routed through {facts.gateway.ref}."


def _reported(breaks: tuple[Break, ...]) -> Iterator[Break]:
    """The breaks to report.

    Without warnings if there is a failure, and without breaks that another one covers.
    """
    faults = {each.fault for each in breaks}
    failing = any(not each.warns for each in breaks)
    for each in breaks:
        if not (each.warns and failing) and _COVERED_BY.get(each.fault) not in faults:
            yield each


def _certain(facts: Facts, broken: Break) -> bool:
    kind = _NEEDS.get(broken.fault)
    if broken.destination is not None and is_cluster_local(broken.destination.host):
        # An unreadable Service may exist, and may be another egress gateway's.
        kind = kind or (Service if broken.fault in (Fault.ELSEWHERE, Fault.WRONG_NAME) else None)
        if broken.fault is Fault.UNKNOWN_DESTINATION and facts.gap(Service) is not None:
            return False
    return kind is None or facts.gap(kind) is None
