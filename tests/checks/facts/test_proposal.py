"""A proposed change as people give it: streams, lists, hooks, patches, rendered charts."""

import pytest

from checks.facts.change_input import BadChange
from checks.facts.gateway_api import TLSRoute
from checks.facts.proposal import proposal

ROUTE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: cnn, namespace: shop}
spec: {hosts: [edition.cnn.com]}
"""


def refs(text: str) -> list[str]:
    return [each.change.ref for each in proposal([("a.yaml", text)]).applied]


def test_a_stream_with_comments_empty_documents_and_lists() -> None:
    service = "{apiVersion: v1, kind: Service, metadata: {name: egw}}"
    listed = f"apiVersion: v1\nkind: List\nitems:\n- {service}\n"
    written = f"# Source: chart/templates/a.yaml\n---\n# nothing\n---{ROUTE}---\n{listed}"
    found = proposal([("a.yaml", written)])
    assert [each.change.ref for each in found.applied] == ["VirtualService shop/cnn", "Service default/egw"]
    assert [each.place for each in found.applied] == ["a.yaml, document 1", "a.yaml, document 2, item 1"]


def test_a_list_of_one_kind_names_the_kind_of_its_items() -> None:
    written = (
        '{"apiVersion": "v1", "kind": "ServiceList", "items": [{"metadata": {"name": "egw", "namespace": "shop"}}]}'
    )
    assert refs(written) == ["Service shop/egw"]


def test_namespaces_come_first() -> None:
    written = f"{ROUTE}---\n{{apiVersion: v1, kind: Namespace, metadata: {{name: shop}}}}\n"
    assert refs(written) == ["Namespace shop", "VirtualService shop/cnn"]


def test_a_kind_that_no_check_reads_is_not_judged() -> None:
    found = proposal(
        [("a.yaml", "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: migrate-, namespace: shop}\n")]
    )
    [without] = found.not_judged
    assert (without.ref, without.decides) == ("Job shop/migrate-…", False)
    assert without.reason == "no check reads this kind (batch/v1)"


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("cilium.io/v2", "CiliumNetworkPolicy"),
        ("security.istio.io/v1", "RequestAuthentication"),
        ("extensions.istio.io/v1alpha1", "WasmPlugin"),
        ("networking.istio.io/v2", "VirtualService"),
    ],
)
def test_a_kind_that_may_decide_about_traffic(version: str, kind: str) -> None:
    [without] = proposal(
        [("a.yaml", f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a, namespace: shop}}\n")]
    ).not_judged
    assert without.decides


@pytest.mark.parametrize(
    ("hook", "applied"), [("test", False), ("pre-delete", False), ("pre-install,post-delete", True)]
)
def test_helm_hooks_that_an_installation_applies(hook: str, applied: bool) -> None:
    written = ROUTE.replace("namespace: shop}", f'namespace: shop, annotations: {{helm.sh/hook: "{hook}"}}}}')
    found = proposal([("a.yaml", written)])
    assert bool(found.applied) is applied
    assert [each.decides for each in found.not_judged] == ([] if applied else [False])


def test_a_definition_installs_its_kind() -> None:
    written = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: tlsroutes.gateway.networking.k8s.io}
spec: {group: gateway.networking.k8s.io, names: {kind: TLSRoute, plural: tlsroutes}}
"""
    assert proposal([("a.yaml", written)]).installed == {TLSRoute}


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (
            "- {op: replace, path: /spec/hosts, value: []}\n",
            "a.yaml: a JSON patch; patches are not supported, give the whole object",
        ),
        (
            ROUTE + "$patch: delete\n",
            "a.yaml, a VirtualService: a strategic merge patch ($patch); patches are not supported, give the whole object",
        ),
        (
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n",
            "a.yaml: a Kustomization, which is not an object; use the output of `kubectl kustomize`",
        ),
        (
            "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
            "a.yaml: has no kind; expected a Kubernetes object; a Helm chart is rendered with `helm template`",
        ),
        ("kind: {{ .Values.kind }}\n", "a.yaml: a template that is not rendered; use the output of `helm template`"),
        ("a: {{ b }}: c\n", "a.yaml: a template that is not rendered; use the output of `helm template`"),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n",
            "a.yaml, a Pod: has generateName, with which kubectl apply does not work; expected metadata.name",
        ),
        ("apiVersion: v1\nkind: Pod\n", "a.yaml, a Pod: has no metadata.name"),
        ("kind: Pod\nmetadata: {name: a}\n", "a.yaml, a Pod: has no apiVersion"),
        ("replicas: 3\n", "a.yaml: has no kind; expected a Kubernetes object"),
        ("3\n", "a.yaml: not a mapping; expected a Kubernetes object"),
    ],
)
def test_text_that_is_no_manifest(written: str, problem: str) -> None:
    with pytest.raises(BadChange) as refused:
        proposal([("a.yaml", written)])
    assert str(refused.value) == problem
