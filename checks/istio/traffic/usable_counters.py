"""Counters that can be used, and the reasons why others cannot.

Source: docs/rulings.md#ruling-38.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from checks.facts.pods import Pod
from checks.facts.proxy_traffic import ProxyTraffic
from checks.facts.view import Facts
from checks.istio.traffic.counted_outcomes import missing_label

SHORT_WINDOW = timedelta(minutes=5)
LONG_WINDOW = timedelta(minutes=15)
"""The windows: the longer one counts for a host without requests in the shorter one."""
STALE = timedelta(minutes=3)
"""The age from which the newest sample says nothing about now.

Scrapes of a Prometheus are usually at most a minute apart.
"""
_CLOCKS = timedelta(minutes=5)


def unusable_because(proxy: ProxyTraffic, now: datetime) -> str:
    """Why the counters of a pod cannot be used, "" if they can."""
    if proxy.scraped is None:
        return f"the {proxy.ref} have no sample"
    age = now - proxy.scraped
    if age > STALE:
        return f"the {proxy.ref} are {round(age.total_seconds() / 60)} min old"
    if age < -_CLOCKS:
        return f"the {proxy.ref} have a time in the future: the clocks differ"
    window = proxy.window(LONG_WINDOW)
    if window is None:
        return f"the {proxy.ref} have only one sample"
    if window.reset:
        return f"the proxy in pod {'/'.join(proxy.key)} restarted between the samples"
    if label := missing_label(window.increases):
        return f"the {proxy.ref} have no label {label}, which a Telemetry object can remove"
    return ""


def missing_pods(facts: Facts, read: set[tuple[str, str]]) -> Iterator[str]:
    """The pods without counters; a new pod has not been scraped yet."""
    for pod in facts.pods():
        since = pod.proxy.running_since if pod.proxy is not None else None
        if since is not None and facts.now - since > STALE and read.isdisjoint((pod.key, (pod.namespace, pod.ip))):
            yield f"the source of counters has none of pod {'/'.join(pod.key)}: it may not scrape the pod, or drops its metrics"


def excused(facts: Facts, proxy: ProxyTraffic) -> bool:
    """Whether unusable counters of a pod hide nothing. Reads Pod.

    The pod is no longer scraped, or has just started.
    """
    pods = [each for each in facts.readable(Pod, facts.gateway.namespace) if proxy.key[1] in (each.name, each.ip)]
    if pods and all(each.deleted is not None or each.finished for each in pods):
        return True
    started = [each.proxy.running_since for each in pods if each.proxy is not None]
    # An autoscaler or a rollout created it: it was sampled once only.
    return proxy.window() is None and any(since is not None and facts.now - since <= STALE for since in started)
