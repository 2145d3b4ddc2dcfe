"""The fix of pods that no node can take, by the reasons in the scheduler's message."""

import re

from checks.facts.agent_pools import AgentPool
from checks.facts.nodes import Node
from checks.facts.pool_settings import add_pool
from checks.facts.view import Facts
from checks.kubernetes.pod_problems import PodProblem
from checks.model.commands import az_aks, change, kubectl
from checks.model.findings import Action
from checks.model.raw_values import flag, number, texts

_NO_CNI_MANAGER = "egressgateway.kubernetes.azure.com/cni-not-ready"
"""The taint of a node without a working cni-manager, which EG309 reports."""

_INSUFFICIENT = re.compile(r"Insufficient (?P<resource>[\w./-]*[\w])")
_FULL = re.compile(r"Too many pods")
_TAINT = re.compile(r"untolerated taint \{(?P<key>[\w./-]+)(?:: (?P<value>[\w./-]*))?\}")
_OF_NODES = (
    "kubernetes.azure.com/mode",
    "node.kubernetes.io/",
    "node.cloudprovider.kubernetes.io/",
    "CriticalAddonsOnly",
)
"""Taints of gateway and system pools, and of nodes that are not ready."""
_NEW_POOL = "egresspods"
_CORDONED = re.compile(r"node\(s\) were unschedulable")


def scheduling_fixes(facts: Facts, problem: PodProblem) -> list[Action]:
    """Uncordon nodes, or add a node to the pool of the gateway's other pods.

    No action for another reason. Requires Pod, Node and AgentPool declared.
    """
    if _CORDONED.search(problem.detail) and (cordoned := _cordoned(facts)):
        command = kubectl("uncordon", *cordoned)
        names = ", ".join(cordoned)
        return [
            change(f"Make {names} schedulable again, if no drain is running", command, expect="the pods are scheduled")
        ]
    short = lacking_resources(problem.detail)
    pool = _pool(facts) if short else None
    if pool is not None:
        return [_add_node(facts, pool, len(problem.pods), " and ".join(short))]
    return _untainted_nodes(facts, problem.detail)


def _untainted_nodes(facts: Facts, message: str) -> list[Action]:
    """Create a node pool without taints, if taints of the user's pools keep the pods off.

    No action if a pool without taints exists: another reason then decides.
    """
    taints = sorted({each["key"] for each in _TAINT.finditer(message) if not each["key"].startswith(_OF_NODES)})
    if not taints or facts.gap(AgentPool) or _NO_CNI_MANAGER in taints:
        return []
    if any(_takes_pods(each) for each in facts.all(AgentPool)):
        return []
    given = {"--mode": "User", "--node-count": "2", "--labels": "", "--node-taints": ""}
    pools = [each for each in facts.all(AgentPool) if not each.is_gateway and each.os_type.lower() in ("linux", "")]
    like = min(pools, key=lambda each: (each.mode.lower() != "user", each.name), default=None)
    return [
        change(
            f"Create node pool {_NEW_POOL} without taints: the pods do not tolerate {' and '.join(taints)} of the other pools",
            add_pool(facts.cluster, _NEW_POOL, given, like),
            expect="2 nodes are Ready within five minutes, and take the pods. They cost money while they exist",
        )
    ]


def lacking_resources(message: str) -> list[str]:
    """The resources of which the scheduler's message says that nodes have too little."""
    found = {each["resource"] for each in _INSUFFICIENT.finditer(message)}
    return sorted(found | ({"free pod slots"} if _FULL.search(message) else set()))


def _cordoned(facts: Facts) -> list[str]:
    nodes = () if facts.gap(Node) else facts.all(Node)
    return sorted(
        each.name for each in nodes if flag(each.raw, "spec", "unschedulable") is True and each.mode != "gateway"
    )


def _pool(facts: Facts) -> AgentPool | None:
    """The pool of the gateway's other pods, otherwise a system pool, which the gateway prefers."""
    pools = [each for each in facts.readable(AgentPool) if _takes_pods(each)]
    known = {each.name: each.pool.lower() for each in facts.readable(Node)}
    used = {known.get(pod.node, "") for pod in facts.pods() if pod.node}
    order = sorted(pools, key=lambda each: (each.name.lower() not in used, each.mode.lower() != "system", each.name))
    return next(iter(order), None)


def _takes_pods(pool: AgentPool) -> bool:
    tainted = any(each.endswith((":NoSchedule", ":NoExecute")) for each in texts(pool.raw, "nodetaints"))
    return not pool.is_gateway and not tainted and pool.os_type.lower() in ("linux", "") and pool.count is not None


def _add_node(facts: Facts, pool: AgentPool, pods: int, short: str) -> Action:
    named = ("--nodepool-name", pool.name)
    lack = f"the nodes lack {short} for {pods} pod{'s' if pods > 1 else ''}"
    least, most = (number(pool.raw, each) for each in ("mincount", "maxcount"))
    if pool.autoscaled and least is not None and most is not None:
        limits = ("--update-cluster-autoscaler", "--min-count", str(least), "--max-count", str(most + 1))
        command = az_aks(facts.cluster, "nodepool", "update", *named, *limits)
        title = f"Raise the autoscaler's maximum of node pool {pool.name} from {most} to {most + 1} nodes: {lack}"
    else:
        now = pool.count or 0
        command = az_aks(facts.cluster, "nodepool", "scale", *named, "--node-count", str(now + 1))
        title = f"Scale node pool {pool.name} from {now} to {now + 1} nodes: {lack}"
    return change(
        title,
        command,
        expect="a new node is Ready within five minutes, and takes the pods. It costs money while it exists",
    )
