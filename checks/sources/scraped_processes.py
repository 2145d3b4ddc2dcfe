"""The samples of a Prometheus by the process that was scraped.

Source: docs/contract.md#metrics.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from checks.facts.counter_names import COMPONENTS, ISTIOD, OPENED, REQUESTS
from checks.facts.fact import CountersWanted, ProxyGroup, ProxyRole
from checks.model.raw_values import Raw, labels
from checks.sources.counter_series import Sample, add, entry, key_of, precise_stamp
from checks.sources.expected_answers import WRONG_ANSWER
from checks.sources.prometheus import pair, sample_moment
from checks.sources.replies import Failure

POD_LABELS = ("exported_pod", "pod", "pod_name", "kubernetes_pod_name")
"""The label that names the pod depends on the configuration of the scrape.

A Prometheus that scrapes another one renames the labels that it sets itself (`exported_`), unless it honours them.
"""
SCRAPE_LABELS = ("cluster", "job", "instance", "prometheus", "prometheus_replica", *POD_LABELS)
_BY_METRIC = {ProxyRole.ISTIOD: ISTIOD, ProxyRole.COMPONENT: COMPONENTS}
"""The roles that a metric identifies: its labels do not name a workload."""


class ScrapedProcesses:
    """The series by the process that was scraped."""

    def __init__(self, names: set[str], skew: float) -> None:
        self._names, self._skew = names, skew
        self._clusters: set[str] = set()
        self._samples: dict[tuple[str, ...], dict[float, Sample]] = defaultdict(lambda: defaultdict(dict))
        self._workloads: dict[tuple[str, ...], tuple[str, str]] = {}
        self._scraped: dict[tuple[str, ...], float] = {}

    def take(self, series: Iterable[Raw]) -> None:
        """Add the series of a range query, with times and values as numbers."""
        for each in self._of_cluster(series):
            about = labels(each, "metric")
            process = tuple(about.get(name, "") for name in SCRAPE_LABELS)
            if workload := about.get("source_workload"):
                self._workloads[process] = (about.get("source_workload_namespace", ""), workload)
            key = key_of(about.get("__name__", ""), about)
            samples = self._samples[process]
            for at, value in each["values"]:
                add(samples[at], key, value)

    def take_ages(self, series: Iterable[Raw]) -> None:
        """Add the times of the newest samples."""
        for each in self._of_cluster(series):
            about = labels(each, "metric")
            process = tuple(about.get(name, "") for name in SCRAPE_LABELS)
            _, scraped = pair(each["value"])
            self._scraped[process] = max(sample_moment(scraped), self._scraped.get(process, 0.0))

    def entries(self, wanted: CountersWanted, role: ProxyRole | None = None) -> Iterator[dict[str, Any]]:
        """The entries of the wanted pods, in a `role` of their own if there is one.

        Of a pod that is scraped twice, the one with more samples.
        """
        chosen: dict[tuple[str, str, str], tuple[str, ...]] = {}
        groups: dict[tuple[str, str, str], ProxyGroup] = {}
        for process in sorted(self._samples):
            group = self._group(process, wanted)
            if group is None:
                continue
            key = (group.role.value, group.service, _pod(process))
            known = chosen.get(key)
            if known is None or len(self._samples[known]) < len(self._samples[process]):
                chosen[key], groups[key] = process, group
        for key, process in sorted(chosen.items()):
            group = groups[key]
            about = {
                "source": "prometheus",
                "role": (role or group.role).value,
                "namespace": group.namespace,
                "pod": _pod(process),
                "workload": self._workloads.get(process, ("", ""))[1] or named_workload(group, _pod(process)),
                "service": group.service,
            }
            if process in self._scraped:
                about["scraped"] = precise_stamp(self._time(self._scraped[process]))
            yield entry(about, [(self._time(at), each) for at, each in self._samples[process].items()])

    def _time(self, at: float) -> datetime:
        """A time of the Prometheus by the clock of this process."""
        return datetime.fromtimestamp(at, UTC) - timedelta(seconds=self._skew)

    def _group(self, process: tuple[str, ...], wanted: CountersWanted) -> ProxyGroup | None:
        namespace, workload = self._workloads.get(process, ("", ""))
        for group in wanted.groups:
            if group.role in _BY_METRIC:
                matches = not self._metrics(process).isdisjoint(_BY_METRIC[group.role])
            elif workload:
                matches = namespace == group.namespace and _is_of(group, workload)
            else:
                matches = bool(named_workload(group, _pod(process)))
            if matches:
                return group
        return None

    def _metrics(self, process: tuple[str, ...]) -> set[str]:
        return {name for sample in self._samples[process].values() for name, _ in sample}

    def _of_cluster(self, series: Iterable[Raw]) -> list[Raw]:
        """The series of this cluster.

        Raises Failure if there are several clusters, and none of its name.
        """
        found = list(series)
        self._clusters |= {labels(each, "metric").get("cluster", "") for each in found} - {""}
        own = self._own()
        if not own and len(self._clusters) > 1:
            shown = ", ".join(sorted(self._clusters)[:3])
            raise Failure(WRONG_ANSWER, f"Prometheus has several clusters ({shown}), and none has the name of this one")
        return [each for each in found if not own or labels(each, "metric").get("cluster", "") in (*own, "")]

    def _own(self) -> set[str]:
        return {each for each in self._clusters if each.lower() in self._names}

    def choose_cluster(self, wanted: CountersWanted) -> set[str]:
        """Keep only this cluster's processes, and return the values of their label `cluster`.

        "" stands for no label. A label of another name is that of this cluster if a pod with it exists here.
        Raises Failure if there is no other.
        """
        existing = {pod.name for group in wanted.groups for pod in group.pods}
        gateways = any(each.role is ProxyRole.GATEWAY for each in wanted.groups)
        own = self._own()
        if not own and (not gateways or any(each[0] and _pod(each) in existing for each in self._samples)):
            own = self._clusters
        if not own and self._clusters and all(each[0] for each in self._samples):
            (other,) = self._clusters
            raise Failure(
                WRONG_ANSWER, f"Prometheus has only pods of the cluster {other} that do not exist in this one"
            )
        self.keep_clusters({*own, ""})
        return {*own, ""}

    def keep_clusters(self, chosen: set[str]) -> None:
        """Keep only the processes with these values of the label `cluster`."""
        for process in [each for each in self._samples if each[0] not in chosen]:
            del self._samples[process]

    def require_ages(self) -> None:
        """Raise Failure if the age of a proxy's newest sample is not known.

        A Prometheus repeats a sample for 5 minutes.
        """
        newest = max((at for samples in self._samples.values() for at in samples), default=0.0)
        for process, samples in self._samples.items():
            counted = {name for name, _ in samples.get(newest, ())}
            if (
                process in self._workloads
                and not counted.isdisjoint((REQUESTS, OPENED))
                and process not in self._scraped
            ):
                pod = _pod(process)
                raise Failure(WRONG_ANSWER, f"Prometheus does not say how old its samples of pod {pod} are")


def _pod(process: tuple[str, ...]) -> str:
    """The name of the pod; without one, the address that was scraped."""
    about = dict(zip(SCRAPE_LABELS, process, strict=True))
    named = next((about[label] for label in POD_LABELS if about[label]), "")
    return named or about["instance"].rpartition(":")[0] or about["instance"]


def _is_of(group: ProxyGroup, workload: str) -> bool:
    return workload in group.workloads or (group.role is ProxyRole.CLIENT and not group.workloads)


def named_workload(group: ProxyGroup, pod: str) -> str:
    """The workload of a group that the name of a pod begins with, "" for none."""
    return next((each for each in group.workloads if pod.startswith(f"{each}-")), "")
