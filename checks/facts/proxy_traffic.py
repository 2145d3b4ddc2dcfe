"""Counters of requests and connections, as proxies count them (docs/contract.md#metrics).

Each fact has the samples of one pod: raw counters at one or more times. Their increase is derived here.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from checks.facts.counter_growth import Column, CounterWindow, Increase, ProxyCounter, column, falls, growth
from checks.facts.counter_names import GAUGES, UPTIME
from checks.facts.egress_gateway import AmbiguousGateway, EgressGateway, from_cluster
from checks.facts.fact import CountersWanted, Fact, PodName, ProxyCounters, ProxyGroup, ProxyRole, derived
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.facts.store import FactStore
from checks.facts.workloads import Deployment
from checks.model.raw_values import Raw, at, flag, items, labels, moment, parse_moment, text


def _wanted(store: FactStore) -> CountersWanted:
    return _of_gateways(store, store.targets)


def _expected(store: FactStore, gateway: str) -> CountersWanted | None:
    namespace, _, name = gateway.partition("/")
    if not name:
        return None
    about = (store.known(Service), store.known(Deployment), store.known(Pod))
    try:
        found = from_cluster(name, namespace or None, *about)
    except AmbiguousGateway:
        return None
    return _of_gateways(store, (found,)) if found.known else None


def _of_gateways(store: FactStore, gateways: Iterable[EgressGateway]) -> CountersWanted:
    groups = [group for target in gateways for group in _of_gateway(store, target)]
    istiods = sorted(
        PodName(pod.namespace, pod.name)
        for pod in store.known(Pod)
        if pod.namespace == "aks-istio-system" and pod.labels.get("app") == "istiod" and pod.ready
    )
    if groups and istiods:
        groups.append(ProxyGroup(ProxyRole.ISTIOD, "aks-istio-system", (), tuple(istiods)))
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


def counters_of(pod: tuple[str, str]) -> str:
    """The counters of a pod, as evidence names them."""
    return f"counters of pod {'/'.join(each for each in pod if each)}"


class ProxyTraffic(Fact):
    """The samples of one pod.

    `raw` holds source (`prometheus` or `pods`), role, namespace, pod, workload, service, times and series. Each series has
    metric, labels and values: one for each time, null where the pod did not have it.
    """

    __slots__ = ()
    origin = ProxyCounters((Pod, Deployment), _wanted, (Pod, Deployment, Service), _expected)

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
        return counters_of(self.key)

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
        times = self._sampled
        if len(times) < 2:
            return None
        last = len(times) - 1
        within = (n for n, at in enumerate(times) if longest is None or times[-1] - at <= longest + _TOLERANCE)
        first = min(next(within), last - 1)
        return self._between(max((first, *self._restarts)), last)

    def steps(self) -> tuple[CounterWindow, ...]:
        """The windows between consecutive samples, oldest first.

        Those in which the proxy restarted are left out.
        """
        return tuple(self._between(n - 1, n) for n in range(1, len(self._sampled)) if n not in self._restarts)

    def _between(self, first: int, last: int) -> CounterWindow:
        found = [
            Increase(counter, amount)
            for counter, grown in self._grown
            if (amount := grown[last] if last == first + 1 else sum(grown[first + 1 : last + 1]))
        ]
        return CounterWindow(self._sampled[first], self._sampled[last], tuple(found), reset=first == last)

    @derived
    def _columns(self) -> tuple[tuple[ProxyCounter, Column], ...]:
        """The values of each series, one for each time."""
        number = len(self.times)
        return tuple(
            (ProxyCounter(text(each, "metric"), labels(each, "labels")), column(at(each, "values"), number))
            for each in self.series
        )

    @derived
    def _usable(self) -> tuple[int, ...]:
        """The indexes of the times at which the pod was sampled: then it has at least one value."""
        without = set(range(len(self.times)))
        for _, values in self._columns:
            without = {index for index in without if values[index] is None}
            if not without:
                break
        return tuple(index for index in range(len(self.times)) if index not in without)

    @derived
    def _sampled(self) -> tuple[datetime, ...]:
        """The times at which the pod was sampled. The numbers of its samples are their places here."""
        return tuple(self.times[index] for index in self._usable)

    @derived
    def _samples(self) -> tuple[tuple[ProxyCounter, Column], ...]:
        """The values of each series, one for each sample of the pod."""
        if len(self._usable) == len(self.times):
            return self._columns
        return tuple((counter, [values[index] for index in self._usable]) for counter, values in self._columns)

    @derived
    def _restarts(self) -> frozenset[int]:
        """The numbers of the first samples after a restart.

        A counter fell then, or the proxy has been up for a shorter time.
        """
        found: set[int] = set()
        for counter, values in self._samples:
            if counter.metric == UPTIME:
                found.update(n for n in range(1, len(values)) if self._began_within(n, values[n]))
            else:
                found.update(falls(values))
        return frozenset(found)

    def _began_within(self, number: int, uptime: float | None) -> bool:
        """Whether the proxy started after the sample before this one."""
        seconds = (self._sampled[number] - self._sampled[number - 1]).total_seconds()
        return uptime is not None and uptime + _ROUNDING < seconds

    @derived
    def _grown(self) -> tuple[tuple[ProxyCounter, list[float]], ...]:
        """By how much each counter grew before each sample; 0 for the first sample."""
        return tuple(
            (counter, growth(values, self._restarts))
            for counter, values in self._samples
            if counter.metric not in GAUGES
        )


_ROUNDING = 2.0
"""Seconds by which an uptime may differ from the times of samples: it is a whole number."""
_TOLERANCE = timedelta(seconds=20)
"""By how much the distance of samples may exceed a window."""
