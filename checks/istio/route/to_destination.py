"""From the gateway to the destination: the ServiceEntry that makes it known, and the DestinationRule that counts there."""

from collections.abc import Iterator

from checks.facts.istio_networking import DestinationRule
from checks.facts.namespaces import ConfigMap
from checks.istio.route.credentials import uses
from checks.istio.route.destination_rules import Effective, Tls, effective, elsewhere
from checks.istio.route.gateway_hop import Exit
from checks.istio.route.hosts import is_wildcard
from checks.istio.route.obstacles import Blocked, Obstacle
from checks.istio.route.passage import Passage
from checks.istio.route.service_entries import Entry, conflicts, entries_for, is_visible, seen_from
from checks.istio.route.sidecar_hop import Departure
from checks.istio.route.static_hop import arrive, static_egress
from checks.istio.route.stay import Stay, has_secret, tls_decision
from checks.istio.route.tls_contract import TlsBreak, hops
from checks.istio.route.visibility import export_of, exported
from checks.istio.route.walk import readable
from checks.model.route import Decision, HopName, Rival


def reach(stay: Stay, leaving: Exit) -> None:
    """Follows the request from the gateway's rule to the destination."""
    if leaving.entry is None:
        shown = [Decision(f"Service {leaving.destination.host}", "metadata.name", "a Service of this cluster")]
        stay.walk.passes(HopName.ENTRY, f"{leaving.destination.host} is a Service of this cluster", shown)
    else:
        _known(stay, leaving, leaving.entry)
    if stay.walk.ended:
        return
    static_egress(stay.facts, stay.walk, outside=leaving.entry is not None)
    if not stay.walk.ended:
        arrive(stay.facts, stay.walk, leaving.destination.host, leaving.port)


def _known(stay: Stay, leaving: Exit, entry: Entry) -> None:
    walk, name = stay.walk, leaving.destination.host
    declared = entry.port(leaving.port)
    resolution = entry.entry.resolution
    shown = [
        Decision(entry.ref, "spec.ports", f"{leaving.port} {declared.protocol if declared else ''}".strip()),
        Decision(entry.ref, "spec.resolution", resolution),
    ]
    rivals = list(_other_entries(stay, name, entry))
    if (unresolved := _unresolved(entry)) is not None:
        cause = Blocked(Obstacle.NOT_RESOLVED, entry.entry, text=entry.host)
        walk.breaks(HopName.ENTRY, cause, f"{entry.ref} is resolved by {unresolved}", shown, rivals)
        return
    tls = _encrypted(stay, leaving, entry, shown, rivals)
    if any(hop.name is HopName.ENTRY for hop in walk.hops):
        return
    seen = seen_from(stay.facts, name, stay.facts.gateway.namespace, stay.found.mesh)
    doubts = [each.fault.value for each in _second_hop(stay, leaving) if each.warns]
    doubts += [f"{len(seen)} ServiceEntries differ in {each}" for each in conflicts(seen)]
    doubts += [f"its resolution is {resolution}, not DNS"] if resolution != "DNS" else []
    spoken = (
        f"the gateway originates TLS ({tls.mode})" if tls is not None and tls.encrypts else "the gateway adds no TLS"
    )
    walk.passes(HopName.ENTRY, f"declared, resolved by {resolution}; {spoken}", shown, rivals, doubts)


def _unresolved(entry: Entry) -> str | None:
    """Why the gateway finds no address by this ServiceEntry; None where it does."""
    if entry.entry.resolution == "NONE":
        return "NONE: it goes to the dialed address, which is the gateway itself"
    if entry.entry.resolution == "DNS" and is_wildcard(entry.host) and not entry.entry.endpoints:
        return "DNS, but DNS cannot resolve a wildcard without endpoints"
    return None


def _encrypted(stay: Stay, leaving: Exit, entry: Entry, shown: list[Decision], rivals: list[Rival]) -> Tls | None:
    """The TLS that the gateway speaks to the destination; adds the hop where that does not fit, or could not be read."""
    facts, found, walk, name = stay.facts, stay.found, stay.walk, leaving.destination.host
    used = effective(facts, name, facts.gateway.namespace, entry.entry.namespace, found.mesh, found.labels)
    tls = used.tls(leaving.port, leaving.destination.subset) if used else None
    rivals.extend(_other_rules(stay, name, used))
    broken = next((each for each in _second_hop(stay, leaving) if not each.warns), None)
    gap = readable(facts, (DestinationRule, ConfigMap))
    if broken is not None and (gap is None or broken.tls is not None):
        shown.append(tls_decision(broken))
        walk.breaks(HopName.ENTRY, broken, broken.fault.value, shown, rivals)
    elif gap is not None:
        walk.unknown(HopName.ENTRY, gap, shown, ends=False)
    else:
        shown.append(_speaks(used, tls, leaving))
        if tls is not None and tls.encrypts:
            _credentials(stay, tls, shown)
    return tls


def _second_hop(stay: Stay, leaving: Exit) -> tuple[TlsBreak, ...]:
    arrival = stay.arrival
    departures = ((arrival.clients, Departure((arrival,), ())),)
    way = Passage(stay.host, departures, (), (leaving,), ())
    return tuple(each for each in hops(stay.facts, stay.found, way) if each.leaving is not None)


def _speaks(used: Effective | None, tls: Tls | None, leaving: Exit) -> Decision:
    if tls is not None:
        return Decision(
            tls.rule.ref, tls.path, f"{tls.mode}{f', credential {tls.credential}' if tls.credential else ''}"
        )
    if used is None:
        return Decision("(no DestinationRule)", "spec.trafficPolicy.tls", "the gateway originates no TLS")
    return Decision(used.rules[0].ref, "spec.trafficPolicy.tls", f"(not set for port {leaving.port})")


def _credentials(stay: Stay, tls: Tls, shown: list[Decision]) -> None:
    """Adds the hop where the Secret of the settings is not there."""
    for use in uses(stay.facts, stay.found, stay.host):
        if use.receiving or use.thing is not tls.rule or not use.name or use.name != tls.credential:
            continue
        if not has_secret(stay, use, HopName.ENTRY, shown):
            return


def _other_entries(stay: Stay, name: str, chosen: Entry) -> Iterator[Rival]:
    facts, mesh, namespace = stay.facts, stay.found.mesh, stay.facts.gateway.namespace
    for each in entries_for(facts, name)[:6]:
        if each.entry is chosen.entry:
            continue
        if not is_visible(facts, each.entry, namespace, mesh):
            hidden = not exported(export_of(each.entry, mesh), each.entry.namespace, namespace)
            yield Rival(
                each.ref, f"not exported to {namespace}" if hidden else "istiod does not discover its namespace"
            )
        elif each.host != chosen.host:
            yield Rival(each.ref, f"only the wildcard {each.host} matches")
        else:
            yield Rival(each.ref, "in another namespace, or newer")


def _other_rules(stay: Stay, name: str, used: Effective | None) -> Iterator[Rival]:
    mesh, namespace = stay.found.mesh, stay.facts.gateway.namespace
    for each in elsewhere(stay.facts, name, used)[:5]:
        if not exported(export_of(each, mesh), each.namespace, namespace):
            yield Rival(each.ref, f"not exported to {namespace}")
        elif each.workload_selector:
            yield Rival(each.ref, "its workloadSelector does not select the gateway's pods")
        else:
            yield Rival(
                each.ref,
                f"in namespace {each.namespace}, which does not apply at the gateway, or for a less specific host",
            )
