"""Pods of the DaemonSets of the static egress gateway.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset. A node that a DaemonSet selects has one pod of it.
"""

from tests.clusters.bundles import Cluster, Manifest
from tests.clusters.compose import identity
from tests.simulation.cluster_copy import ClusterCopy
from tests.simulation.controllers.admission import create_refusals
from tests.simulation.controllers.healthy import condition, created, model, owned_by, owns

_SYSTEM = "aks-static-egress-gateway"
DAEMONS = ("kube-egress-gateway-daemon-manager", "kube-egress-gateway-cni-manager")


def reconcile_daemon_sets(copy: ClusterCopy, before: Cluster) -> None:
    """A new pod for each that a step deleted, and for each that was refused and is no longer."""
    present = {identity(each)[1:] for each in copy.of("Pod")}
    for pod in before.objects:
        if pod["kind"] == "Pod" and identity(pod)[1:] not in present:
            owner = next((each for each in copy.of("DaemonSet", identity(pod)[2]) if owns(each, pod)), None)
            if owner is not None:
                _replace(copy, owner, pod)
    for name in DAEMONS:
        daemon = copy.get("DaemonSet", _SYSTEM, name)
        if daemon is not None and _was_refused(copy, daemon) and not create_refusals(copy, daemon):
            for node in _nodes_without(copy, daemon):
                add_daemon_pod(copy, name, node)


def _replace(copy: ClusterCopy, owner: Manifest, pod: Manifest) -> None:
    """Replace a pod; a container that exited again and again does so in the new one.

    The reason why it exits is not in the facts.
    """
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    if any((each.get("state") or {}).get("waiting") for each in statuses):
        copy.obstacles.append(f"the container of {identity(pod)[3]} exits; the cause is not in the facts")
        copy.put(created(pod, copy.stamp, name=f"{identity(pod)[3]}r"))
    else:
        add_daemon_pod(copy, identity(owner)[3], str(pod["spec"].get("nodeName", "")))


def _was_refused(copy: ClusterCopy, daemon: Manifest) -> bool:
    return any(
        each.get("reason") == "FailedCreate" and (each.get("involvedObject") or {}).get("name") == identity(daemon)[3]
        for each in copy.of("Event", identity(daemon)[2])
    )


def _nodes_without(copy: ClusterCopy, daemon: Manifest) -> list[str]:
    pods = [each for each in copy.of("Pod", _SYSTEM) if owns(daemon, each)]
    used = {(each.get("spec") or {}).get("nodeName") for each in pods}
    gateway_only = identity(daemon)[3] == DAEMONS[0]
    return [
        identity(each)[3]
        for each in copy.of("Node")
        if identity(each)[3] not in used
        and (not gateway_only or (each["metadata"].get("labels") or {}).get("kubernetes.azure.com/mode") == "gateway")
    ]


def restart_daemons(copy: ClusterCopy, node: str) -> None:
    """New pods of the static egress components on a node that was started."""
    for daemon in DAEMONS:
        old = [
            each
            for each in copy.of("Pod", _SYSTEM)
            if each["metadata"]["name"].startswith(daemon) and (each.get("spec") or {}).get("nodeName") == node
        ]
        if old and condition(old[0], "Ready") != "True":
            copy.drop(old)
            add_daemon_pod(copy, daemon, node)


def add_daemon_pod(copy: ClusterCopy, daemon: str, node: str) -> None:
    """A ready pod of a DaemonSet on a node, if the DaemonSet exists."""
    owner = copy.get("DaemonSet", _SYSTEM, daemon)
    if owner is None:
        return
    pod = model("Pod", _SYSTEM, daemon)
    pod["spec"]["nodeName"] = node
    pod["status"]["conditions"] = [
        {"type": kind, "status": "True", "lastTransitionTime": copy.stamp} for kind in ("PodScheduled", "Ready")
    ]
    pod["status"]["startTime"] = copy.stamp
    for each in pod["status"].get("containerStatuses") or ():
        each.update({"ready": True, "restartCount": 0, "state": {"running": {"startedAt": copy.stamp}}})
        each.pop("lastState", None)
    ip = f"10.224.9.{len(copy.of('Pod')) % 250}"
    pod["status"].update({"podIP": ip, "podIPs": [{"ip": ip}]})
    copy.put(created(pod, copy.stamp, name=f"{daemon}-{node.replace('-', '')[-8:]}", ownerReferences=owned_by(owner)))
    status = dict(owner.get("status") or {})
    count = len([each for each in copy.of("Pod", _SYSTEM) if each["metadata"]["name"].startswith(daemon)])
    ready = len(
        [
            each
            for each in copy.of("Pod", _SYSTEM)
            if each["metadata"]["name"].startswith(daemon) and condition(each, "Ready") == "True"
        ]
    )
    status.update(
        {"desiredNumberScheduled": max(count, status.get("desiredNumberScheduled") or 0), "numberReady": ready}
    )
    status.update({"currentNumberScheduled": count, "numberAvailable": ready, "updatedNumberScheduled": count})
    if ready >= status["desiredNumberScheduled"]:
        status.pop("numberUnavailable", None)
    copy.put({**owner, "status": status})
