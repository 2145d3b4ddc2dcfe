"""The object after a change, and the command that makes the change.

The object is as the API server stores it.
"""

from typing import Any

import pytest
import yaml

from checks.facts.changes import (
    Apply,
    ChangeRefused,
    Delete,
    JsonPatch,
    MergePatch,
    corrected_manifest,
)
from checks.facts.fact import KubernetesObject
from checks.facts.gateway_api import KubernetesGateway
from checks.facts.istio_networking import Gateway, VirtualService
from checks.facts.manifests import LAST_APPLIED, manifest_yaml

ROUTE: dict[str, Any] = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "cnn", "namespace": "shop", "labels": {"team": "shop"}},
    "spec": {
        "hosts": ["edition.cnn.com"],
        "gateways": ["mesh"],
        "http": [{"route": [{"destination": {"host": "egw"}}]}],
    },
}


def route(**spec: Any) -> VirtualService:
    read = {"uid": "5f3", "generation": 3, "resourceVersion": "71", "managedFields": [{"manager": "kubectl"}]}
    metadata = {**ROUTE["metadata"], **read}
    return VirtualService(
        {**ROUTE, "metadata": metadata, "spec": {**ROUTE["spec"], **spec}, "status": {"conditions": []}}
    )


def test_a_field_that_is_removed_from_the_file_is_removed_by_the_next_apply() -> None:
    """exportTo was in the file when it was applied first.

    Another controller has since added a label.
    """
    hidden = Apply({**ROUTE, "spec": {**ROUTE["spec"], "exportTo": ["."]}}).applied(None)
    labelled = {**hidden, "metadata": {**hidden["metadata"], "labels": {"team": "shop", "audit": "passed"}}}
    visible = Apply(ROUTE).applied(labelled)
    assert visible["spec"] == ROUTE["spec"]
    assert visible["metadata"]["labels"] == {"team": "shop", "audit": "passed"}


def test_a_field_that_was_never_in_the_file_stays() -> None:
    """The object was created by `kubectl create`.

    It has no annotation with the last applied manifest.
    """
    assert Apply(ROUTE).applied(route(exportTo=["."]).raw)["spec"]["exportTo"] == ["."]


@pytest.mark.parametrize(
    ("entry", "left"),
    [
        ({"manager": "kubectl-client-side-apply", "operation": "Update"}, None),
        ({"manager": "kustomize-controller", "operation": "Apply"}, None),
        ({"manager": "kubectl-create", "operation": "Update"}, ["."]),
        ({"manager": "kubectl-edit", "operation": "Update"}, ["."]),
    ],
)
def test_a_live_read_without_the_annotation(entry: dict[str, str], left: list[str] | None) -> None:
    """The field managers show what the next apply of a file without exportTo does.

    The apply removes the field or leaves it.
    """
    read = route(exportTo=["."]).raw
    live = {**read, "metadata": {**read["metadata"], "managedFields": [entry]}}
    assert Apply(ROUTE).applied(live)["spec"].get("exportTo") == left


def test_a_built_in_kind_keeps_what_the_api_server_added() -> None:
    metadata = {"name": "egw", "namespace": "team-egress"}
    manifest = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": {"app": "egw"}}}
    managed = {**metadata, "managedFields": [{"manager": "kubectl-client-side-apply", "operation": "Update"}]}
    live = {**manifest, "metadata": managed, "spec": {"selector": {"app": "old"}, "clusterIP": "10.0.0.7"}}
    assert Apply(manifest).applied(live)["spec"] == {"selector": {"app": "egw"}, "clusterIP": "10.0.0.7"}


def test_apply_keeps_what_the_cluster_reported() -> None:
    applied = Apply({**ROUTE, "status": {"conditions": ["from the file"]}}).applied(route().raw)
    assert applied["status"] == {"conditions": []}
    assert applied["metadata"]["uid"] == "5f3"
    assert "status" not in Apply({**ROUTE, "status": {}}).applied(None)


def test_the_annotation_has_the_form_that_kubectl_writes() -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "b"},
        "data": {"k": "v"},
    }
    written = Apply(manifest).applied(None)["metadata"]["annotations"][LAST_APPLIED]
    assert written == (
        '{"apiVersion":"v1","data":{"k":"v"},"kind":"ConfigMap",'
        '"metadata":{"annotations":{},"name":"a","namespace":"b"}}\n'
    )


@pytest.mark.parametrize(
    ("manifest", "ref"),
    [
        ({**ROUTE, "metadata": {"name": "cnn"}}, "VirtualService default/cnn"),
        ({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "namespace": "x"}}, "Namespace shop"),
    ],
)
def test_the_namespace_of_a_manifest_without_the_right_one(manifest: dict[str, Any], ref: str) -> None:
    change = Apply(manifest)
    assert change.ref == ref
    assert change.fact_type(change.applied(None)).ref == ref


def test_a_merge_patch_replaces_lists_and_removes_fields_with_null() -> None:
    patched = MergePatch(route(exportTo=["."]), {"spec": {"exportTo": None, "hosts": ["a.example"]}}).applied(
        route().raw
    )
    assert patched["spec"] == {**ROUTE["spec"], "hosts": ["a.example"]}


def test_a_json_patch_adds_to_a_list_and_leaves_the_object_that_was_read_as_it_was() -> None:
    read = route()
    patch = JsonPatch(read, ({"op": "add", "path": "/spec/hosts/-", "value": "www.cnn.com"},))
    assert patch.applied(read.raw)["spec"]["hosts"] == ["edition.cnn.com", "www.cnn.com"]
    assert read == route()


@pytest.mark.parametrize(
    ("operation", "reason"),
    [
        ({"op": "add", "path": "/spec/tls/0/match", "value": []}, "no such field or list entry"),
        ({"op": "add", "path": "/spec/http/7", "value": {}}, "no such field or list entry"),
        ({"op": "add", "path": "/spec/hosts/0/name", "value": 1}, "no such field or list entry"),
        ({"op": "remove", "path": "/spec/exportTo"}, "no such field or list entry"),
        ({"op": "replace", "path": "/spec/exportTo", "value": ["."]}, "no such field or list entry"),
        ({"op": "remove", "path": "/spec/http/first"}, "no such field or list entry"),
        ({"op": "test", "path": "/spec/hosts/0", "value": "other.example"}, "the field has another value"),
        ({"op": "merge", "path": "/spec"}, "not a valid operation"),
        ({"op": "add", "path": "/spec/hosts"}, "not a valid operation"),
        ({"path": "/spec"}, "not a valid operation"),
        ({"op": "replace", "path": "", "value": 3}, "not an object"),
        ({"op": "replace", "path": "/metadata/name", "value": "bbc"}, "metadata.name cannot be changed"),
    ],
)
def test_a_json_patch_that_the_api_server_refuses(operation: dict[str, Any], reason: str) -> None:
    """One operation that cannot be applied makes the API server refuse the whole patch."""
    first = {"op": "add", "path": "/spec/hosts/-", "value": "www.cnn.com"}
    with pytest.raises(ChangeRefused, match=f"VirtualService shop/cnn: .*{reason}"):
        JsonPatch(route(), (first, operation)).applied(route().raw)


def test_a_patch_or_deletion_of_an_object_that_does_not_exist() -> None:
    for change in (MergePatch(route(), {}), JsonPatch(route(), ()), Delete(route())):
        with pytest.raises(ChangeRefused, match="VirtualService shop/cnn does not exist"):
            change.applied(None)


def test_a_patch_of_the_status_changes_nothing() -> None:
    assert MergePatch(route(), {"status": {"conditions": ["healthy"]}}).applied(route().raw) == route().raw


@pytest.mark.parametrize(
    ("thing", "resource"),
    [(Gateway, "gateways.networking.istio.io"), (KubernetesGateway, "gateways.gateway.networking.k8s.io")],
)
def test_a_command_names_the_resource_in_full(thing: type[KubernetesObject], resource: str) -> None:
    gateway = thing({"metadata": {"name": "egw", "namespace": "team-egress"}})
    assert Delete(gateway).command == f"kubectl delete {resource} egw -n team-egress"
    assert MergePatch(gateway, {"spec": {"a": None}}).command == (
        f"""kubectl patch {resource} egw --type merge -p '{{"spec":{{"a":null}}}}' -n team-egress"""
    )
    assert JsonPatch(gateway, ({"op": "remove", "path": "/spec/a"},)).command == (
        f"""kubectl patch {resource} egw --type json -p '[{{"op":"remove","path":"/spec/a"}}]' -n team-egress"""
    )


def test_the_command_of_an_apply_contains_the_whole_manifest() -> None:
    first, _, rest = Apply(ROUTE).command.partition("\n")
    assert first == "kubectl apply -f - <<'EOF'"
    assert yaml.safe_load(rest.removesuffix("EOF")) == ROUTE


def test_the_corrected_manifest_is_what_people_write() -> None:
    """No uid, generation, managedFields, status, nor the record of the last apply."""
    read = Apply(ROUTE).applied(route().raw)
    corrected = corrected_manifest(MergePatch(VirtualService(read), {"spec": {"hosts": ["a.example"]}}))
    assert corrected == {**ROUTE, "spec": {**ROUTE["spec"], "hosts": ["a.example"]}}
    assert yaml.safe_load(manifest_yaml(corrected)) == corrected


def test_the_corrected_manifest_of_an_object_from_a_list_without_apiversion() -> None:
    bare = VirtualService({key: ROUTE[key] for key in ("metadata", "spec")})
    assert corrected_manifest(MergePatch(bare, {})) == ROUTE


def test_a_kind_that_is_never_read() -> None:
    with pytest.raises(ChangeRefused, match=r"Ingress shop/deny: kind Ingress of networking.k8s.io/v1 is not known"):
        _ = Apply(
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "Ingress",
                "metadata": {"name": "deny", "namespace": "shop"},
            }
        ).fact_type
