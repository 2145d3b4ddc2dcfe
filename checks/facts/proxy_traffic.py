"""Counters of requests and connections, as proxies count them (docs/contract.md#metrics).

Each fact has the samples of one pod: raw counters at one or more times. Their increase is derived here.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from checks.facts.counter_names import GAUGES, UPTIME
from checks.facts.egress_gateway import EgressGateway
from checks.facts.fact import CountersWanted, Fact, PodName, ProxyCounters, ProxyGroup, ProxyRole, derived
from checks.facts.pods import Pod
from checks.facts.store import FactStore
from checks.facts.workloads import Deployment
from checks.model.raw_values import Raw, at, flag, items, labels, moment, parse_moment, text

_MOST_ISTIODS = 3


@dataclass(frozen=True, slots=True)
class Increase:
    """By how much a counter grew within a window."""

    metric: str
    labels: Mapping[str, str]
    amount: float


@dataclass(frozen=True, slots=True)
class CounterWindow:
    """The increase of all counters of a pod between two samples.

    `reset`: the proxy restarted before the newest sample, so that nothing is known about the time before.
    """

    begins: datetime
    ends: datetime
    increases: tuple[Increase, ...]
    reset: bool

    @property
    def seconds(self) -> float:
        return (self.ends - self.begins).total_seconds()


def _wanted(store: FactStore) -> CountersWanted:
    groups = [group for target in store.targets for group in _of_gateway(store, target)]
    istiods = sorted(
        PodName(pod.namespace, pod.name)
        for pod in store.known(Pod)
        if pod.namespace == "aks-istio-system" and pod.labels.get("app") == "istiod" and pod.ready
    )
    if groups and istiods:
        groups.append(ProxyGroup(ProxyRole.ISTIOD, "aks-istio-system", (), tuple(istiods[:_MOST_ISTIODS])))
    if groups:
        groups.append(ProxyGroup(ProxyRole.COMPONENT, "aks-static-egress-gateway"))
    return CountersWanted(tuple(groups))


def _of_gateway(store: FactStore, target: EgressGateway) -> Iterator[ProxyGroup]:
    pods = [p for p in store.gateway_pods(target) if p.proxy is not None and p.proxy.started]
    names = tuple(PodName(each.namespace, each.name) for each in pods)
    yield ProxyGroup(ProxyRole.GATEWAY, target.namespace, target.deployments, names, target.service_host)
    namespace, _, workload = store.client.partition("/")
    if namespace:
        clients = [
            PodName(pod.namespace, pod.name)
            for pod in store.in_namespace(Pod, namespace)
            if pod.proxy is not None and pod.proxy.started and workload in ("", pod.deployment, pod.owner[1])
        ]
        workloads = (workload,) if workload else ()
        yield ProxyGroup(ProxyRole.CLIENT, namespace, workloads, tuple(sorted(clients)), target.service_host)


class ProxyTraffic(Fact):
    """The samples of one pod.

    `raw` holds source (`prometheus` or `pods`), role, namespace, pod, workload, service, times and series. Each series has
    metric, labels and values: one for each time, null where the pod did not have it.
    """

    __slots__ = ()
    origin = ProxyCounters((Pod, Deployment), _wanted)

    @derived
    def key(self) -> tuple[str, str]:
        return (text(self.raw, "namespace"), text(self.raw, "pod"))

    @derived
    def role(self) -> str:
        return text(self.raw, "role")

    @derived
    def workload(self) -> str:
        """The name of its Deployment, "" if it is not known."""
        return text(self.raw, "workload")

    @derived
    def service(self) -> str:
        """The gateway's Service in the mesh, to which the counters belong."""
        return text(self.raw, "service")

    @derived
    def ref(self) -> str:
        return f"counters of pod {'/'.join(each for each in self.key if each)}"

    @derived
    def from_prometheus(self) -> bool:
        return text(self.raw, "source") == "prometheus"

    @derived
    def problem(self) -> str:
        """Why the last hours could not be read, "" if they were."""
        return text(self.raw, "problem")

    @derived
    def left_out(self) -> bool:
        """Whether the pod was not read, to limit the load."""
        return flag(self.raw, "left_out") is True

    @derived
    def times(self) -> tuple[datetime, ...]:
        """The times of the samples, oldest first."""
        found = at(self.raw, "times")
        moments = [parse_moment(each) for each in found] if isinstance(found, list) else []
        return tuple(each for each in moments if each is not None)

    @derived
    def scraped(self) -> datetime | None:
        """When the newest sample was taken: a Prometheus repeats a sample for up to 5 minutes."""
        return moment(self.raw, "scraped") or (self.times[-1] if self.times else None)

    @derived
    def series(self) -> tuple[Raw, ...]:
        return items(self.raw, "series")

    def has(self, metric: str) -> bool:
        """Whether one of its samples has this metric."""
        return any(text(each, "metric") == metric for each in self.series)

    def window(self, longest: timedelta | None = None) -> CounterWindow | None:
        """The increase between its newest sample and the oldest one within `longest`.

        None without two samples. If the proxy restarted, the window begins at the first sample after that.
        """
        times = self.times
        if len(self._usable) < 2:
            return None
        last = self._usable[-1]
        within = [each for each in self._usable if longest is None or times[last] - times[each] <= longest + _TOLERANCE]
        chosen = within if len(within) > 1 else list(self._usable[-2:])
        restarts = [each for each in chosen[1:] if each in self._restarts]
        if restarts:
            chosen = [each for each in chosen if each >= restarts[-1]]
        return self._between(chosen, reset=len(chosen) == 1)

    def steps(self) -> tuple[CounterWindow, ...]:
        """The windows between consecutive samples, oldest first.

        Those in which the proxy restarted are left out.
        """
        return tuple(
            self._between([before, here], reset=False)
            for before, here in pairwise(self._usable)
            if here not in self._restarts
        )

    def _between(self, chosen: list[int], *, reset: bool) -> CounterWindow:
        found = [
            Increase(text(each, "metric"), labels(each, "labels"), amount)
            for each, values in self._known
            if (amount := _increase(values, chosen))
        ]
        return CounterWindow(self.times[chosen[0]], self.times[chosen[-1]], tuple(found), reset)

    @derived
    def _columns(self) -> tuple[tuple[Raw, list[float | None]], ...]:
        """The values of each series, one for each time."""
        return tuple((each, _values(each)) for each in self.series)

    @derived
    def _usable(self) -> tuple[int, ...]:
        """The indexes of the times at which the pod was sampled: then it has at least one value."""
        columns = [values for _, values in self._columns]
        return tuple(index for index in range(len(self.times)) if any(column[index] is not None for column in columns))

    @derived
    def _restarts(self) -> frozenset[int]:
        """The indexes of the first samples after a restart.

        A counter fell then, or the proxy has been up for a shorter time.
        """
        return frozenset(here for before, here in pairwise(self._usable) if self._restarted(before, here))

    def _restarted(self, before: int, here: int) -> bool:
        seconds = (self.times[here] - self.times[before]).total_seconds()
        for each, values in self._columns:
            then, now = values[before], values[here]
            if text(each, "metric") == UPTIME:
                if now is not None and now + _ROUNDING < seconds:
                    return True
            elif then is not None and now is not None and now < then:
                return True
        return False

    @derived
    def _known(self) -> tuple[tuple[Raw, list[float | None]], ...]:
        """The counters with a value for each sample of the pod.

        A counter that the pod did not have yet was 0: Envoy creates it at the first request. One that is missing later had
        its last value: a sample of it was missed.
        """
        return tuple(
            (each, self._completed(values)) for each, values in self._columns if text(each, "metric") not in GAUGES
        )

    def _completed(self, values: list[float | None]) -> list[float | None]:
        found: list[float | None] = [None] * len(values)
        last = 0.0
        for index in self._usable:
            if index in self._restarts:
                last = 0.0
            value = values[index]
            found[index] = last = last if value is None else value
        return found


_ROUNDING = 2.0
"""Seconds by which an uptime may differ from the times of samples: it is a whole number."""
_TOLERANCE = timedelta(seconds=20)
"""By how much the distance of samples may exceed a window."""


def _values(series: Raw) -> list[float | None]:
    found = at(series, "values")
    if not isinstance(found, list):
        return []
    return [float(v) if isinstance(v, int | float) and not isinstance(v, bool) else None for v in found]


def _increase(values: list[float | None], indexes: Iterable[int]) -> float:
    """The growth of a counter over its samples.

    Envoy discards a counter that is not used; it then begins at 0.
    """
    found = [value for index in indexes if (value := values[index]) is not None]
    return sum((here - before if here >= before else here) for before, here in pairwise(found))
