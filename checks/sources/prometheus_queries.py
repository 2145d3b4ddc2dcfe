"""The queries for counters of proxies, istiod and the static egress components.

Raw counters are read, not rates: an increase is then a whole number, and is the same as that of the pods' own pages.
"""

from collections.abc import Iterable, Iterator

from checks.facts.counter_names import COMPONENTS, DENIED_CONNECTIONS, DENIED_REQUESTS, ISTIOD, OPENED, REQUESTS
from checks.facts.fact import CountersWanted, ProxyGroup, ProxyRole
from checks.sources.counter_series import KEPT_LABELS, STANDARD_METRICS, metrics_of
from checks.sources.scraped_processes import POD_LABELS, SCRAPE_LABELS

_BY = ", ".join(("__name__", *SCRAPE_LABELS, *KEPT_LABELS))

_OF_SENDERS = 'reporter!~"destination|waypoint"'
"""The counters of requests that proxies send.

The label is missing if a Telemetry object removes it, so that it must only not be another one.
"""


def counter_queries(wanted: CountersWanted) -> Iterator[str]:
    """The queries for all counters of the wanted processes."""
    gateways = gateways_of(wanted)
    for group in wanted.groups:
        if group.role is ProxyRole.CLIENT:
            yield _summed(f'{_names(STANDARD_METRICS)}, reporter="source", {_source([group])}')
    if gateways:
        yield _summed(f"{_names(STANDARD_METRICS)}, {_OF_SENDERS}, {_source(gateways)}")
        metrics = _names(sorted(metrics_of(ProxyRole.GATEWAY).difference(STANDARD_METRICS)))
        yield _of_pods(metrics, gateways)
    if any(each.role is ProxyRole.ISTIOD for each in wanted.groups):
        yield _summed(_names(ISTIOD))
    yield _summed(_names(COMPONENTS))


def age_queries(wanted: CountersWanted) -> Iterator[str]:
    """The queries for the times of the newest samples."""
    counted = [[each] for each in wanted.groups if each.role is ProxyRole.CLIENT]
    if gateways := gateways_of(wanted):
        counted.append(gateways)
    for groups in counted:
        names = _names((REQUESTS, OPENED))
        yield f"max by ({', '.join(SCRAPE_LABELS)}) (timestamp({{{names}, {_source(groups)}}}))"


def history_queries(gateways: list[ProxyGroup]) -> Iterator[str]:
    """The queries for requests, connections and denials of gateways."""
    yield _summed(f"{_names((REQUESTS, OPENED))}, {_OF_SENDERS}, {_source(gateways)}")
    yield _of_pods(_names((*DENIED_REQUESTS, *DENIED_CONNECTIONS)), gateways)


def gateways_of(wanted: CountersWanted) -> list[ProxyGroup]:
    """The groups of gateways, which a Prometheus finds by their Deployments."""
    return [each for each in wanted.groups if each.role is ProxyRole.GATEWAY and each.workloads]


def _of_pods(metrics: str, gateways: list[ProxyGroup]) -> str:
    """The counters of Envoy itself, which name no workload: their pods' names do."""
    pods = "(" + _any(workload for group in gateways for workload in group.workloads) + ")-.+"
    own = [f'{{{metrics}, {label}=~"{pods}"}}' for label in POD_LABELS]
    return f"sum by ({_BY}) ({' or '.join(own)})"


def _summed(selector: str) -> str:
    return f"sum by ({_BY}) ({{{selector}}})"


def _names(metrics: Iterable[str]) -> str:
    return f'__name__=~"{"|".join(metrics)}"'


def _source(groups: Iterable[ProxyGroup]) -> str:
    found = list(groups)
    namespaces = _any(each.namespace for each in found)
    workloads = [workload for each in found for workload in each.workloads]
    chosen = f', source_workload=~"{_any(workloads)}"' if workloads else ""
    return f'source_workload_namespace=~"{namespaces}"{chosen}'


def _any(patterns: Iterable[str]) -> str:
    """An alternative of a query.

    Kubernetes' names contain no other special character than a dot.
    """
    return "|".join(dict.fromkeys(each.replace(".", "[.]") for each in patterns))
