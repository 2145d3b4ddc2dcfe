"""The view that a check gets of the facts: the kinds that it declares, for one gateway."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from checks.facts.changes import ObjectChange
from checks.facts.egress_gateway import EgressGateway
from checks.facts.events import Event
from checks.facts.fact import Fact, Gap, KubernetesObject, UndeclaredRead, Unreadable
from checks.facts.logs import ProxyLog
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.overlay import laid_over
from checks.facts.pods import Pod
from checks.facts.store import FactStore
from checks.facts.workloads import Deployment
from checks.model.question import ClusterIdentity, Question
from checks.model.raw_values import text

_F = TypeVar("_F", bound=Fact)
_V = TypeVar("_V")


def cluster_names(store: FactStore, given: ClusterIdentity) -> ClusterIdentity:
    """The cluster's names for commands: the given ones, else those of Azure's answer.

    `az aks get-credentials` names the kubectl context as Azure names the cluster.
    """
    read = next(iter(store.known(ManagedCluster)), None)
    return ClusterIdentity(
        given.name,
        given.aks_name or (read.name if read else "") or given.name,
        given.resource_group or (read.resource_group if read else ""),
        given.subscription or (read.subscription if read else ""),
        given.context or (read.name if read else ""),
    )


@dataclass(slots=True)
class ReadsOfView:
    """The reads of a view, and of the views that follow from it."""

    kinds: set[type[Fact]] = field(default_factory=set)
    failed: set[Gap] = field(default_factory=set)
    """The failed reads that a result may depend on, although the check went on without them."""
    of_run: bool = False
    """Whether the gateway, the host or the client of the run was read.

    A result that did not read them is that of every gateway of the cluster.
    """


class Facts:
    """A check's view of the store, limited to the kinds that the check declares.

    Reading a kind whose read failed raises Unreadable, and the check ends as not checked after the findings that it has
    already yielded. Read the deciding kinds first, and use `gap` for kinds that only add detail."""

    def __init__(
        self,
        store: FactStore,
        gateway: EgressGateway | None,
        question: Question,
        declared: frozenset[type[Fact]],
        target_gap: Gap | None = None,
    ) -> None:
        self._store = store
        self._gateway = gateway
        self._target_gap = target_gap
        self._declared = declared
        self._question = question
        self.reads = ReadsOfView()
        self._run: tuple[str, str | None, str | None] | None = None

    @property
    def now(self) -> datetime:
        """The time of the reading."""
        return self._store.now

    @property
    def question(self) -> Question:
        """The question of the run."""
        self.reads.of_run = True
        return self._question

    @property
    def gateway(self) -> EgressGateway:
        """The gateway of the run. Raises Unreadable if it could not be determined."""
        self.reads.of_run = True
        gateway = self._gateway
        if gateway is None:
            raise Unreadable(self._target_gap or Gap("azure", "get", "managedClusters", 0, "not read"))
        return gateway

    @property
    def run(self) -> tuple[str, str | None, str | None]:
        """The gateway, host and client of the run, on which its routes depend. Raises Unreadable."""
        if self._run is None:
            self._run = (str(self.gateway), self._question.host, self._question.client)
        return self._run

    @property
    def cluster(self) -> ClusterIdentity:
        """The cluster's names for commands, from the configuration or from Azure's own answer."""
        return cluster_names(self._store, self._question.cluster)

    def _touch(self, kind: type[Fact]) -> None:
        if kind not in self._declared:
            raise UndeclaredRead(f"reads {kind.__name__}, which is not among its declared reads")
        self.reads.kinds.add(kind)

    def _demand(self, kind: type[Fact], namespace: str | None, name: str | None = None) -> None:
        if kind not in self.reads.kinds:
            self._touch(kind)
        if kind in self._store.failed:
            for gap in self._store.gaps(kind):
                if gap.covers(namespace, name):
                    self.reads.failed.add(gap)
                    raise Unreadable(gap)

    def _miss(self, kind: type[Fact], namespace: str | None) -> Gap | None:
        """Count the failed reads of this kind as read, and return the first."""
        if kind not in self.reads.kinds:
            self._touch(kind)
        if kind not in self._store.failed:
            return None
        missed = [gap for gap in self._store.gaps(kind) if gap.covers(namespace)]
        self.reads.failed.update(missed)
        return next(iter(missed), None)

    def gap(self, kind: type[Fact], namespace: str | None = None) -> Gap | None:
        """The failed read of this kind (and namespace), or None.

        A check that goes on after it does not pass, unless it calls `disregard`.
        """
        return self._miss(kind, namespace)

    def disregard(self, *missed: type[Fact] | Gap) -> None:
        """Declare that the failed reads, whatever they hide, do not change the result.

        Source: docs/rulings.md#ruling-28.
        """
        for each in missed:
            self.reads.failed -= {each} if isinstance(each, Gap) else set(self._store.gaps(each))

    def require_for_risk(self, kind: type[Fact], namespace: str | None = None) -> None:
        """Raise Unreadable if a failed read may hide a risk; the verdict does not depend on it."""
        if (gap := self.gap(kind, namespace)) is not None:
            raise Unreadable(gap, risk=True)

    def require_profile(self) -> None:
        """Raise Unreadable if only the cluster's objects show the gateway.

        They do so if the read of the mesh profile failed.
        """
        if not self.gateway.from_azure:
            self._demand(ManagedCluster, None)

    def note(self, kinds: Iterable[type[Fact]]) -> None:
        """Count these kinds as read: a value reads them when it needs them."""
        read = frozenset(kinds)
        for kind in read - self._declared:
            self._touch(kind)
        self.reads.kinds |= read

    def installed(self, kind: type[Fact]) -> bool:
        """Whether the cluster has this CustomResourceDefinition.

        Raises Unreadable if that could not be read. The list of one namespace shows it, too.
        """
        if kind not in self._store.failed or any(gap.hides_kind for gap in self._store.gaps(kind)):
            self._demand(kind, None)
        self._touch(kind)
        return not self._store.absent(kind)

    def configured(self, kind: type[Fact]) -> bool:
        """Whether the configuration includes this kind.

        Network reading may be off, Azure may be `none`.
        """
        self._touch(kind)
        return not self._store.not_configured(kind)

    def all(self, kind: type[_F]) -> tuple[_F, ...]:
        """Every fact of this kind in the cluster.

        Raises Unreadable if any of them could not be read.
        """
        self._demand(kind, None)
        return self._store.known(kind)

    def readable(self, kind: type[_F], namespace: str | None = None) -> tuple[_F, ...]:
        """The readable facts of this kind.

        For optional detail, never as proof that an object does not exist. If others are unreadable, the check does not
        pass, unless it calls `disregard`.
        """
        self._miss(kind, namespace)
        return self._store.known(kind) if namespace is None else self._store.in_namespace(kind, namespace)

    def with_id(self, kind: type[_F], resource_id: str) -> _F | Gap | None:
        """The Azure resource with this ID, the failed read of it, or None if it was not read."""
        self._touch(kind)
        wanted = resource_id.lower()
        found = next((each for each in self._store.known(kind) if text(each.raw, "id").lower() == wanted), None)
        if found is not None or kind not in self._store.failed:
            return found
        gaps = self._store.gaps(kind)
        gap = next(
            (each for each in gaps if each.resource.lower() == wanted), gaps[0] if self.configured(kind) else None
        )
        if gap is not None:
            self.reads.failed.add(gap)
        return gap

    def in_namespace(self, kind: type[_F], namespace: str) -> tuple[_F, ...]:
        """The facts of this kind in the namespace. Raises Unreadable if they could not be read."""
        self._demand(kind, namespace)
        return self._store.in_namespace(kind, namespace)

    def get(self, kind: type[_F], name: str, namespace: str = "") -> _F | None:
        """The fact with this name, or None if it does not exist.

        Raises Unreadable if that could not be read.
        """
        self._demand(kind, namespace or None, name)
        return self._store.by_key(kind, namespace, name)

    def one(self, kind: type[_F]) -> _F | None:
        """The single fact of its kind (ManagedCluster, ApiServer).

        None only if reading Azure is not configured.
        """
        self._demand(kind, None)
        return next(iter(self._store.known(kind)), None)

    def index(self, kind: type[_F], name: str, key: Callable[[_F], Iterable[Hashable]]) -> dict[Hashable, list[_F]]:
        """The facts of this kind by key, built once for the whole cluster.

        `name` identifies the key function.
        """
        self._demand(kind, None)
        return self._store.index(kind, name, key)

    def events_on(self, thing: KubernetesObject) -> tuple[Event, ...]:
        """The events about this object, oldest first.

        Events expire after about an hour: their absence proves nothing.
        """
        self._demand(Event, thing.namespace or None)
        return self._store.events_on(thing)

    def deployments(self) -> tuple[Deployment, ...]:
        """The gateway's Deployments that exist, in the order of its revisions."""
        gateway = self.gateway
        self._demand(Deployment, gateway.namespace)
        return self._store.gateway_deployments(gateway)

    def pods(self) -> tuple[Pod, ...]:
        """The gateway's pods that are neither being deleted nor finished, by name.

        Requires Pod and Deployment declared.
        """
        gateway = self.gateway
        self._touch(Deployment)
        if not gateway.revisions:
            # Pods are recognized by the names of the Deployments, which are not known either.
            self._demand(Deployment, gateway.namespace)
        self._demand(Pod, gateway.namespace)
        return self._store.gateway_pods(gateway)

    def proxy_logs(self) -> list[ProxyLog]:
        """The readable logs of the gateway's own pods; another gateway may share the namespace.

        Requires Pod and ProxyLog declared.
        """
        gateway = self.gateway
        own = {pod.key for pod in self.readable(Pod, gateway.namespace) if pod.deployment in gateway.deployments}
        return [log for log in self.readable(ProxyLog, gateway.namespace) if log.key in own]

    def with_changes(self, changes: Iterable[ObjectChange]) -> "Facts":
        """The same view as it would be after these changes; its reads count as reads of this one.

        Raises ChangeRefused.
        """
        view = Facts(laid_over(self._store, changes), self._gateway, self._question, self._declared, self._target_gap)
        view.reads = self.reads
        return view

    def with_facts(self, name: str, build: Callable[["Facts"], Mapping[type[Fact], Iterable[Fact]]]) -> "Facts":
        """The same view with other facts of some kinds, built once for the cluster.

        If there are none, this view is returned. `name` identifies the build function. Reads of the new view count as
        reads of this one.
        """

        def built(window: Facts) -> FactStore:
            changed = build(window)
            if not changed:
                return self._store
            other = self._store.with_facts(changed)
            self._store.other_facts.append(other)
            return other

        store = self.once(name, built)
        if store is self._store:
            return self
        view = Facts(store, self._gateway, self._question, self._declared, self._target_gap)
        view.reads = self.reads
        return view

    @property
    def before_changes(self) -> "Facts | None":
        """The same view without the changes that were laid over its facts; None if there are none."""
        store = self._store.before_changes
        if store is None:
            return None
        view = Facts(store, self._gateway, self._question, self._declared, self._target_gap)
        view.reads = self.reads
        return view

    @property
    def changed_kinds(self) -> frozenset[type[Fact]]:
        """The kinds of objects that these changes concern."""
        return self._store.changed_kinds

    def once(self, name: str, build: Callable[["Facts"], _V], about: Hashable = ()) -> _V:
        """A value derived from facts, built once and shared by the checks.

        It is built once per cluster, or once for each `about`. The reads of `build` count as reads of each caller. If
        one of them failed, each call raises Unreadable.
        """

        own, key = self.reads, (name, about)
        known: tuple[_V, ReadsOfView] | None = self._store.memos.get(key)
        if known is None:
            window = Facts(self._store, self._gateway, self._question, self._declared, self._target_gap)
            try:
                known = self._store.memos[key] = build(window), window.reads
                if window.reads.of_run and about != self._question.client:
                    # A value about the client alone is needed for other gateways, too.
                    self._store.of_run.append(key)
            except Unreadable as unread:
                own.failed.add(unread.gap)
                raise
        value, reads = known
        if not reads.kinds <= own.kinds:
            if not reads.kinds <= self._declared:
                raise UndeclaredRead(f"{name} reads {min(each.__name__ for each in reads.kinds - self._declared)}")
            own.kinds |= reads.kinds
        if reads.failed:
            own.failed |= reads.failed
        if reads.of_run:
            own.of_run = True
        return value
