"""The gateway pods in which requests to a host fail while others reach it.

Then the destination and the network behind the gateway nodes work: each pod has a node and a tunnel of its own, and
connections from it leave by one gateway node, with one source IP address. Source: docs/rulings.md#ruling-38.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.traffic.counted_outcomes import failing_since
from checks.istio.traffic.counted_traffic import CountedHost, CountedPod, gateway_proxies
from checks.istio.traffic.past_traffic import sampled_steps

_FEWEST = 5
"""Requests of a pod from which it is compared with others: fewer can all fail by chance."""
_SMALL_SHARE = 100
"""One failure in so many requests does not make a pod fail, and one success not work."""


@dataclass(frozen=True, slots=True)
class FailingPod:
    """A pod in which nearly all requests to a host fail; `pod` is None if it was not read."""

    name: str
    pod: Pod | None
    total: int
    failed: int
    since: datetime | None = None
    """When most began to fail; None if that was before the samples."""


def failing_pods(facts: Facts, host: CountedHost) -> tuple[FailingPod, ...]:
    """The pods with nearly all failures of a host.

    () unless nearly all requests of the other pods succeed. Reads ProxyTraffic and Pod.
    """
    compared = [each for each in host.pods if each.total >= _FEWEST]
    failing = [each for each in compared if each.failed and each.succeeded * _SMALL_SHARE <= each.total]
    working = [
        each for each in compared if each.succeeded * 2 > each.total and each.failed * _SMALL_SHARE <= each.total
    ]
    elsewhere = host.failed - sum(each.failed for each in failing)
    if not failing or not working or len(failing) + len(working) < len(compared):
        return ()
    if elsewhere * _SMALL_SHARE > host.failed:
        return ()
    return tuple(_failing(facts, host, failing))


def _failing(facts: Facts, host: CountedHost, failing: list[CountedPod]) -> Iterator[FailingPod]:
    pods = {name: pod for pod in facts.readable(Pod, facts.gateway.namespace) for name in (pod.name, pod.ip) if name}
    proxies = {each.key: each for each in gateway_proxies(facts)}
    for each in failing:
        steps = sampled_steps([proxies[each.key]])
        since = failing_since(steps.by_host.get((host.host, host.connections), {}), next(iter(steps.ends), None))
        yield FailingPod(each.key[1], pods.get(each.key[1]), each.total, each.failed, since)
