"""A proposal laid over a cluster: its results, and the parts that are not known."""

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from checks.facts.change_input import BadChange
from checks.facts.fact import Gap
from checks.facts.istio_networking import Gateway, ServiceEntry, VirtualService
from checks.facts.laying import Laid, laid_proposal
from checks.facts.pods import Pod
from checks.facts.proposal import proposal
from checks.facts.store import FactStore
from checks.facts.workloads import DaemonSet
from tests.checks.facts.test_overlay import store_of
from tests.clusters.compose import compose, named

BASE = named("base")
ROUTE = ("VirtualService", "team-egress", "direct-cnn-through-egress-gateway")


def written(kind: str, namespace: str, name: str, **changed: Any) -> dict[str, Any]:
    """The manifest of an object of the cluster, with other fields of its spec."""
    found = next(
        each
        for each in BASE.objects
        if (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]) == (kind, namespace, name)
    )
    metadata = {key: value for key, value in found["metadata"].items() if key in ("name", "namespace", "labels")}
    return {
        "apiVersion": found["apiVersion"],
        "kind": kind,
        "metadata": metadata,
        **({"spec": {**found["spec"], **changed}} if kind != "Namespace" else {}),
    }


def laid(*manifests: Mapping[str, Any], without: tuple[str, ...] = (), store: FactStore | None = None) -> Laid:
    text = yaml.safe_dump_all(manifests)
    return laid_proposal(store or store_of(BASE), proposal([("a.yaml", text)] if manifests else [], without))


def results(found: Laid) -> list[tuple[str, str, str]]:
    return [(each.ref, each.result.value, each.reason) for each in found.objects]


def test_the_result_for_each_object() -> None:
    new = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "new", "namespace": "team-a"}, "spec": {}}
    found = laid(
        written(*ROUTE, exportTo=["."]),
        written("Gateway", "team-egress", "istio-egressgateway"),
        new,
        without=("Service/team-a/web",),
    )
    assert [(ref, result) for ref, result, _ in results(found)] == [
        ("Service team-a/web", "deleted"),
        ("VirtualService team-egress/direct-cnn-through-egress-gateway", "changed"),
        ("Gateway team-egress/istio-egressgateway", "unchanged"),
        ("Service team-a/new", "created"),
    ]
    changed = found.store.by_key(VirtualService, "team-egress", "direct-cnn-through-egress-gateway")
    assert changed is not None
    assert changed.export_to == (".",)


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (
            written("Deployment", "team-a", "web", selector={"matchLabels": {"app": "other"}}),
            "spec.selector cannot be changed; delete the object and create it again",
        ),
        (
            written("Service", "team-egress", "egw", clusterIP="10.0.0.99"),
            "spec.clusterIP cannot be changed; delete the object and create it again",
        ),
        (
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "missing"}},
            "namespace missing does not exist",
        ),
    ],
)
def test_an_object_that_the_api_server_refuses_does_not_stop_the_others(
    manifest: Mapping[str, Any], reason: str
) -> None:
    found = laid(manifest, written(*ROUTE, exportTo=["."]))
    assert [each[1:] for each in results(found)] == [("refused", reason), ("changed", "")]


def test_a_namespace_in_the_proposal_exists() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": "shop"}}
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    assert [each[1] for each in results(laid(service, space))] == ["created", "created"]


def test_a_kind_that_is_not_installed() -> None:
    absent = store_of(compose(BASE, {"absent_kinds": ["tlsroutes.gateway.networking.k8s.io"]}))
    from checks.facts.gateway_api import TLSRoute

    absent.add_absent(TLSRoute)
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "TLSRoute",
        "metadata": {"name": "a", "namespace": "team-a"},
    }
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "tlsroutes.gateway.networking.k8s.io"},
        "spec": {"group": "gateway.networking.k8s.io", "names": {"kind": "TLSRoute"}},
    }
    assert results(laid(route, store=absent))[0][1:] == (
        "refused",
        "the cluster has no CustomResourceDefinition tlsroutes.gateway.networking.k8s.io",
    )
    found = laid(route, definition, store=absent)
    assert results(found)[0][1] == "created"
    assert not found.store.absent(TLSRoute)


def test_the_pods_of_a_changed_deployment_have_the_labels_of_its_template() -> None:
    template = written("Deployment", "team-a", "web")["spec"]["template"]
    labels = {**template["metadata"]["labels"], "version": "v2"}
    found = laid(
        written(
            "Deployment", "team-a", "web", template={**template, "metadata": {**template["metadata"], "labels": labels}}
        )
    )
    [pod] = [each for each in found.store.known(Pod) if each.deployment == "web" and each.namespace == "team-a"]
    assert pod.labels["version"] == "v2"
    assert pod.proxy is not None
    assert [each.labels for each in found.store.known(Pod) if each.key != pod.key] == [
        each.labels for each in store_of(BASE).known(Pod) if each.key != pod.key
    ]


def test_a_deployment_without_replicas_has_no_pods() -> None:
    found = laid(written("Deployment", "team-a", "web", replicas=0))
    assert not [each for each in found.store.known(Pod) if each.namespace == "team-a"]


def test_the_prefix_after_another_node_pool_is_not_known() -> None:
    found = laid(written("StaticGatewayConfiguration", "team-egress", "sgc", gatewayNodepoolName="other"))
    [unknown] = found.not_known
    assert (unknown.decides, unknown.namespace) == (True, "team-egress")
    assert "gatewayNodepoolName" in unknown.statement


def test_a_label_that_the_manifest_lacks_may_be_removed() -> None:
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-a"}}
    [unknown] = laid(space).not_known
    assert unknown.decides
    assert "metadata.labels[istio.io/rev]" in unknown.statement


def test_a_read_that_failed_stays_failed() -> None:
    store = store_of(BASE)
    gap = Gap("kubernetes", "list", "virtualservices.networking.istio.io", 403, "forbidden")
    store.add_gap(VirtualService, gap)
    assert laid(written(*ROUTE, exportTo=["."]), store=store).store.gaps(VirtualService) == (gap,)


def test_an_object_to_delete_that_does_not_exist() -> None:
    with pytest.raises(BadChange, match="there is no such object"):
        laid(without=("Gateway/team-egress/other",))


def test_a_rename_is_a_deletion_and_a_creation() -> None:
    manifest = written("Gateway", "team-egress", "istio-egressgateway")
    renamed = {**manifest, "metadata": {**manifest["metadata"], "name": "egress"}}
    found = laid(renamed, without=("Gateway/team-egress/istio-egressgateway",))
    assert [each.name for each in found.store.in_namespace(Gateway, "team-egress")] == ["egress"]


def test_an_object_without_a_namespace_is_in_the_default_one() -> None:
    found = laid({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {}})
    assert results(found) == [("Service default/a", "created", "")]
    [assumed] = found.not_known
    assert (assumed.decides, assumed.statement) == (
        False,
        "Service default/a: the manifest names no namespace, default is assumed",
    )


def test_a_webhook_refuses_an_object() -> None:
    text = yaml.safe_dump(written(*ROUTE))
    found = laid_proposal(store_of(BASE), proposal([("a.yaml", text)]), lambda _kind, _raw: "it says no")
    assert results(found) == [("VirtualService team-egress/direct-cnn-through-egress-gateway", "refused", "it says no")]


def test_an_object_to_delete_that_was_not_read() -> None:
    store = store_of(BASE)
    store.add(VirtualService, [])
    store.add_gap(ServiceEntry, Gap("kubernetes", "list", "serviceentries.networking.istio.io", 403, "forbidden"))
    found = laid(without=("ServiceEntry/team-egress/other",), store=store)
    [unread] = found.not_known
    why = "list serviceentries.networking.istio.io: forbidden (403)"
    assert unread.decides
    assert unread.statement == f"ServiceEntry/team-egress/other: not checked whether it exists ({why})"


def owned_by(kind: str, name: str) -> FactStore:
    """The cluster with the pod of a client that another workload owns."""
    store = store_of(BASE)
    [pod] = [each for each in store.known(Pod) if each.namespace == "team-a"]
    metadata = {
        **pod.raw["metadata"],
        "name": f"{name}-0",
        "ownerReferences": [{"kind": kind, "name": name, "uid": "u"}],
    }
    others = [each for each in store.known(Pod) if each is not pod]
    return store.with_facts({Pod: [*others, Pod({**pod.raw, "metadata": metadata})]})


def test_the_pods_of_a_changed_daemon_set_are_replaced() -> None:
    def daemons(**labels: str) -> dict[str, Any]:
        spec = {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web", **labels}}},
        }
        return {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": "agent", "namespace": "team-a"},
            "spec": spec,
        }

    store = owned_by("DaemonSet", "agent")
    store.add(DaemonSet, [DaemonSet(daemons())])
    found = laid(daemons(version="v2"), store=store)
    [pod] = [each for each in found.store.known(Pod) if each.owner == ("DaemonSet", "agent")]
    assert pod.labels["version"] == "v2"


@pytest.mark.parametrize(("name", "decides"), [("web", [True]), ("other", [])])
def test_a_stateful_set_decides_about_the_sidecars_of_its_pods(name: str, decides: list[bool]) -> None:
    manifest = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name, "namespace": "team-a"}}
    found = laid(manifest, store=owned_by("StatefulSet", "web"))
    assert [each.decides for each in found.not_known] == decides
