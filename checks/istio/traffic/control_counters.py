"""The failures that istiod and the components of the static egress gateway counted lately.

They count for all proxies and nodes of the cluster. Source: docs/rulings.md#ruling-38.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from checks.facts.counter_names import COMPONENTS, PUSH_FAILURES, REJECTED
from checks.facts.fact import ProxyRole
from checks.facts.proxy_traffic import ProxyTraffic
from checks.facts.view import Facts
from checks.istio.traffic.host_traffic import period_of
from checks.istio.traffic.usable_counters import LONG_WINDOW, unusable_because
from checks.model.findings import Evidence

_GROUPS = {
    "istiod-rejects": (ProxyRole.ISTIOD, (REJECTED,)),
    "istiod-pushes": (ProxyRole.ISTIOD, PUSH_FAILURES),
    "components": (ProxyRole.COMPONENT, COMPONENTS),
}


@dataclass(frozen=True, slots=True)
class ControlCounters:
    """The failures of one kind; `counts` by metric, the most frequent first."""

    counts: tuple[tuple[str, int], ...]
    period: str
    evidence: tuple[Evidence, ...]

    @property
    def total(self) -> int:
        return sum(count for _, count in self.counts)


def rejected_configuration(facts: Facts) -> ControlCounters | None:
    """The configuration that proxies rejected (NACK), None if none is known."""
    return _counted(facts, "istiod-rejects")


def failed_pushes(facts: Facts) -> ControlCounters | None:
    """istiod's failures to send configuration, None if none is known."""
    return _counted(facts, "istiod-pushes")


def component_failures(facts: Facts) -> ControlCounters | None:
    """The failures of the static egress components, None if none is known."""
    return _counted(facts, "components")


def istiod_pods(facts: Facts) -> tuple[int, int]:
    """(the istiod pods whose counters were read, those that were left out to limit the load)."""
    found = [each.left_out for each in facts.readable(ProxyTraffic) if each.role == ProxyRole.ISTIOD]
    return found.count(False), found.count(True)


def _counted(facts: Facts, name: str) -> ControlCounters | None:
    role, metrics = _GROUPS[name]
    found: Counter[str] = Counter()
    seconds, prometheus = 0.0, False
    rows: dict[Evidence, None] = {}
    for proxy in _usable(facts, role):
        window = proxy.window(LONG_WINDOW)
        if window is None:
            continue
        seconds, prometheus = max(seconds, window.seconds), prometheus or proxy.from_prometheus
        for each in window.increases:
            if each.metric in metrics and (amount := round(each.amount)):
                found[each.metric] += amount
                # Without the number, which differs in each run.
                rows[Evidence(proxy.ref, each.metric, "failures counted", "none")] = None
    if not found:
        return None
    return ControlCounters(tuple(found.most_common()), period_of(seconds, whole=prometheus), tuple(rows))


def _usable(facts: Facts, role: ProxyRole) -> Iterator[ProxyTraffic]:
    for each in facts.readable(ProxyTraffic):
        if each.role == role and not unusable_because(each, facts.now):
            yield each
