"""The counts of requests on the hops of a route: at the Service and at the destination."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from checks.facts.fact import ProxyRole
from checks.facts.proxy_traffic import ProxyTraffic
from checks.facts.view import Facts
from checks.istio.traffic.counted_outcomes import failure_shown_by, outcomes_to
from checks.istio.traffic.counted_traffic import LONG_WINDOW
from checks.istio.traffic.host_traffic import HostTraffic, gateway_traffic
from checks.model.route import Decision, Hop, HopName, Mark

_FIELD = "requests"
_REACHED = (Mark.PASSES, Mark.DOUBTS)


def counted_hops(facts: Facts, hops: Iterable[Hop], host: str) -> tuple[Hop, ...]:
    """The hops with the counts of requests that reach them; unchanged if no counters are read."""
    if not facts.configured(ProxyTraffic):
        return tuple(hops)
    counts = {HopName.SERVICE: tuple(_of_clients(facts)), HopName.DESTINATION: tuple(_of_destination(facts, host))}
    counted = tuple(
        replace(each, decided=(*each.decided, *counts.get(each.name, ()))) if each.mark in _REACHED else each
        for each in hops
    )
    doubts = tuple(_doubts(facts, host))
    return tuple(
        replace(each, mark=Mark.DOUBTS, doubts=(*each.doubts, *doubts))
        if doubts and each.name is HopName.DESTINATION and each.mark in _REACHED
        else each
        for each in counted
    )


def _doubts(facts: Facts, host: str) -> Iterator[str]:
    for each in gateway_traffic(facts).hosts:
        if each.host == host and each.counted and each.mostly_fails and each.failure is not None:
            yield f"most {each.noun}s there fail: {each.failure.meaning}"


def _of_destination(facts: Facts, host: str) -> Iterator[Decision]:
    """The requests and connections of the gateway to the host."""
    for each in gateway_traffic(facts).hosts:
        if each.host == host and each.counted:
            yield Decision("counters of the gateway's proxies", f"{each.noun}s {each.period}", _shown(each))


def _shown(found: HostTraffic) -> str:
    failed = f"{found.failed:,} failed ({found.shown})" if found.failed else "none failed"
    return f"{found.total:,}, {failed}"


def _of_clients(facts: Facts) -> Iterator[Decision]:
    """The requests of the client in the question to the gateway's Service."""
    for proxy in facts.readable(ProxyTraffic):
        window = proxy.window(LONG_WINDOW) if proxy.role == ProxyRole.CLIENT else None
        if window is None or window.reset or proxy.service != facts.gateway.service_host:
            continue
        counts: Counter[tuple[str, str]] = outcomes_to(window, facts.gateway.service_host)
        if total := sum(counts.values()):
            failed = sum(count for outcome, count in counts.items() if failure_shown_by(outcome) is not None)
            chosen = f"{total:,}, {f'{failed:,} failed' if failed else 'none failed'}"
            yield Decision(proxy.ref, f"{_FIELD} in {max(1, round(window.seconds))} s", chosen)
