"""Changes as an operator gives them.

A file that would be applied, an object that would be deleted.
"""

from datetime import UTC, datetime

import pytest

from checks.facts.change_input import BadChange, changes_from_yaml, deletion
from checks.facts.fact import KubernetesObject
from checks.facts.gateway_api import KubernetesGateway
from checks.facts.istio_networking import Gateway, VirtualService
from checks.facts.namespaces import Namespace
from checks.facts.store import FactStore

ROUTE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: cnn, namespace: shop}
spec: {hosts: [edition.cnn.com]}
"""


def store_with(*things: KubernetesObject) -> FactStore:
    store = FactStore(datetime(2026, 11, 23, 10, tzinfo=UTC))
    for thing in things:
        store.add(type(thing), [thing])
        store.close(type(thing))
    return store


def named(name: str, namespace: str = "") -> dict[str, dict[str, str]]:
    return {"metadata": {"name": name, "namespace": namespace}}


def test_a_file_with_several_documents_and_a_list() -> None:
    written = f"""# the route of the shop
---{ROUTE}---
---
apiVersion: v1
kind: List
items:
  - {{apiVersion: v1, kind: Namespace, metadata: {{name: shop}}}}
  - {{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: {{name: edge, namespace: shop}}}}
"""
    found = changes_from_yaml(written)
    assert [each.ref for each in found] == ["VirtualService shop/cnn", "Namespace shop", "Gateway shop/edge"]
    assert [each.fact_type for each in found] == [VirtualService, Namespace, KubernetesGateway]


def test_an_empty_file_changes_nothing() -> None:
    assert changes_from_yaml("# nothing yet\n") == ()


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ("- a\n- b\n", "document 2: not a mapping; expected a Kubernetes object"),
        ("spec: {hosts: [a.example]}\n", "document 2: has no kind; expected a Kubernetes object"),
        ("kind: VirtualService\nmetadata: {name: a}\n", "document 2, a VirtualService: has no apiVersion"),
        (
            "apiVersion: networking.istio.io/v2\nkind: VirtualService\nmetadata: {name: a}\n",
            "document 2: kind VirtualService of networking.istio.io/v2 is not one that egress-diag reads",
        ),
        ("apiVersion: v1\nkind: Service\nmetadata: {namespace: a}\n", "document 2, a Service: has no metadata.name"),
        ("apiVersion: v1\nkind: Service\nmetadata: egw\n", "document 2, a Service: has no metadata.name"),
        (
            "apiVersion: v1\nkind: List\nitems: 3\n",
            "document 2: a List without items; expected a list of Kubernetes objects",
        ),
        ("apiVersion: v1\nkind: List\nitems: [3]\n", "document 2, item 1: not a mapping; expected a Kubernetes object"),
        ("kind: [\n", "not valid YAML: did not find expected node content (line 8)"),
    ],
)
def test_a_document_that_is_no_object(document: str, problem: str) -> None:
    with pytest.raises(BadChange) as refused:
        changes_from_yaml(f"{ROUTE}---\n{document}")
    assert str(refused.value) == problem


@pytest.mark.parametrize(
    "written",
    [
        "VirtualService/shop/cnn",
        "virtualservice/shop/cnn",
        "virtualservices/shop/cnn",
        "virtualservices.networking.istio.io/shop/cnn",
        "VirtualService.networking.istio.io/shop/cnn",
    ],
)
def test_the_object_to_delete(written: str) -> None:
    route = VirtualService(named("cnn", "shop"))
    assert deletion(store_with(route), written).thing is route


def test_an_object_without_a_namespace_to_delete() -> None:
    assert deletion(store_with(Namespace(named("shop"))), "namespace/shop").ref == "Namespace shop"


def test_both_kinds_that_are_called_gateway() -> None:
    """Only if both have an object of this name must the operator say which one."""
    istio, kubernetes = Gateway(named("edge", "shop")), KubernetesGateway(named("edge", "shop"))
    assert deletion(store_with(kubernetes), "Gateway/shop/edge").thing is kubernetes
    both = store_with(istio, kubernetes)
    assert deletion(both, "gateways.networking.istio.io/shop/edge").thing is istio
    with pytest.raises(BadChange, match=r"expected Gateway.* or Gateway.* as the kind"):
        deletion(both, "Gateway/shop/edge")


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("VirtualService", "expected KIND/NAMESPACE/NAME"),
        ("VirtualService/", "expected KIND/NAMESPACE/NAME"),
        ("/shop/cnn", "expected KIND/NAMESPACE/NAME"),
        ("VirtualService//cnn", "expected KIND/NAMESPACE/NAME"),
        ("Ingress/shop/cnn", "kind Ingress is not one that egress-diag reads"),
        ("VirtualService/shop/bbc", "there is no such object"),
    ],
)
def test_an_object_that_cannot_be_deleted(written: str, problem: str) -> None:
    with pytest.raises(BadChange, match=problem):
        deletion(store_with(VirtualService(named("cnn", "shop"))), written)
