"""Pods of Deployments.

Sources: https://kubernetes.io/docs/concepts/workloads/controllers/deployment (a changed template replaces the pods one group at
a time, and a pod that is not created or not ready stops the replacement), and
https://kubernetes.io/docs/concepts/workloads/controllers/replicaset.

A new pod is created unless the API server refuses it, and becomes ready unless the obstacle of the pods before it is still in
the facts, or is not in the facts at all.
"""

import copy as copies
from typing import Any

from tests.clusters.bundles import Cluster, Manifest
from tests.clusters.compose import identity
from tests.simulation.cluster_copy import ClusterCopy
from tests.simulation.controllers.admission import create_refusals
from tests.simulation.controllers.healthy import condition, created, owned_by, owns
from tests.simulation.controllers.service_entries import allocate_addresses
from tests.simulation.controllers.starts import start_obstacles


def reconcile_workloads(copy: ClusterCopy, before: Cluster) -> None:
    """Replace, create and delete the pods of every Deployment; write statuses."""
    for deployment in copy.of("Deployment"):
        _reconcile(copy, before, deployment)


def _reconcile(copy: ClusterCopy, before: Cluster, deployment: Manifest) -> None:
    old = _before(before, deployment)
    sets = [each for each in copy.of("ReplicaSet", _namespace(deployment)) if owns(deployment, each)]
    pods = [
        each
        for each in copy.of("Pod", _namespace(deployment))
        if any(owns(owner, each) for owner in sets) or (not sets and _by_name(deployment, each))
    ]
    wanted = int((deployment.get("spec") or {}).get("replicas", 1))
    rolled = old is None or _template(old) != _template(deployment)
    if (deployment.get("spec") or {}).get("paused"):
        return
    scaled = old is not None and (old.get("spec") or {}).get("replicas") != (deployment.get("spec") or {}).get(
        "replicas"
    )
    if not rolled and not scaled and len(pods) >= wanted and not _released(copy, before, deployment, pods):
        _admit(copy, deployment)
        return
    kept = [] if rolled or _released(copy, before, deployment, pods) else pods[:wanted]
    if create_refusals(copy, deployment):
        return
    if obstacles := start_obstacles(copy, deployment):
        copy.obstacles += [each for each in obstacles if "not in the facts" in each]
        _fail_again(copy, before, sets)
        return
    copy.drop(each for each in pods if each not in kept)
    copy.drop(
        each
        for each in copy.of("PodEndpoint", _namespace(deployment))
        if any(identity(each)[3] == identity(pod)[3] for pod in pods if pod not in kept)
    )
    owner = _replica_set(copy, deployment, sets, rolled)
    names = [identity(each)[3] for each in kept]
    nodes = _nodes(copy, pods, wanted)
    for number in range(wanted - len(kept)):
        pod = _pod(copy, deployment, owner, number, nodes[number % len(nodes)] if nodes else "")
        names.append(identity(pod)[3])
        copy.put(pod)
    _write_status(copy, deployment, owner, wanted)


def _fail_again(copy: ClusterCopy, before: Cluster, sets: list[Manifest]) -> None:
    """The pods that replace deleted ones have the obstacle of those."""
    present = {identity(each) for each in copy.of("Pod")}
    for pod in before.objects:
        if pod["kind"] == "Pod" and identity(pod) not in present and any(owns(owner, pod) for owner in sets):
            copy.put(pod)
            networks = [each for each in before.objects if each["kind"] == "PodEndpoint"]
            for each in (one for one in networks if identity(one)[2:] == identity(pod)[2:]):
                copy.put(each)


def _admit(copy: ClusterCopy, deployment: Manifest) -> None:
    """The condition of a refusal ends when the API server admits the pods."""
    status = deployment.get("status") or {}
    conditions = status.get("conditions") or ()
    kept = [each for each in conditions if each.get("type") != "ReplicaFailure"]
    if len(kept) < len(conditions) and not create_refusals(copy, deployment):
        count = int((deployment.get("spec") or {}).get("replicas", 1))
        numbers = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), count)
        copy.put({**deployment, "status": {**status, **numbers, "conditions": kept}})


def _by_name(deployment: Manifest, pod: Manifest) -> bool:
    """Whether a pod is one of the Deployment, by the name of its unread ReplicaSet."""
    owners = pod["metadata"].get("ownerReferences") or ()
    return any(
        each.get("kind") == "ReplicaSet" and str(each["name"]).rpartition("-")[0] == identity(deployment)[3]
        for each in owners
    )


def _released(copy: ClusterCopy, before: Cluster, deployment: Manifest, pods: list[Manifest]) -> bool:
    """Whether waiting pods can start now, because a step changed an object."""
    if all(condition(each, "Ready") == "True" for each in pods) and pods:
        return False
    return copy.cluster.objects != before.objects and bool(pods)


def _before(before: Cluster, thing: Manifest) -> Manifest | None:
    return next((each for each in before.objects if identity(each)[1:] == identity(thing)[1:]), None)


def _namespace(thing: Manifest) -> str:
    return identity(thing)[2]


def _template(deployment: Manifest) -> Any:
    return (deployment.get("spec") or {}).get("template")


def _replica_set(copy: ClusterCopy, deployment: Manifest, sets: list[Manifest], rolled: bool) -> Manifest:
    if sets and not rolled:
        return max(sets, key=lambda each: str(each["metadata"].get("creationTimestamp", "")))
    for each in sets:
        copy.put({**each, "spec": {**each["spec"], "replicas": 0}, "status": {"replicas": 0}})
    template = copies.deepcopy(_template(deployment))
    name = f"{identity(deployment)[3]}-5c8f9d7b64"
    template["metadata"]["labels"]["pod-template-hash"] = "5c8f9d7b64"
    revision = 1 + max(
        (int((e["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision", 1)) for e in sets),
        default=0,
    )
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name,
            "namespace": _namespace(deployment),
            "labels": template["metadata"]["labels"],
            "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            "ownerReferences": owned_by(deployment),
        },
        "spec": {
            "replicas": deployment["spec"].get("replicas", 1),
            "selector": deployment["spec"]["selector"],
            "template": template,
        },
    }
    found = created(manifest, copy.stamp)
    copy.put(found)
    return found


def _pod(copy: ClusterCopy, deployment: Manifest, owner: Manifest, number: int, node: str) -> Manifest:
    template = copies.deepcopy(_template(deployment))
    name = f"{identity(owner)[3]}-n{number}w{number}x"
    labels = {**(template["metadata"].get("labels") or {})}
    if hash_ := (owner["metadata"].get("labels") or {}).get("pod-template-hash"):
        labels["pod-template-hash"] = hash_
    spec = {**template["spec"], "nodeName": node}
    _inject(copy, _namespace(deployment), template, spec)
    host = copy.get("Node", "", node)
    address = f"10.244.{200 + len(copy.of('Pod')) % 50}.{10 + number}"
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": _namespace(deployment),
            "labels": labels,
            "annotations": template["metadata"].get("annotations") or {},
            "ownerReferences": owned_by(owner),
        },
        "spec": spec,
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": kind, "status": "True", "lastTransitionTime": copy.stamp} for kind in ("PodScheduled", "Ready")
            ],
            "initContainerStatuses": [_status(copy, each, True) for each in spec.get("initContainers") or ()],
            "containerStatuses": [_status(copy, each, False) for each in spec.get("containers") or ()],
            "podIP": address,
            "podIPs": [{"ip": address}],
            "startTime": copy.stamp,
            **(
                {"hostIP": host["status"]["addresses"][0]["address"]}
                if host and (host.get("status") or {}).get("addresses")
                else {}
            ),
        },
    }
    if any(each.get("name") == "istio-proxy" for each in (*spec["containers"], *(spec.get("initContainers") or ()))):
        copy.write_log(_namespace(deployment), name, "istio-proxy", f"{copy.stamp}\tinfo\tEnvoy proxy is ready\n")
    return created(manifest, copy.stamp)


def _status(copy: ClusterCopy, container: Manifest, initial: bool) -> Manifest:
    ended = initial and container.get("restartPolicy") != "Always"
    state = {"terminated": {"exitCode": 0, "reason": "Completed"}} if ended else {"running": {"startedAt": copy.stamp}}
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "ready": True,
        "started": True,
        "restartCount": 0,
        "state": state,
    }


def _inject(copy: ClusterCopy, namespace: str, template: Manifest, spec: Manifest) -> None:
    """The sidecar, if the labels of the namespace and of the pod select an injector.

    Source: https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy.
    """
    labels = template["metadata"].get("labels") or {}
    home = copy.get("Namespace", "", namespace) or {"metadata": {}}
    of_namespace = home["metadata"].get("labels") or {}
    revision = of_namespace.get("istio.io/rev") or labels.get("istio.io/rev")
    wanted = labels.get("sidecar.istio.io/inject") or (
        "true" if revision or of_namespace.get("istio-injection") == "enabled" else "false"
    )
    present = any(
        each.get("name") == "istio-proxy" for each in (*spec["containers"], *(spec.get("initContainers") or ()))
    )
    if wanted != "true" or present or not revision:
        return
    proxy: Manifest = {
        "name": "istio-proxy",
        "image": "mcr.microsoft.com/oss/v2/istio/proxyv2:v1.30.2-1",
        "args": ["proxy", "sidecar"],
    }
    if "ISTIO_META_DNS_CAPTURE" in str((template["metadata"].get("annotations") or {}).get("proxy.istio.io/config")):
        proxy["env"] = [{"name": "ISTIO_META_DNS_CAPTURE", "value": "true"}]
        allocate_addresses(copy)
    spec["containers"] = [*spec["containers"], proxy]
    template["metadata"]["annotations"] = {
        **(template["metadata"].get("annotations") or {}),
        "sidecar.istio.io/status": '{"containers":["istio-proxy"],"revision":"' + str(revision) + '"}',
        "istio.io/rev": str(revision),
    }


def _nodes(copy: ClusterCopy, pods: list[Manifest], wanted: int) -> list[str]:
    """The nodes of the pods before, then other ready nodes that are not gateway nodes."""
    ready = [
        identity(each)[3]
        for each in copy.of("Node")
        if condition(each, "Ready") == "True"
        and not (each.get("spec") or {}).get("unschedulable")
        and (each["metadata"].get("labels") or {}).get("kubernetes.azure.com/mode") != "gateway"
    ]
    used = [str((each.get("spec") or {}).get("nodeName", "")) for each in pods]
    first = list(dict.fromkeys(each for each in used if each in ready))
    return [*first, *(each for each in ready if each not in first)][: max(wanted, 1)]


def _write_status(copy: ClusterCopy, deployment: Manifest, owner: Manifest, count: int) -> None:
    generation = deployment["metadata"].get("generation", 1)
    numbers = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), count)
    available = {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}
    progressing = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
    times = {"lastUpdateTime": copy.stamp, "lastTransitionTime": copy.stamp}
    conditions = [{**available, **times}, {**progressing, **times}]
    copy.put({**deployment, "status": {"observedGeneration": generation, **numbers, "conditions": conditions}})
    found = copy.get("ReplicaSet", _namespace(owner), identity(owner)[3]) or owner
    ready = dict.fromkeys(("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas"), count)
    copy.put({**found, "status": {**ready, "observedGeneration": found["metadata"].get("generation", 1)}})
    budget = copy.get("PodDisruptionBudget", _namespace(deployment), identity(deployment)[3])
    if budget is not None:
        least = (budget.get("spec") or {}).get("minAvailable", 1)
        allowed = max(count - least, 0) if isinstance(least, int) else 1
        health = {
            "currentHealthy": count,
            "desiredHealthy": count - allowed,
            "expectedPods": count,
            "disruptionsAllowed": allowed,
        }
        copy.put({**budget, "status": {**(budget.get("status") or {}), **health, "conditions": []}})
    scaler = copy.get("HorizontalPodAutoscaler", _namespace(deployment), identity(deployment)[3])
    if scaler is not None:
        metric = {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 11}}}
        ok = [
            {"type": kind, "status": "True", "lastTransitionTime": copy.stamp}
            for kind in ("AbleToScale", "ScalingActive")
        ]
        numbers = dict.fromkeys(("currentReplicas", "desiredReplicas"), count)
        copy.put({**scaler, "status": {**numbers, "currentMetrics": [metric], "conditions": ok}})


def keep_pods_of_unread_owners(copy: ClusterCopy, before: Cluster) -> None:
    """Create a deleted pod again whose owner is not among the facts: it fails as before."""
    present = {identity(each)[1:] for each in copy.cluster.objects}
    for pod in before.objects:
        owners = (pod.get("metadata") or {}).get("ownerReferences") or ()
        if pod["kind"] != "Pod" or identity(pod)[1:] in present or not owners:
            continue
        if all((each["kind"], identity(pod)[2], each["name"]) not in present for each in owners):
            copy.put(created(pod, copy.stamp, name=f"{identity(pod)[3][:-5]}n0w0x"))
