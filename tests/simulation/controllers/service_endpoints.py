"""The endpoints of Services.

Source: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices.
"""

from checks.facts.label_selectors import selects
from tests.clusters.bundles import Manifest
from tests.clusters.compose import identity
from tests.simulation.cluster_copy import ClusterCopy
from tests.simulation.controllers.healthy import condition, created, owned_by


def write_endpoints(copy: ClusterCopy) -> None:
    """The EndpointSlices of Services with a selector that gained or lost pods."""
    for service in copy.of("Service"):
        selector = (service.get("spec") or {}).get("selector")
        if not selector:
            continue
        namespace, name = identity(service)[2], identity(service)[3]
        pods = [
            each
            for each in copy.of("Pod", namespace)
            if selects(selector, each["metadata"].get("labels") or {}) and (each.get("status") or {}).get("podIP")
        ]
        slices = [
            each
            for each in copy.of("EndpointSlice", namespace)
            if (each["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == name
        ]
        known = {str((e.get("targetRef") or {}).get("uid")) for s in slices for e in s.get("endpoints") or ()}
        if known == {str(each["metadata"].get("uid")) for each in pods} and slices:
            continue
        copy.drop(slices)
        copy.put(_slice(copy, service, pods, slices))


def _slice(copy: ClusterCopy, service: Manifest, pods: list[Manifest], slices: list[Manifest]) -> Manifest:
    name = identity(slices[0])[3] if slices else f"{identity(service)[3]}-x7k2p"
    labels = {**(service["metadata"].get("labels") or {}), "kubernetes.io/service-name": identity(service)[3]}
    ports = [
        {
            "name": each.get("name", ""),
            "port": each.get("targetPort", each["port"]),
            "protocol": each.get("protocol", "TCP"),
        }
        for each in service["spec"].get("ports") or ()
    ]
    manifest = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name,
            "namespace": identity(service)[2],
            "labels": labels,
            "ownerReferences": owned_by(service),
        },
        "addressType": "IPv4",
        "endpoints": [_endpoint(each) for each in pods],
        "ports": ports,
    }
    return created(manifest, copy.stamp)


def _endpoint(pod: Manifest) -> Manifest:
    ready = condition(pod, "Ready") == "True"
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": ready, "terminating": False},
        "nodeName": pod["spec"].get("nodeName", ""),
        "targetRef": {
            "kind": "Pod",
            "namespace": identity(pod)[2],
            "name": identity(pod)[3],
            "uid": pod["metadata"].get("uid"),
        },
    }
