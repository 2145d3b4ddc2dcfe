"""The title of an action names the program that undoes the change."""

from typing import Any

import pytest

from checks.facts.namespaces import ResourceQuota
from checks.facts.workloads import Deployment
from checks.kubernetes.ownership import with_owner
from checks.model.commands import change


def _quota(**metadata: Any) -> ResourceQuota:
    return ResourceQuota({"metadata": {"name": "compute", "namespace": "team-egress", **metadata}})


@pytest.mark.parametrize(
    ("metadata", "note"),
    [
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": "tenants:/ResourceQuota:team-egress/compute"}},
            "Argo CD application tenants undoes it within minutes: change the source of the application too",
        ),
        (
            {
                "labels": {
                    "kustomize.toolkit.fluxcd.io/name": "tenants",
                    "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
                }
            },
            "Flux Kustomization flux-system/tenants undoes it within minutes: change the source of the Kustomization too",
        ),
        (
            {"annotations": {"meta.helm.sh/release-name": "quotas", "meta.helm.sh/release-namespace": "platform"}},
            "Helm release platform/quotas undoes it at its next upgrade: change the values of the release too",
        ),
        (
            {"labels": {"addonmanager.kubernetes.io/mode": "Reconcile"}},
            "AKS undoes it within minutes: change the add-on's settings in Azure too",
        ),
        (
            {"ownerReferences": [{"kind": "Tenant", "name": "payments", "controller": True}]},
            "Tenant payments undoes it within seconds: change Tenant payments too",
        ),
        (
            {"labels": {"generate.kyverno.io/policy-name": "add-quota"}},
            "Kyverno policy add-quota undoes it within seconds: change the policy too",
        ),
        (
            {"managedFields": [{"manager": "Terraform", "operation": "Apply"}]},
            "Terraform undoes it at its next run: change its configuration too",
        ),
    ],
    ids=["argo-cd", "flux", "helm", "aks", "owner", "kyverno", "terraform"],
)
def test_the_title_names_the_program_that_undoes_the_change(metadata: dict[str, Any], note: str) -> None:
    assert with_owner(change("Raise the quota"), _quota(**metadata)).title == f"Raise the quota ({note})"


def test_an_object_that_was_created_by_hand_keeps_the_change() -> None:
    by_hand = _quota(
        labels={"addonmanager.kubernetes.io/mode": "EnsureExists"},
        ownerReferences=[{"kind": "Tenant", "name": "payments"}],
        managedFields=[{"manager": "kubectl-edit"}, {"manager": "argocd-controller", "subresource": "status"}],
    )
    assert with_owner(change("Raise the quota"), by_hand, None).title == "Raise the quota"


def test_one_program_is_named_once_for_two_objects() -> None:
    release = {"annotations": {"meta.helm.sh/release-name": "policy"}}
    deployment = Deployment({"metadata": {"name": "server", "namespace": "policy", **release}})
    assert with_owner(change("Raise it"), deployment, _quota(**release)).title.count("Helm release policy") == 1


def test_the_gateway_s_deployment_is_managed_by_the_add_on() -> None:
    labels = {"azureservicemesh/istio.component": "egress-gateway", "helm.toolkit.fluxcd.io/name": "asm-egx-egw"}
    deployment = Deployment({"metadata": {"name": "egw-asm-1-30", "namespace": "team-egress", "labels": labels}})
    assert "The Istio add-on undoes it within minutes" in with_owner(change("Scale it"), deployment).title
