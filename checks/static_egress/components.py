"""The static egress gateway's two DaemonSets by node.

The cni-manager runs on workload nodes, the daemon on gateway nodes. AKS runs them in `aks-static-egress-gateway`; the
open-source operator uses another namespace, so there they are found by name.

Source: docs/domain/components.md#static-egress-components.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import DaemonSet

NAMESPACE = "aks-static-egress-gateway"
CNI_MANAGER_SET = "kube-egress-gateway-cni-manager"
DAEMON_SET = "kube-egress-gateway-daemon-manager"


@dataclass(frozen=True, slots=True)
class Component:
    """One of the two DaemonSets.

    Its short name for findings, the object (None if it does not exist), its pods by node.
    """

    short: str
    name: str
    daemon_set: DaemonSet | None
    pods: Mapping[str, Pod]

    @property
    def container(self) -> str:
        return "cnimanager" if self.name == CNI_MANAGER_SET else "daemon"

    @property
    def namespace(self) -> str:
        return self.daemon_set.namespace if self.daemon_set is not None else NAMESPACE

    @property
    def ref(self) -> str:
        return f"DaemonSet {self.namespace}/{self.name}"


def cni_manager(facts: Facts) -> Component:
    """The cni-manager.

    Needs DaemonSet and Pod declared; raises Unreadable if its namespace is unreadable.
    """
    return facts.once("component cni-manager", lambda seen: _component(seen, "cni-manager", CNI_MANAGER_SET))


def daemon(facts: Facts) -> Component:
    """The gateway daemon; requirements as for `cni_manager`."""
    return facts.once("component daemon-manager", lambda seen: _component(seen, "daemon-manager", DAEMON_SET))


def _component(facts: Facts, short: str, name: str) -> Component:
    found = next((each for each in facts.in_namespace(DaemonSet, NAMESPACE) if each.name.endswith(name)), None)
    if found is None:
        named = facts.index(DaemonSet, "name", lambda each: (each.name,)).get(name, [])
        found = named[0] if named else None
    where = found.namespace if found is not None else NAMESPACE
    return Component(short, name, found, _pods_by_node(facts, where, name))


def _pods_by_node(facts: Facts, namespace: str, name: str) -> dict[str, Pod]:
    found: dict[str, Pod] = {}
    for pod in facts.in_namespace(Pod, namespace):
        label = pod.labels.get("kube-egress-gateway-control-plane", "")
        ours = pod.owner[1].endswith(name) or (not pod.owner[1] and bool(label) and name.endswith(label))
        # During an update a node may have two of these pods: a ready one represents the node.
        replaced = pod.node in found and found[pod.node].ready
        if ours and pod.deleted is None and not replaced:
            found[pod.node] = pod
    return found


def cni_manager_on(facts: Facts, node: str) -> Pod | None:
    """The cni-manager's pod on a node; None if pods are unreadable. Needs only Pod declared."""

    def build(seen: Facts) -> dict[str, Pod]:
        return {
            pod.node: pod
            for pod in seen.readable(Pod)
            if pod.owner[1].endswith(CNI_MANAGER_SET) and pod.deleted is None and pod.node
        }

    return facts.once("cni-managers by node", build).get(node)
