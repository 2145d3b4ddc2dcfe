"""The objects of the egress gateways that are enabled in the mesh profile.

Source: https://learn.microsoft.com/azure/aks/istio-deploy-egress and docs/domain/components.md. The add-on keeps a Deployment
for each revision, a Service, a HorizontalPodAutoscaler and a PodDisruptionBudget, and writes the name of the
StaticGatewayConfiguration into the pod template, which replaces the pods.
"""

import copy as copies
from typing import Any

from tests.clusters.bundles import Manifest
from tests.simulation.cluster_copy import ClusterCopy
from tests.simulation.controllers.healthy import created, model

_ROOT = "aks-istio-system"
_ANNOTATION = "kubernetes.azure.com/static-gateway-configuration"


def reconcile_gateways(copy: ClusterCopy) -> None:
    """Bring the objects of every enabled gateway into the state of the mesh profile."""
    istio = _istio(copy)
    for entry in (istio.get("components") or {}).get("egressGateways") or ():
        namespace = entry.get("namespace") or "aks-istio-egress"
        if entry.get("enabled") and copy.get("Namespace", "", namespace) is not None:
            for revision in istio.get("revisions") or ():
                _reconcile(copy, namespace, entry["name"], revision, entry.get("gatewayConfigurationName") or "")


def _istio(copy: ClusterCopy) -> Manifest:
    """The settings of Istio in the mesh profile."""
    return dict((copy.properties().get("serviceMeshProfile") or {}).get("istio") or {})


def restore_control_planes(copy: ClusterCopy) -> None:
    """Create the Deployments of istiod that revisions of the mesh profile lack.

    This is the effect of `az aks update` without changes.
    """
    for revision in _istio(copy).get("revisions") or ():
        if copy.get("Deployment", _ROOT, f"istiod-{revision}") is None:
            found = _renamed(copy, "Deployment", _ROOT, f"istiod-{revision}", "", revision, like="istiod-asm-1-30")
            copy.put({**found, "status": {}})


def _reconcile(copy: ClusterCopy, namespace: str, gateway: str, revision: str, configuration: str) -> None:
    _restore_service(copy, namespace, gateway, revision)
    name = f"{gateway}-{revision}"
    deployment = copy.get("Deployment", namespace, name)
    if deployment is None:
        deployment = _renamed(copy, "Deployment", namespace, name, gateway, revision)
        deployment["status"] = {}
        copy.put(deployment)
    for kind in ("HorizontalPodAutoscaler", "PodDisruptionBudget"):
        if copy.get(kind, namespace, name) is None:
            copy.put(_renamed(copy, kind, namespace, name, gateway, revision))
    annotations = deployment["spec"]["template"]["metadata"].get("annotations") or {}
    if configuration and annotations.get(_ANNOTATION) != configuration:
        changed = copies.deepcopy(deployment)
        changed["spec"]["template"]["metadata"]["annotations"] = {**annotations, _ANNOTATION: configuration}
        changed["metadata"]["generation"] = changed["metadata"].get("generation", 1) + 1
        copy.put(changed)


def _restore_service(copy: ClusterCopy, namespace: str, gateway: str, revision: str) -> None:
    """The Service as the add-on's Helm release declares it, with a cluster IP."""
    declared = _renamed(copy, "Service", namespace, gateway, gateway, revision)
    found = copy.get("Service", namespace, gateway)
    if found is None:
        copy.put(declared)
        return
    kept = found.get("spec") or {}
    spec = {**declared["spec"], **{key: value for key, value in kept.items() if key not in ("type", "selector")}}
    if spec.get("clusterIP") in (None, "", "None"):
        spec.update({"clusterIP": "10.0.128.18", "clusterIPs": ["10.0.128.18"]})
    if spec != kept:
        copy.put({**found, "spec": spec})


def _renamed(
    copy: ClusterCopy, kind: str, namespace: str, name: str, gateway: str, revision: str, like: str = ""
) -> Manifest:
    """The object of the healthy cluster with these names.

    `like` is the name of an object of the control plane.
    """
    words = {"egw": gateway, "asm-1-30": revision, "team-egress": namespace, like or "egw-asm-1-30": name}

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: renamed(each) for key, each in value.items()}
        if isinstance(value, list):
            return [renamed(each) for each in value]
        return words.get(value, value) if isinstance(value, str) else value

    return created(
        renamed(model(kind, _ROOT, like) if like else model(kind, "team-egress", "egw")),
        copy.stamp,
        name=name,
        namespace=namespace,
    )
