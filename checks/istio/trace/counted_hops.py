"""The counts of requests on the hops of a route: at the Service and at the destination."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from checks.facts.proxy_traffic import ProxyTraffic
from checks.facts.view import Facts
from checks.istio.mesh.objects.hosts import is_subset, most_specific
from checks.istio.traffic.client_traffic import ClientPath, ClientTraffic, client_traffic
from checks.istio.traffic.host_traffic import HostTraffic, gateway_traffic
from checks.model.route import Decision, Hop, HopName, Mark

_REACHED = (Mark.PASSES, Mark.DOUBTS)


def counted_hops(facts: Facts, hops: Iterable[Hop], host: str) -> tuple[Hop, ...]:
    """The hops with the counts of requests that reach them; unchanged if no counters are read."""
    if not facts.configured(ProxyTraffic):
        return tuple(hops)
    client = client_traffic(facts, partial(is_subset, host))
    counts = {
        HopName.MESH_ROUTE: tuple(_of_client(client, bypassing=True)),
        HopName.SERVICE: tuple(_of_client(client, bypassing=False)),
        HopName.DESTINATION: tuple(_of_destination(facts, host)),
    }
    counted = tuple(
        replace(each, decided=(*each.decided, *counts.get(each.name, ()))) if _is_counted(each) else each
        for each in hops
    )
    doubts = {
        HopName.MESH_ROUTE: tuple(_bypass(client, host)),
        HopName.DESTINATION: tuple(_doubts(facts, host)),
    }
    return tuple(
        replace(each, mark=Mark.DOUBTS, doubts=(*each.doubts, *found))
        if (found := doubts.get(each.name, ())) and each.mark in _REACHED
        else each
        for each in counted
    )


def _is_counted(hop: Hop) -> bool:
    """Requests that bypass the gateway leave at the sidecar, and are counted there."""
    return hop.mark in _REACHED or (hop.name is HopName.MESH_ROUTE and hop.mark is Mark.LEAVES)


def _bypass(found: ClientTraffic | None, host: str) -> Iterator[str]:
    """That requests of the client to this host do not take the route.

    Those to unknown hosts may be to others.
    """
    if found is None:
        return
    for each in found.bypassing:
        if each.host and is_subset(host, each.host):
            effect = "were rejected here" if each.path is ClientPath.REJECTED else "bypassed the gateway"
            yield f"{each.total:,} {each.noun}{'' if each.total == 1 else 's'} of {found.client} {effect} ({each.path})"


def _doubts(facts: Facts, host: str) -> Iterator[str]:
    for each in _counted_for(facts, host):
        if each.mostly_fails and each.failure is not None:
            yield f"most {each.noun}s there fail: {each.failure.meaning}"
        elif each.mostly_unanswered:
            yield "clients close most requests before an answer"


def _of_destination(facts: Facts, host: str) -> Iterator[Decision]:
    """The requests and connections of the gateway to the host."""
    for each in _counted_for(facts, host):
        yield Decision("counters of the gateway's proxies", f"{each.noun}s {each.period}", _shown(each))


def _counted_for(facts: Facts, host: str) -> Iterator[HostTraffic]:
    """The counts of the host, else those of the most specific wildcard that contains it."""
    hosts = gateway_traffic(facts).hosts
    name = most_specific(host, {each.host for each in hosts})
    return (each for each in hosts if each.host == name and each.counted)


def _shown(found: HostTraffic) -> str:
    failed = f"{found.failed:,} failed ({found.shown})" if found.failed else ""
    unanswered = f"{found.unanswered:,} without an answer" if found.unanswered else ""
    return ", ".join(
        (f"{found.total:,}", *(filter(None, (failed, unanswered)) if failed or unanswered else ("none failed",)))
    )


def _of_client(found: ClientTraffic | None, *, bypassing: bool) -> Iterator[Decision]:
    """The requests of the question's client to the gateway's Service, or those that bypass it."""
    if found is None:
        return
    for each in found.requests:
        if bypassing is (each.path is not ClientPath.GATEWAY):
            chosen = f"{each.total:,} {each.path}, {each.outcome}" if bypassing else f"{each.total:,}, {each.outcome}"
            yield Decision(f"counters of client {found.client}", f"{each.noun}s {found.period}", chosen)
