"""The facts of one cluster by type, its failed reads, and the kinds that are not installed.

Indexes of the facts are built once.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, TypeVar

from checks.facts.egress_gateway import EgressGateway
from checks.facts.events import Event
from checks.facts.fact import Fact, Gap, KubernetesObject, PodLog
from checks.facts.label_selectors import selects
from checks.facts.pods import Pod
from checks.facts.workloads import Deployment

_F = TypeVar("_F", bound=Fact)
_V = TypeVar("_V")


class FactStore:
    """The facts of one cluster.

    Checks read them through `Facts`, which enforces their declared reads.

    `now` is the time of the reading (a bundle's `captured_at`). `targets` are the gateways that the run diagnoses.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.targets: tuple[EgressGateway, ...] = ()
        self.client = ""
        """The client of the question, `NAMESPACE` or `NAMESPACE/WORKLOAD`; "" without one."""
        self._facts: dict[type[Fact], list[Fact]] = {}
        self.failed: dict[type[Fact], list[Gap]] = defaultdict(list)
        """The failed reads of each kind of which one failed."""
        self._absent: set[type[Fact]] = set()
        self._not_configured: set[type[Fact]] = set()
        self._arrived: set[type[Fact]] = set()
        self._known: dict[type[Fact], tuple[Any, ...]] = {}
        self._indexes: dict[tuple[type[Fact], str], Any] = {}
        self._by_key: dict[type[Fact], dict[tuple[str, str], Any]] = {}
        self._by_namespace: dict[type[Fact], dict[Hashable, tuple[Any, ...]]] = {}
        self.memos: dict[Hashable, Any] = {}
        """Values derived from complete facts, by the key of what derived them."""
        self.of_run: list[Hashable] = []
        """The keys of the memos that depend on the gateway or host of a run."""
        self.other_facts: list[FactStore] = []
        """The stores with other facts of some kinds that are among the memos."""
        self.before_changes: FactStore | None = None
        """The store without the changes that were laid over it; None if there are none."""
        self.changed_kinds: frozenset[type[Fact]] = frozenset()

    # filling

    def add(self, kind: type[_F], found: Iterable[_F]) -> None:
        """Add the facts of one read of this kind."""
        self._facts.setdefault(kind, []).extend(found)
        self._known.pop(kind, None)

    def add_gap(self, kind: type[Fact], gap: Gap) -> None:
        """Record a failed read of this kind."""
        self.failed[kind].append(gap)

    def add_absent(self, kind: type[Fact]) -> None:
        """Record that the cluster lacks this CustomResourceDefinition."""
        self._absent.add(kind)

    def add_not_configured(self, kind: type[Fact]) -> None:
        """Record that the configuration excludes this kind (no network reading, `azure: none`)."""
        self._not_configured.add(kind)

    def close(self, kind: type[Fact]) -> None:
        """Record that the read of this kind is complete."""
        self._facts.setdefault(kind, [])
        self._arrived.add(kind)

    def with_facts(
        self, facts: Mapping[type[Fact], Iterable[Fact]], installed: AbstractSet[type[Fact]] = frozenset()
    ) -> "FactStore":
        """Another store with these facts of the given kinds; everything else is the same.

        Indexes and memos are new. `installed` are the kinds whose CustomResourceDefinition the cluster then has.
        """
        other = FactStore(self.now)
        other.targets, other.client = self.targets, self.client
        other.before_changes, other.changed_kinds = self, frozenset(facts)
        other._facts = {kind: list(found) for kind, found in {**self._facts, **facts}.items()}
        other.failed.update({kind: list(found) for kind, found in self.failed.items()})
        other._absent, other._arrived = self._absent - installed, set(self._arrived)
        other._not_configured = set(self._not_configured)
        return other

    # reading

    def arrived(self, *kinds: type[Fact]) -> bool:
        """Whether these kinds have been read or have failed."""
        return self._arrived.issuperset(kinds)

    @property
    def arrived_kinds(self) -> AbstractSet[type[Fact]]:
        """The kinds that have been read or have failed."""
        return self._arrived

    def known(self, kind: type[_F]) -> tuple[_F, ...]:
        """The facts of this kind read so far, even if a read failed.

        For planning further reads, not for findings.
        """
        if kind not in self._known:
            facts = self._facts.get(kind, ())
            # Each log is a read of its own, and they arrive in any order.
            in_order = sorted(facts, key=_key) if isinstance(kind.origin, PodLog) else facts
            self._known[kind] = tuple(in_order)
        found: tuple[_F, ...] = self._known[kind]
        return found

    def gaps(self, kind: type[Fact]) -> tuple[Gap, ...]:
        """The failed reads of this kind.

        Their order does not depend on the order of the answers.
        """
        if kind not in self.failed:
            return ()
        return tuple(
            sorted(
                self.failed[kind],
                key=lambda gap: (gap.resource, gap.namespace or "", gap.name or "", gap.status, gap.readable_in),
            )
        )

    def all_gaps(self) -> tuple[Gap, ...]:
        """Every failed read, each once."""
        return tuple(dict.fromkeys(gap for gaps in self.failed.values() for gap in gaps))

    def absent(self, kind: type[Fact]) -> bool:
        """Whether the cluster lacks this CustomResourceDefinition."""
        return kind in self._absent

    def not_configured(self, kind: type[Fact]) -> bool:
        """Whether the configuration excludes this kind."""
        return kind in self._not_configured

    def index(self, kind: type[_F], name: str, key: Callable[[_F], Iterable[Hashable]]) -> dict[Hashable, list[_F]]:
        """The facts of this kind by key, built on first use. `name` identifies the key function."""
        found: dict[Hashable, list[_F]] | None = self._indexes.get((kind, name))
        if found is None or kind not in self._arrived:
            built: dict[Hashable, list[_F]] = defaultdict(list)
            for each in self.known(kind):
                for value in key(each):
                    built[value].append(each)
            found = self._indexes[(kind, name)] = dict(built)
        return found

    def by_key(self, kind: type[_F], namespace: str, name: str) -> _F | None:
        """The fact with this namespace and name."""
        found = self._by_key.get(kind)
        if found is None or kind not in self._arrived:
            # Of several facts with one key, the first.
            found = self._by_key[kind] = {each.key: each for each in reversed(self.known(kind))}
        return found.get((namespace, name))

    def in_namespace(self, kind: type[_F], namespace: str) -> tuple[_F, ...]:
        """The facts of this kind in the namespace."""
        found = self._by_namespace.get(kind)
        if found is None or kind not in self._arrived:
            grouped = self.index(kind, "namespace", _namespace)
            found = self._by_namespace[kind] = {name: tuple(each) for name, each in grouped.items()}
        return found.get(namespace, ())

    def events_on(self, thing: KubernetesObject) -> tuple[Event, ...]:
        """The events about exactly this object (by uid if the event has one), oldest first."""
        found = self.index(Event, "object", _object_key).get((thing.kind, thing.namespace, thing.name))
        if not found:
            return ()
        mine = [e for e in found if not e.object_uid or not thing.uid or e.object_uid == thing.uid]
        return tuple(sorted(mine, key=lambda e: (e.last or self.now, e.name)))

    def gateway_deployments(self, target: EgressGateway) -> tuple[Deployment, ...]:
        """The gateway's Deployments that exist, in the order of its revisions."""
        return self.memo(
            ("gateway Deployments", target.namespace, target.name, target.revisions), lambda: self._deployments(target)
        )

    def _deployments(self, target: EgressGateway) -> tuple[Deployment, ...]:
        found = (self.by_key(Deployment, target.namespace, name) for name in target.deployments)
        return tuple(each for each in found if each is not None)

    def gateway_pods(self, target: EgressGateway) -> tuple[Pod, ...]:
        """The pods of the gateway's Deployments, sorted by name.

        Pods that are being deleted or have finished are not among them.

        Pods of an unreadable Deployment are recognized by the Deployment's name as a prefix.
        """
        return self.memo(
            ("gateway pods", target.namespace, target.name, target.revisions), lambda: self._gateway_pods(target)
        )

    def _gateway_pods(self, target: EgressGateway) -> tuple[Pod, ...]:
        selectors = [d.selector for d in self.gateway_deployments(target) if d.selector]
        prefixes = tuple(f"{name}-" for name in target.deployments)
        return tuple(
            sorted(
                (
                    pod
                    for pod in self.in_namespace(Pod, target.namespace)
                    if pod.deleted is None and not pod.finished
                    if any(selects(s, pod.labels) for s in selectors)
                    or (not selectors and bool(prefixes) and pod.name.startswith(prefixes))
                ),
                key=lambda pod: pod.name,
            )
        )

    def forget_run(self) -> None:
        """Drop the values that depend on the gateway or host of a run, once it has ended.

        They are derived again if another run needs them.
        """
        for key in self.of_run:
            self.memos.pop(key, None)
        self.of_run.clear()
        for each in self.other_facts:
            each.forget_run()

    def memo(self, key: Hashable, build: Callable[[], _V]) -> _V:
        """A value derived from complete facts, built once for this store."""
        try:
            value: _V = self.memos[key]
        except KeyError:
            pass
        else:
            return value
        value = self.memos[key] = build()
        return value


def _key(fact: Fact) -> tuple[str, str]:
    return fact.key


def _namespace(fact: Fact) -> tuple[Hashable]:
    return (fact.key[0],)


def _object_key(event: Event) -> tuple[Hashable]:
    return (event.object_key,)
