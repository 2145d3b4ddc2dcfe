"""Pods of the DaemonSets of the static egress gateway.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/daemonset. A node that a DaemonSet selects has one pod of it.
"""

from dataclasses import replace

from tests.clusters.bundles import Cluster, Manifest
from tests.clusters.compose import identity
from tests.simulation.cluster_copy import ClusterCopy
from tests.simulation.controllers.admission import create_refusals
from tests.simulation.controllers.healthy import condition, created, model, owned_by, owns

_SYSTEM = "aks-static-egress-gateway"
CNI_NOT_READY = "egressgateway.kubernetes.azure.com/cni-not-ready"
DAEMONS = ("kube-egress-gateway-daemon-manager", "kube-egress-gateway-cni-manager")


def reconcile_daemon_sets(copy: ClusterCopy, before: Cluster) -> None:
    """A new pod for each that a step deleted, and for each that was refused and is no longer."""
    if copy.reconciled:
        _restore(copy)
    _leave_nodes(copy, before)
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


def _restore(copy: ClusterCopy) -> None:
    """AKS writes its DaemonSets again, and missing or outdated pods are created.

    Source: https://learn.microsoft.com/azure/aks/cluster-configuration#reconcile. A container whose reason is not in the
    template of the DaemonSet exits again.
    """
    if not (copy.properties().get("networkProfile") or {}).get("staticEgressGatewayProfile", {}).get("enabled"):
        return
    for name in DAEMONS:
        wanted = model("DaemonSet", _SYSTEM, name)
        found = copy.get("DaemonSet", _SYSTEM, name)
        if found is None:
            found = created(wanted, copy.stamp)
        copy.put({**found, "spec": wanted["spec"]})
        pods = [each for each in copy.of("Pod", _SYSTEM) if owns(found, each)]
        copy.drop(each for each in pods if _by_template(copy, each))
        copy.obstacles += [
            f"the container of {identity(each)[3]} exits; the cause is not in the facts"
            for each in pods
            if condition(each, "Ready") != "True" and not _by_template(copy, each) and _waits(each)
        ]
        if not create_refusals(copy, found):
            for node in _nodes_without(copy, found):
                add_daemon_pod(copy, name, node)


def _by_template(copy: ClusterCopy, pod: Manifest) -> bool:
    """Whether the DaemonSet's template is why a pod is not ready."""
    if copy.upgraded:
        return True
    if condition(pod, "Ready") == "True":
        return False
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    ended = [(each.get("lastState") or {}).get("terminated") or {} for each in statuses]
    log = "".join(text for key, text in copy.cluster.logs.items() if f"/{identity(pod)[3]}/" in key)
    same = [
        text
        for key, text in copy.cluster.logs.items()
        if key.startswith(f"{_SYSTEM}/{identity(pod)[3].rpartition('-')[0]}")
    ]
    return any(each.get("reason") == "OOMKilled" for each in ended) or "is not valid" in log + "".join(same)


def _replace(copy: ClusterCopy, owner: Manifest, pod: Manifest) -> None:
    """Replace a pod; a container that exited again and again does so in the new one.

    The reason why it exits is not in the facts.
    """
    if _waits(pod):
        copy.obstacles.append(f"the container of {identity(pod)[3]} exits; the cause is not in the facts")
        copy.put(created(pod, copy.stamp, name=f"{identity(pod)[3]}r"))
    else:
        add_daemon_pod(copy, identity(owner)[3], str(pod["spec"].get("nodeName", "")))


def _leave_nodes(copy: ClusterCopy, before: Cluster) -> None:
    """The pods of a DaemonSet leave the nodes that its new affinity excludes.

    The daemons of the static egress gateway then configure their nodes.
    """
    for daemon in copy.of("DaemonSet"):
        old = next((e for e in before.objects if identity(e)[1:] == identity(daemon)[1:]), daemon)
        terms = _excluded(daemon)
        if old.get("spec") == daemon.get("spec") or not terms:
            continue
        gateway = {identity(e)[3] for e in copy.of("Node") if _mode(e) in terms}
        gone = [
            pod
            for pod in copy.of("Pod", identity(daemon)[2])
            if owns(daemon, pod)
            or any(o.get("name") == identity(daemon)[3] for o in pod["metadata"].get("ownerReferences", ()))
        ]
        copy.drop(pod for pod in gone if pod["spec"].get("nodeName") in gateway)
        report_configured(copy, "ensure chain")


def _mode(node: Manifest) -> str:
    return str((node["metadata"].get("labels") or {}).get("kubernetes.azure.com/mode", ""))


def _excluded(daemon: Manifest) -> list[str]:
    """The modes of nodes on which a DaemonSet does not run, by its affinity."""
    affinity = ((daemon["spec"]["template"].get("spec") or {}).get("affinity") or {}).get("nodeAffinity") or {}
    terms = (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or ()
    found = [e for term in terms for e in term.get("matchExpressions") or () if e.get("operator") == "NotIn"]
    return [str(v) for e in found if e.get("key") == "kubernetes.azure.com/mode" for v in e.get("values") or ()]


def report_configured(copy: ClusterCopy, fault: str) -> None:
    """The daemons whose log reports a fault report after it that they configured the gateway."""
    line = f"\n{copy.stamp} INFO Gateway configuration reconciled\n"
    prefix = f"{_SYSTEM}/{DAEMONS[0]}"
    logs = {k: text + line if k.startswith(prefix) and fault in text else text for k, text in copy.cluster.logs.items()}
    copy.cluster = replace(copy.cluster, logs=logs)


def _waits(pod: Manifest) -> bool:
    """Whether a container of the pod waits, for example to start again after it exited."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return any((each.get("state") or {}).get("waiting") for each in statuses)


def _was_refused(copy: ClusterCopy, daemon: Manifest) -> bool:
    return any(
        each.get("reason") == "FailedCreate" and (each.get("involvedObject") or {}).get("name") == identity(daemon)[3]
        for each in copy.of("Event", identity(daemon)[2])
    )


def _nodes_without(copy: ClusterCopy, daemon: Manifest) -> list[str]:
    pods = [each for each in copy.of("Pod", _SYSTEM) if owns(daemon, each)]
    used = {(each.get("spec") or {}).get("nodeName") for each in pods}
    gateway = identity(daemon)[3] == DAEMONS[0]
    return [
        identity(each)[3]
        for each in copy.of("Node")
        if identity(each)[3] not in used
        and gateway == ((each["metadata"].get("labels") or {}).get("kubernetes.azure.com/mode") == "gateway")
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


def _remove_taint(copy: ClusterCopy, name: str) -> None:
    """The cni-manager removes its taint when it has written the CNI configuration."""
    node = copy.get("Node", "", name)
    taints = ((node or {}).get("spec") or {}).get("taints") or ()
    kept = [each for each in taints if each.get("key") != CNI_NOT_READY]
    if node is not None and len(kept) < len(taints):
        copy.put({**node, "spec": {**node["spec"], "taints": kept}})


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
    if daemon == DAEMONS[1]:
        _remove_taint(copy, node)
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
