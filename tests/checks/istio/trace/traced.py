"""A route over a test cluster without the checks, and changes of objects that break it."""

import copy
from collections.abc import Callable
from dataclasses import replace
from time import monotonic
from typing import Any

from checks.catalogue import catalogue
from checks.engine.readings import record
from checks.facts.egress_gateway import from_profile
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.store import FactStore
from checks.facts.view import Facts
from checks.istio.trace.trace import TRACE_READS, trace
from checks.model.route import Route, TracedRequest
from checks.sources.gathering import gather
from checks.sources.recorded import RecordedSource
from tests.clusters.compose import Cluster, Manifest, before, identity, uid_of
from tests.recordings import question, recording

NAMESPACE = "team-egress"


def gathered(cluster: Cluster, namespace: str = NAMESPACE) -> FactStore:
    """Everything that a route reads, of the gateway `egw` in this namespace."""
    source = RecordedSource(recording(cluster))
    store = FactStore(source.now())
    for reading in gather(source, frozenset(TRACE_READS), store, monotonic() + 60):
        record(store, reading)
        if not store.targets and (found := store.known(ManagedCluster)):
            store.targets = (from_profile(found[0], "egw", namespace),)
    return store


def traced(cluster: Cluster, host: str, client: str | None = None, gateway: str = "team-egress/egw") -> Route:
    """The route of a host over the cluster."""
    store = gathered(cluster, gateway.partition("/")[0])
    wanted = question(cluster, gateway, host, client)
    target = from_profile(store.known(ManagedCluster)[0], wanted.gateway, wanted.namespace)
    codes = {each.slug: each.code for each in catalogue()}
    return trace(Facts(store, target, wanted, frozenset(TRACE_READS)), codes)


def meant(route: Route) -> list[TracedRequest]:
    """The routes that the gateway is set up for."""
    return [request for request in route.requests if request.meant]


def changed(
    cluster: Cluster, kind: str, name: str, change: Callable[[Any], object], namespace: str = NAMESPACE
) -> Cluster:
    """The cluster with one object changed in place."""
    objects = list(cluster.objects)
    for index, each in enumerate(objects):
        if identity(each)[1:] == (kind, namespace, name):
            objects[index] = copy.deepcopy(each)
            change(objects[index])
            return replace(cluster, objects=tuple(objects))
    raise LookupError(f"there is no {kind} {namespace}/{name}")


def without(cluster: Cluster, kind: str, name: str, namespace: str = NAMESPACE) -> Cluster:
    """The cluster without one object."""
    kept = tuple(each for each in cluster.objects if identity(each)[1:] != (kind, namespace, name))
    if len(kept) == len(cluster.objects):
        raise LookupError(f"there is no {kind} {namespace}/{name}")
    return replace(cluster, objects=kept)


def plus(cluster: Cluster, manifest: Manifest, age: str = "10d") -> Cluster:
    """The cluster with one more object; `age` decides who is older."""
    added = copy.deepcopy(manifest)
    added["metadata"].setdefault("uid", uid_of(*identity(added)))
    added["metadata"].setdefault("creationTimestamp", before(cluster.captured_at, age))
    return replace(cluster, objects=(*cluster.objects, added))


def istio(
    kind: str, name: str, spec: dict[str, Any], namespace: str = NAMESPACE, group: str = "networking"
) -> Manifest:
    """An Istio object."""
    return {
        "apiVersion": f"{group}.istio.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": copy.deepcopy(spec),
    }


def mesh_settings(cluster: Cluster, change: Callable[[dict[str, Any]], object]) -> Cluster:
    """The cluster with other settings in the operator's ConfigMap of the mesh."""
    import yaml

    def edit(config_map: Any) -> None:
        settings = yaml.safe_load(config_map["data"]["mesh"])
        change(settings)
        config_map["data"]["mesh"] = yaml.safe_dump(settings)

    return changed(cluster, "ConfigMap", "istio-shared-configmap-asm-1-30", edit, "aks-istio-system")
