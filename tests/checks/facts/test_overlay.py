"""Facts as they would be after changes: the changed objects, and nothing else, differ."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from checks.facts.changes import Apply, ChangeRefused, Delete, JsonPatch, MergePatch, ObjectChange, corrected_manifest
from checks.facts.egress_gateway import EgressGateway
from checks.facts.fact import Fact, Gap, KubernetesObject, UndeclaredRead
from checks.facts.istio_networking import DestinationRule, Gateway, ServiceEntry, VirtualService
from checks.facts.kubernetes_kinds import LISTED_KINDS
from checks.facts.manifests import without_server_fields
from checks.facts.namespaces import ConfigMap, Namespace, Secret
from checks.facts.overlay import laid_over
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.store import FactStore
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.question import ClusterIdentity, Question
from tests.checks.istio.trace import kubectl
from tests.clusters.bundles import Cluster
from tests.clusters.compose import identity, named

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "client", "namespace": "team-egress"}}
ENTRY = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "ServiceEntry",
    "metadata": {"name": "bank", "namespace": "team-egress"},
    "spec": {"hosts": ["api.bank.example"], "resolution": "DNS"},
}


def store_of(cluster: Cluster) -> FactStore:
    """The facts of the Kubernetes objects of a cluster, each kind read completely."""
    store = FactStore(NOW)
    store.targets = (EgressGateway("team-egress", "egw", "sgc", ("asm-1-30",)),)
    for kind, origin in LISTED_KINDS.values():
        versions = {f"{origin.group}/{v}" if origin.group else v for v in origin.versions}
        store.add(kind, [kind(o) for o in cluster.objects if o["kind"] == kind.kind and o["apiVersion"] in versions])
        store.close(kind)
    return store


def objects(store: FactStore) -> dict[tuple[str, tuple[str, str]], Fact]:
    return {(each.ref, each.key): each for kind, _ in LISTED_KINDS.values() for each in store.known(kind)}


def contents(store: FactStore) -> dict[tuple[str, tuple[str, str]], Any]:
    """The objects as people write them: without what the API server counts and kubectl records."""
    return {
        (thing.ref, thing.key): without_server_fields(kind, thing.raw)
        for kind, _ in LISTED_KINDS.values()
        for thing in store.known(kind)
    }


@pytest.fixture(scope="module")
def store() -> FactStore:
    return store_of(named("tls-origination"))


def first(store: FactStore, kind: type[KubernetesObject]) -> Any:
    return store.known(kind)[0]


def test_a_host_added_to_the_gateway(store: FactStore) -> None:
    gateway = first(store, Gateway)
    add = {"op": "add", "path": "/spec/servers/0/hosts/-", "value": "api.bank.example"}
    after = laid_over(store, [JsonPatch(gateway, (add,))])
    changed = after.by_key(Gateway, gateway.namespace, gateway.name)
    assert changed is not None
    assert changed.servers[0].hosts == (*gateway.servers[0].hosts, "api.bank.example")
    before = objects(store)
    assert [ref for ref, thing in objects(after).items() if thing is not before[ref]] == [(gateway.ref, gateway.key)]
    assert after.targets == store.targets
    assert after.now == store.now


def test_the_facts_that_were_read_stay_as_they_were(store: FactStore) -> None:
    before = objects(store)
    laid_over(store, [Delete(each) for each in store.known(VirtualService)])
    assert objects(store) == before


def test_a_new_object_is_created_at_the_time_of_the_reading(store: FactStore) -> None:
    new = laid_over(store, [Apply(ENTRY)]).by_key(ServiceEntry, "team-egress", "bank")
    assert new is not None
    assert new.created == NOW
    assert new.generation == 1
    assert new.uid
    assert new.uid == laid_over(store, [Apply(ENTRY)]).known(ServiceEntry)[-1].uid


def test_only_a_change_of_the_content_is_a_new_generation() -> None:
    store = FactStore(NOW)
    rule = DestinationRule({"metadata": {"name": "cnn", "namespace": "shop", "generation": 4}, "spec": {"host": "a"}})
    store.add(DestinationRule, [rule])
    store.close(DestinationRule)
    for body, generation in (({"spec": {"host": "b"}}, 5), ({"metadata": {"labels": {"a": "b"}}}, 4), ({}, 4)):
        assert laid_over(store, [MergePatch(rule, body)]).known(DestinationRule)[0].generation == generation


def test_changes_build_on_each_other(store: FactStore) -> None:
    """A ServiceEntry is applied, patched and deleted again."""
    patch = MergePatch(ServiceEntry(ENTRY), {"spec": {"resolution": "STATIC"}})
    patched = laid_over(store, [Apply(ENTRY), patch]).by_key(ServiceEntry, "team-egress", "bank")
    assert patched is not None
    assert patched.resolution == "STATIC"
    assert objects(laid_over(store, [Apply(ENTRY), patch, Delete(ServiceEntry(ENTRY))])) == objects(store)


def test_indexes_and_memos_are_built_anew(store: FactStore) -> None:
    assert store.by_key(ServiceEntry, "team-egress", "bank") is None
    assert store.memo("hosts", lambda: len(store.known(ServiceEntry))) == len(store.known(ServiceEntry))
    after = laid_over(store, [Apply(ENTRY)])
    assert after.by_key(ServiceEntry, "team-egress", "bank") is not None
    assert after.memo("hosts", lambda: len(after.known(ServiceEntry))) == len(store.known(ServiceEntry)) + 1


def test_a_kind_that_could_not_be_read_stays_unreadable() -> None:
    """Forbidden to list VirtualServices: applying one says nothing about the others."""
    store = FactStore(NOW)
    gap = Gap("kubernetes", "list", "virtualservices.networking.istio.io", 403, "")
    store.add_gap(VirtualService, gap)
    store.close(VirtualService)
    route = {**ENTRY, "kind": "VirtualService"}
    assert laid_over(store, [Apply(route)]).gaps(VirtualService) == (gap,)
    patched = laid_over(store, [MergePatch(VirtualService(route), {"spec": {"hosts": ["a.example"]}})])
    assert patched.known(VirtualService)[0].hosts == ("a.example",)
    assert laid_over(store, [Delete(VirtualService(route))]).known(VirtualService) == ()


def test_a_kind_that_was_not_read_yet_stays_not_read() -> None:
    assert not laid_over(FactStore(NOW), [Apply(ENTRY)]).arrived(ServiceEntry)


def test_a_kind_that_the_cluster_does_not_have_is_refused() -> None:
    store = FactStore(NOW)
    store.add_absent(StaticGatewayConfiguration)
    store.close(StaticGatewayConfiguration)
    new = {
        "apiVersion": "egressgateway.kubernetes.azure.com/v1alpha1",
        "kind": "StaticGatewayConfiguration",
        "metadata": {"name": "sgc", "namespace": "team-egress"},
    }
    with pytest.raises(ChangeRefused, match="the cluster has no CustomResourceDefinition staticgatewayconfigurations"):
        laid_over(store, [Apply(new)])


def test_a_patch_of_an_object_that_was_deleted_meanwhile(store: FactStore) -> None:
    with pytest.raises(ChangeRefused, match="ServiceEntry team-egress/bank does not exist"):
        laid_over(store, [MergePatch(ServiceEntry(ENTRY), {"spec": {}})])


def test_a_secret_keeps_only_the_names_of_its_keys(store: FactStore) -> None:
    secret = {**SECRET, "data": {"tls.crt": "aaa"}, "stringData": {"tls.key": "bbb"}}
    found = laid_over(store, [Apply(secret)]).by_key(Secret, "team-egress", "client")
    assert found is not None
    assert found.keys == ("tls.crt", "tls.key")
    assert "aaa" not in str(found.raw)
    assert "bbb" not in str(found.raw)


def test_a_change_and_its_reverse_give_the_same_facts(store: FactStore) -> None:
    for kind in (VirtualService, DestinationRule, Gateway, ServiceEntry, ConfigMap):
        for thing in store.known(kind):
            for there, back in reversals(thing):
                after = laid_over(laid_over(store, [there]), [back])
                assert contents(after) == contents(store), (there, back)


def reversals(thing: KubernetesObject) -> Iterator[tuple[ObjectChange, ObjectChange]]:
    """Pairs of changes of which the second undoes the first."""
    yield Delete(thing), Apply(thing.raw)
    yield Apply({**thing.raw, "extra": {}}), Apply(corrected_manifest(MergePatch(thing, {})))
    yield MergePatch(thing, {"extra": [1]}), JsonPatch(thing, ({"op": "remove", "path": "/extra"},))
    if thing.labels:
        label = {"metadata": {"labels": {"x": "y"}}}
        yield MergePatch(thing, label), MergePatch(thing, {"metadata": {"labels": {"x": None}}})


def test_the_overlay_agrees_with_the_test_stand_in_of_kubectl() -> None:
    cluster = named("tls-origination")
    store = store_of(cluster)
    gateway = first(store, Gateway)
    changes: list[ObjectChange] = [
        Apply(ENTRY),
        JsonPatch(gateway, ({"op": "add", "path": "/spec/servers/0/hosts/-", "value": "api.bank.example"},)),
        MergePatch(first(store, DestinationRule), {"spec": {"exportTo": ["."]}}),
    ]
    for change in changes:
        cluster = kubectl.run(cluster, change.command)
    specs = {identity(each)[1:]: each.get("spec") for each in cluster.objects}
    for kind in (ServiceEntry, Gateway, DestinationRule):
        for thing in laid_over(store, changes).known(kind):
            assert specs[(thing.kind, thing.namespace, thing.name)] == thing.raw["spec"]


def test_a_deleted_namespace_takes_its_contents_with_it(store: FactStore) -> None:
    namespace = next(each for each in store.known(Namespace) if each.name == "team-egress")
    after = laid_over(store, [Delete(namespace)])
    deleted = objects(store).keys() - objects(after).keys()
    assert ("Namespace team-egress", ("", "team-egress")) in deleted
    assert {key[0] for _, key in deleted} == {"", "team-egress"}
    assert not any(after.in_namespace(Pod, "team-egress"))
    assert all(each.namespace != "team-egress" for each in after.known(VirtualService))


def test_the_pods_of_a_deleted_deployment_are_deleted(store: FactStore) -> None:
    """The garbage collector follows the owners: Deployment, ReplicaSet, Pod."""
    deployment = next(each for each in store.known(Deployment) if each.namespace == "team-egress")
    (target,) = store.targets
    assert store.gateway_pods(target)
    after = laid_over(store, [Delete(deployment)])
    assert after.gateway_pods(target) == ()
    assert not any(each.name.startswith(deployment.name) for each in after.in_namespace(Pod, "team-egress"))
    assert len(after.known(Pod)) == len(store.known(Pod)) - len(store.gateway_pods(target))


def test_a_new_object_in_a_namespace_that_does_not_exist(store: FactStore) -> None:
    elsewhere = {**ENTRY, "metadata": {"name": "bank", "namespace": "payments"}}
    with pytest.raises(ChangeRefused, match="ServiceEntry payments/bank: namespace payments does not exist"):
        laid_over(store, [Apply(elsewhere)])
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "payments"}}
    assert laid_over(store, [Apply(namespace), Apply(elsewhere)]).by_key(ServiceEntry, "payments", "bank")


def test_a_check_sees_the_facts_after_a_change(store: FactStore) -> None:
    """Reads after the change count as reads of the check, and undeclared kinds stay undeclared."""
    facts = Facts(store, store.targets[0], Question(ClusterIdentity("aks1"), "egw"), frozenset({ServiceEntry}))
    after = facts.with_changes([Apply(ENTRY)])
    assert after.get(ServiceEntry, "bank", "team-egress") is not None
    assert facts.reads.kinds == {ServiceEntry}
    assert facts.get(ServiceEntry, "bank", "team-egress") is None
    with pytest.raises(UndeclaredRead):
        after.all(Gateway)
