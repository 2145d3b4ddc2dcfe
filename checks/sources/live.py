"""The source behind a cluster's configuration entry.

It is the entry's bundle, or the live cluster through Kubernetes and Azure.
"""

import os
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from threading import Lock
from typing import Protocol

from checks.config.configuration import ClusterConfig, SavedAzure
from checks.config.metrics_configuration import PrometheusMetrics, TokenFile
from checks.facts.fact import AzureCall, CountersWanted, Gap, Listed, PodName
from checks.sources.access import LazyAccess, aks_access, in_cluster_access, kubeconfig_access
from checks.sources.azure import AzureAccount, AzureReader
from checks.sources.azure_accounts import AzureAccounts
from checks.sources.bundle import BundleError, read_bundle
from checks.sources.credential_files import Fingerprint, fingerprint, token_of_file
from checks.sources.kubernetes import Access, KubernetesReader
from checks.sources.libraries import azure_library, kubernetes_library
from checks.sources.namespaced_reads import KNOWN_NAMESPACES, list_by_namespace, with_known_namespaces
from checks.sources.pod_samples import SampleMemory
from checks.sources.read_ahead import ReadMemory
from checks.sources.recorded import RecordedSource
from checks.sources.replies import shortened
from checks.sources.saved import read_saved
from checks.sources.source import Answer, NotCovered, Objects, OtherReads, Source, SourceError

__all__ = ["BundleError", "LiveSource", "SourceError", "close_sources", "open_source"]

MOST_OPEN = 64
"""Live sources kept open between runs.

Above this number the least recently used one is closed.
"""


class AzureHalf(Protocol):
    """The Azure part of a live source."""

    def azure(self, what: AzureCall, deadline: float) -> Answer: ...

    def arm(self, resource_id: str, deadline: float) -> Answer: ...


class CountersHalf(Protocol):
    """The part of a live source that reads counters of proxies."""

    def keep_samples_in(self, memory: SampleMemory) -> None: ...

    def proxy_counters(self, wanted: CountersWanted, deadline: float, others: OtherReads | None = None) -> Answer: ...


class NoAzure:
    """No Azure facts (`azure: none`)."""

    def azure(self, what: AzureCall, deadline: float) -> Answer:
        del what, deadline
        return NotCovered()

    def arm(self, resource_id: str, deadline: float) -> Answer:
        del resource_id, deadline
        return NotCovered()


class Saved:
    """Azure facts from files, which are read again at each call.

    They may change while a worker runs.
    """

    def __init__(self, saved: SavedAzure) -> None:
        self.saved = saved
        read_saved(saved)

    def azure(self, what: AzureCall, deadline: float) -> Answer:
        try:
            return RecordedSource(read_saved(self.saved)).azure(what, deadline)
        except SourceError as error:
            verb = "get" if what.resource == "managedClusters" else "list"
            return Gap("azure", verb, what.resource, 0, shortened(str(error)))

    def arm(self, resource_id: str, deadline: float) -> Answer:
        try:
            return RecordedSource(read_saved(self.saved)).arm(resource_id, deadline)
        except SourceError as error:
            return Gap("azure", "get", resource_id, 0, shortened(str(error)))


class LiveSource:
    """A live cluster.

    Safe to use from several threads and for many runs: connections and tokens are kept.
    """

    def __init__(
        self,
        kubernetes: KubernetesReader,
        azure: AzureHalf,
        account: AzureAccount | None = None,
        counters: CountersHalf | None = None,
        namespaces: tuple[str, ...] = KNOWN_NAMESPACES,
        memory: ReadMemory | None = None,
    ) -> None:
        """Take the halves of the source.

        `namespaces` are read one by one if a list in the whole cluster is forbidden. `memory` is that of another source of
        the same cluster.
        """
        self._kubernetes = kubernetes
        self._azure = azure
        self._account = account
        self._counters = counters
        self._namespaces = namespaces
        self.read_memory: ReadMemory | None = memory or ReadMemory()

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that are read one by one if a list in the whole cluster is forbidden."""
        return self._namespaces

    def with_namespaces(self, *namespaces: str | None) -> "LiveSource":
        """The same source, which also reads these namespaces one by one."""
        names = with_known_namespaces((*namespaces, *self._namespaces))
        if len(names) == len(self._namespaces):
            return self
        return LiveSource(self._kubernetes, self._azure, self._account, self._counters, names, self.read_memory)

    @property
    def access(self) -> Access:
        """The connection to its API server."""
        return self._kubernetes.access

    @property
    def account(self) -> AzureAccount | None:
        """The Azure identity; None if Azure is not read."""
        return self._account

    def now(self) -> datetime:
        return datetime.now(UTC).replace(microsecond=0)

    def kubectl_context(self) -> str:
        return ""

    def list_objects(self, what: Listed, deadline: float) -> Answer:
        answer = self._kubernetes.list_objects(what, deadline)
        if not isinstance(answer, Gap) or answer.status != 403:
            return answer
        listed = partial(self._kubernetes.list_objects, deadline=deadline)
        return list_by_namespace(listed, what, self._namespaces, answer)

    def azure(self, what: AzureCall, deadline: float) -> Answer:
        return self._azure.azure(what, deadline)

    def arm(self, resource_id: str, deadline: float) -> Answer:
        return self._azure.arm(resource_id, deadline)

    def pod_log(self, pod: PodName, container: str, tail: int, deadline: float) -> Answer:
        return self._kubernetes.pod_log(pod, container, tail, deadline)

    def server_version(self, deadline: float) -> Answer:
        return self._kubernetes.server_version(deadline)

    def probe_results(self) -> Answer:
        """None: a caller that keeps results adds them with `ProbedSource`."""
        return Objects(())

    def proxy_counters(self, wanted: CountersWanted, deadline: float, others: OtherReads | None = None) -> Answer:
        return self._counters.proxy_counters(wanted, deadline, others) if self._counters is not None else NotCovered()

    def keep_samples_in(self, memory: SampleMemory) -> None:
        """Keep samples of pods' counters there, and no longer in this process."""
        if self._counters is not None:
            self._counters.keep_samples_in(memory)

    def close(self) -> None:
        """Close the connections to the API server; other clusters may use the account."""
        self._kubernetes.close()


class _Pool:
    """Live sources by their configuration entry, and the accounts that they share.

    A changed kubeconfig opens a new source, and so does a changed file that it names. A forked process opens its own: it
    must not share its parent's connections. This is the only place that keeps open sources.
    """

    def __init__(self) -> None:
        self.lock = Lock()
        self.open: OrderedDict[tuple[object, ...], LiveSource] = OrderedDict()
        self.accounts = AzureAccounts()

    def source(self, cluster: ClusterConfig) -> LiveSource:
        key = (os.getpid(), cluster, _credentials(cluster))
        with self.lock:
            found = self.open.get(key)
            if found is None:
                found = self.open[key] = _live(cluster, self.accounts.account)
            self.open.move_to_end(key)
            dropped = [self.open.popitem(last=False)[1]] if len(self.open) > MOST_OPEN else []
        for each in dropped:
            each.close()
        return found

    def close(self) -> None:
        with self.lock:
            sources = list(self.open.values())
            self.open.clear()
        for each in sources:
            each.close()
        self.accounts.close()


_POOL = _Pool()


def open_source(cluster: ClusterConfig, namespace: str | None = None) -> Source:
    """The source of a configuration entry; live sources are kept and used again.

    `namespace`, that of a gateway, is also read if the identity may not read the whole cluster.

    Raises BundleError or SourceError if it cannot be opened; later failures of the cluster or of Azure become gaps.
    """
    if cluster.bundle is not None:
        return RecordedSource(read_bundle(cluster.bundle))
    return _POOL.source(cluster).with_namespaces(namespace)


def close_sources() -> None:
    """Close every live source that `open_source` keeps, and the accounts in Azure."""
    _POOL.close()


def _live(cluster: ClusterConfig, account_of: Callable[[str], AzureAccount]) -> LiveSource:
    account: AzureAccount | None = None
    kubernetes_library()
    if cluster.azure == "live" or cluster.kubeconfig is None:
        azure_library()
        account = account_of(cluster.subscription_id)
    kubernetes = KubernetesReader(_access(cluster, account_of))
    counters = _counters(cluster, kubernetes, account_of)
    source = LiveSource(kubernetes, _azure(cluster, account), account, counters)
    return source.with_namespaces(*cluster.namespaces)


def _counters(
    cluster: ClusterConfig, kubernetes: KubernetesReader, account_of: Callable[[str], AzureAccount]
) -> CountersHalf | None:
    """The reader of the counters that the entry names, None for none."""
    match cluster.metrics:
        case "pods":
            from checks.sources.pod_counters import PodCounters  # few clusters need the parser of pages

            return PodCounters(kubernetes)
        case PrometheusMetrics() as metrics:
            from checks.sources.prometheus import Prometheus
            from checks.sources.prometheus_counters import PrometheusCounters

            prometheus = Prometheus(metrics.prometheus, _token(metrics, partial(account_of, cluster.subscription_id)))
            return PrometheusCounters(prometheus, (cluster.azure_name, cluster.name))
        case _:
            return None


def _token(metrics: PrometheusMetrics, account: Callable[[], AzureAccount]) -> Callable[[], str]:
    match metrics.auth:
        case TokenFile(token_file=path):
            return lambda: token_of_file(path)
        case "entra":
            azure_library()
            signed_in = account()
            return lambda: signed_in.token(metrics.scope)
        case _:
            return str


def _access(cluster: ClusterConfig, account_of: Callable[[str], AzureAccount]) -> LazyAccess:
    if cluster.kubeconfig == "in-cluster":
        return in_cluster_access()
    if cluster.kubeconfig is not None:
        return kubeconfig_access(cluster.kubeconfig, cluster.context)
    return aks_access(
        account_of(cluster.subscription_id),
        cluster.resource_group,
        cluster.azure_name,
        allow_certificate=cluster.allow_client_certificate,
    )


def _azure(cluster: ClusterConfig, account: AzureAccount | None) -> AzureHalf:
    match cluster.azure:
        case SavedAzure() as saved:
            return Saved(saved)
        case "live" if account is not None:
            return AzureReader(account, cluster.resource_group, cluster.azure_name)
        case _:
            return NoAzure()


def _credentials(cluster: ClusterConfig) -> Fingerprint:
    if cluster.kubeconfig in (None, "in-cluster"):
        return ()
    return fingerprint(str(cluster.kubeconfig))
