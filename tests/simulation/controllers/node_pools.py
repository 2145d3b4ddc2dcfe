"""The nodes of a new or started node pool.

AKS creates `count` nodes with the pool's labels (https://learn.microsoft.com/azure/aks/use-labels#reserved-labels).
"""

from tests.clusters.bundles import Manifest
from tests.simulation.cluster_copy import ClusterCopy
from tests.simulation.controllers.daemon_sets import DAEMONS, add_daemon_pod, restart_daemons
from tests.simulation.controllers.healthy import created, model


def add_nodes(copy: ClusterCopy) -> None:
    """Add the nodes that running pools lack, with the pods of the static egress components."""
    for pool in copy.cluster.agent_pools or ():
        name, properties = str(pool["name"]), pool["properties"]
        running = (properties.get("powerState") or {}).get("code", "Running") == "Running"
        present = [each for each in copy.of("Node") if _pool_of(each) == name.lower()]
        started = running and not _was_running(copy, name)
        for node in present:
            if not started and node["metadata"]["name"] not in copy.restarted:
                continue
            ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": copy.stamp}
            copy.put({**_reachable(node), "status": {**(node.get("status") or {}), "conditions": [ready]}})
            restart_daemons(copy, node["metadata"]["name"])
        missing = (properties.get("count") or 0) - len(present) if running else 0
        for _ in range(missing):
            _add(copy, name, str(properties.get("mode")) == "Gateway", len(copy.of("Node")))


def _reachable(node: Manifest) -> Manifest:
    """The node without the taints of one that does not report or does not run."""
    taints = [
        each
        for each in (node.get("spec") or {}).get("taints") or ()
        if not str(each.get("key")).startswith(("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/"))
    ]
    return {**node, "spec": {**(node.get("spec") or {}), "taints": taints}}


def _was_running(copy: ClusterCopy, name: str) -> bool:
    found = next((each for each in copy.recorded.agent_pools or () if each["name"] == name), None)
    return found is None or (found["properties"].get("powerState") or {}).get("code", "Running") == "Running"


def _pool_of(node: Manifest) -> str:
    labels = node["metadata"].get("labels") or {}
    return str(labels.get("kubernetes.azure.com/agentpool") or labels.get("agentpool") or "").lower()


def _add(copy: ClusterCopy, pool: str, gateway: bool, number: int) -> None:
    like = model("Node", "", "aks-gwpool" if gateway else "aks-apps")
    name = f"aks-{pool}-new{number}"
    labels = {**like["metadata"]["labels"], "agentpool": pool, "kubernetes.azure.com/agentpool": pool}
    labels["kubernetes.io/hostname"] = name
    addresses = [{"type": "InternalIP", "address": f"10.224.0.{40 + number}"}, {"type": "Hostname", "address": name}]
    like["spec"]["podCIDR"] = f"10.244.{40 + number}.0/24"
    like["status"]["addresses"] = addresses
    like["status"]["conditions"] = [{"type": "Ready", "status": "True", "lastTransitionTime": copy.stamp}]
    copy.put(created(like, copy.stamp, name=name, labels=labels))
    for daemon in DAEMONS:
        if "daemon-manager" not in daemon or gateway:
            add_daemon_pod(copy, daemon, name)
