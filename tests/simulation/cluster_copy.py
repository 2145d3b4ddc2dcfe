"""A copy of a cluster on which steps are carried out."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from checks.facts.changes import ObjectChange
from checks.facts.fact import KubernetesObject
from checks.facts.kubernetes_kinds import LISTED_KINDS, listed_kind
from checks.facts.overlay import laid_over
from checks.facts.store import FactStore
from checks.model.raw_values import parse_moment
from tests.clusters.azure import patched_azure
from tests.clusters.bundles import Cluster, Manifest
from tests.clusters.compose import identity
from tests.clusters.merging import merge


class ClusterCopy:
    """A cluster that changes: objects, Azure resources, logs.

    Times of new objects are after the recording.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.recorded = cluster
        recorded = parse_moment(cluster.captured_at)
        assert recorded is not None
        self.obstacles: list[str] = []
        """Why a controller did not react to the last step, if the reason is not in the facts."""
        self.exempted: dict[str, str] = {}
        """The generated objects and assignments (in lower case) with an exemption, and its name."""
        self.prefixes: set[str] = set()
        """The IDs of the public IP prefixes that a step created, in lower case."""
        self.granted: set[str] = set()
        """The IDs of the resources on which the controllers got a role, in lower case."""
        self.scaled: set[str] = set()
        """The node pools that the last step scaled, even back to the count before."""
        self.restarted: set[str] = set()
        """The nodes whose machines the last step started."""
        self.upgraded = False
        """Whether the last step brought newer components of AKS."""
        self.reconciled = False
        """Whether the last step let AKS write its own objects again."""
        self.now: datetime = recorded + timedelta(minutes=1)

    def changed_since(self, before: Cluster) -> bool:
        """Whether the last command changed something to which a controller reacts."""
        return self.cluster is not before or bool(self.restarted) or self.reconciled

    @property
    def contexts(self) -> frozenset[str]:
        """The kubectl contexts of the recorded cluster."""
        return frozenset({self.recorded.name, str((self.recorded.managed_cluster or {}).get("name") or "")})

    @property
    def stamp(self) -> str:
        """The present time as the API server writes it."""
        return self.now.strftime("%Y-%m-%dT%H:%M:%SZ")

    def after(self, minutes: int) -> Cluster:
        """The cluster when the steps have been carried out and controllers have had this much time."""
        later = self.now + timedelta(minutes=minutes)
        return replace(self.cluster, captured_at=later.strftime("%Y-%m-%dT%H:%M:%SZ"))

    # objects

    def facts(self) -> FactStore:
        """The Kubernetes objects as facts."""
        store = FactStore(self.now)
        for name, (kind, _) in LISTED_KINDS.items():
            if name in self.cluster.absent_kinds:
                store.add_absent(kind)
            store.close(kind)
        for each in self.cluster.objects:
            found = _kind(each)
            if found is not None:
                store.add(found, [found(each)])
        return store

    def lay(self, change: ObjectChange) -> None:
        """Execute one change as the API server does (checks/facts/overlay.py).

        Raises ChangeRefused.
        """
        after = laid_over(self.facts(), [change])
        others = [each for each in self.cluster.objects if _kind(each) is None]
        changed = [
            {**thing.raw, "apiVersion": _api_version(thing), "kind": kind.kind}
            for kind, _ in LISTED_KINDS.values()
            for thing in after.known(kind)
        ]
        before = {identity(each): each for each in self.cluster.objects}
        written = (each if before.get(identity(each)) == each else self._stamped(each) for each in map(dict, changed))
        self.cluster = replace(self.cluster, objects=(*others, *written))

    def _stamped(self, manifest: Manifest) -> Manifest:
        """A Secret with the time of the write.

        A log line before that time is about its old content.
        """
        if manifest["kind"] != "Secret":
            return manifest
        writes = [{"manager": "kubectl", "operation": "Update", "time": self.stamp}]
        return {**manifest, "metadata": {**manifest["metadata"], "managedFields": writes}}

    def of(self, kind: str, namespace: str | None = None) -> list[Manifest]:
        """The objects of a kind (any API group), perhaps of one namespace."""
        return [
            each for each in self.cluster.objects if each.get("kind") == kind and namespace in (None, identity(each)[2])
        ]

    def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """The object with this name, or None; treat its parts as immutable."""
        return next((dict(each) for each in self.of(kind, namespace) if identity(each)[3] == name), None)

    def put(self, manifest: Mapping[str, Any]) -> None:
        """Add an object, or replace the one with its name: what a controller writes, with status."""
        who = identity(manifest)[1:]
        rest = tuple(each for each in self.cluster.objects if identity(each)[1:] != who)
        self.cluster = replace(self.cluster, objects=(*rest, dict(manifest)))

    def drop(self, manifests: Iterable[Manifest]) -> None:
        """Remove objects, as a controller or the garbage collector does."""
        removed = {identity(each) for each in manifests}
        kept = tuple(each for each in self.cluster.objects if identity(each) not in removed)
        self.cluster = replace(self.cluster, objects=kept)

    def write_log(self, namespace: str, pod: str, container: str, text: str) -> None:
        """The log of a new container."""
        self.cluster = replace(self.cluster, logs={**self.cluster.logs, f"{namespace}/{pod}/{container}": text})

    def forget_requests(self) -> None:
        """Remove recorded requests and probes: connections now take another route."""
        logs = {
            name: "".join(line for line in text.splitlines(keepends=True) if not line.startswith("["))
            for name, text in self.cluster.logs.items()
        }
        self.cluster = replace(self.cluster, logs=logs, probes=())

    # Azure

    def patch_azure(self, patch: Mapping[str, Any]) -> None:
        """Merge-patch Azure's answers (the format of tests/clusters)."""
        self.cluster = patched_azure(self.cluster, patch)

    def properties(self) -> Manifest:
        """The properties of the managed cluster; empty if they were not recorded."""
        return dict((self.cluster.managed_cluster or {}).get("properties") or {})

    def pool(self, name: str) -> Manifest | None:
        """The properties of a node pool, or None."""
        found = next(
            (each for each in self.cluster.agent_pools or () if str(each["name"]).lower() == name.lower()), None
        )
        return None if found is None else dict(found["properties"])

    def resource(self, name: str) -> Manifest | None:
        """The Azure resource with this id or name, or None."""
        wanted = name.lower()
        return next(
            (e for e in self.cluster.resources or () if wanted in (str(e["id"]).lower(), str(e["name"]).lower())), None
        )

    def add_resource(self, resource: Manifest) -> None:
        """Add an Azure resource."""
        self.cluster = replace(self.cluster, resources=(*(self.cluster.resources or ()), resource))

    def remove_resource(self, name: str) -> None:
        """Remove the Azure resource with this id or name."""
        found = self.resource(name)
        kept = tuple(each for each in self.cluster.resources or () if each is not found)
        self.cluster = replace(self.cluster, resources=kept)

    def merge_resource(self, name: str, patch: Mapping[str, Any]) -> None:
        """Merge-patch one Azure resource."""
        found = self.resource(name)
        assert found is not None
        resources = tuple(merge(each, patch) if each is found else each for each in self.cluster.resources or ())
        self.cluster = replace(self.cluster, resources=resources)


def _kind(manifest: Manifest) -> type[KubernetesObject] | None:
    return listed_kind(str(manifest.get("apiVersion", "")), str(manifest.get("kind", "")))


def _api_version(thing: KubernetesObject) -> str:
    written = thing.raw.get("apiVersion")
    if written:
        return str(written)
    origin: Any = type(thing).origin
    return f"{origin.group}/{origin.versions[0]}" if origin.group else str(origin.versions[0])
