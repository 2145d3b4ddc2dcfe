"""EG311: the gateway's pods all run on one node, or run on gateway nodes."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.commands import HOWTO, SEGDOC, change, disrupt, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, healthy, skip, warn
from checks.model.raw_values import flag


@check(
    code="EG311",
    title="The gateway's pods are badly placed",
    severity=Severity.RISKS,
    reads=(Pod, Deployment, Node),
)
def gateway_pods_misplaced(facts: Facts) -> Iterator[Observation]:
    """What it checks: the nodes of the gateway's pods. It warns when a pod runs on a node in Gateway mode, and when two
    or more pods all run on one node.

    Why it matters: gateway nodes are reserved for the tunnels and lack the CNI plugin that a gateway pod needs. When
    all pods are on one node, a failure or upgrade of the node stops the whole gateway.

    What usually fixes it: new pods on other nodes, which the cordoned node does not take; the taint
    `kubernetes.azure.com/mode=gateway:NoSchedule` on the gateway node pool.

    Source: AKS documentation, "Configure Static Egress Gateway in Azure Kubernetes Service (AKS)" (no workloads on
    gateway nodes)."""
    placed = [pod for pod in facts.pods() if pod.node]
    if not placed:
        yield skip(f"No pod of {facts.gateway.ref} is scheduled (gateway-pods-not-running, deployment-not-available).")
        return
    nodes = {name: facts.get(Node, name) for name in {pod.node for pod in placed}}
    wrong = [pod for pod in placed if (node := nodes[pod.node]) is not None and node.mode == "gateway"]
    if wrong:
        yield _on_gateway_nodes(facts, wrong)
    together = len(placed) > 1 and len(nodes) == 1
    if together:
        yield _together(facts, placed)
    if not wrong and not together:
        zones = sorted({node.zone for node in nodes.values() if node is not None and node.zone})
        spread = f" in {len(zones)} zone{'' if len(zones) == 1 else 's'} ({', '.join(zones)})" if zones else ""
        pods = f"{len(placed)} pod{'s' if len(placed) > 1 else ''} of {facts.gateway.ref}"
        runs = "run" if len(placed) > 1 else "runs"
        yield healthy(f"{pods} {runs} on {len(nodes)} node{'s' if len(nodes) > 1 else ''}{spread}.")


def _on_gateway_nodes(facts: Facts, pods: list[Pod]) -> Observation:
    names = ", ".join(f"{pod.namespace}/{pod.name}" for pod in pods)
    one = len(pods) == 1
    nodes = sorted({pod.node for pod in pods})
    return warn(
        f"Pod{'' if one else 's'} {names} {'runs' if one else 'run'} on a gateway node.",
        subject=", ".join(pod.ref for pod in pods),
        evidence=[Evidence(pod.ref, "spec.nodeName", pod.node, "a node that is not in Gateway mode") for pod in pods]
        + [Evidence(f"Node {node}", "metadata.labels[kubernetes.azure.com/mode]", "gateway") for node in nodes],
        actions=[
            inspect("Show the taints of the gateway nodes", kubectl("describe", "node", *nodes), SEGDOC),
            *_moves(facts, pods),
        ],
        about=_about(pods),
    )


def _together(facts: Facts, pods: list[Pod]) -> Observation:
    node = pods[0].node
    return warn(
        f"{'Both' if len(pods) == 2 else f'All {len(pods)}'} pods of {facts.gateway.ref} run on node {node}.",
        subject=facts.gateway.ref,
        evidence=[Evidence(pod.ref, "spec.nodeName", pod.node, "two or more nodes") for pod in pods],
        actions=[
            inspect(
                "List the nodes and their zones", kubectl("get", "nodes", "-L", "topology.kubernetes.io/zone"), HOWTO
            ),
            *_moves(facts, pods[1:]),
        ],
        about=_about(pods),
    )


def _about(pods: list[Pod]) -> list[Involved]:
    return [
        *(Involved("pod", f"{pod.namespace}/{pod.name}") for pod in pods),
        *(Involved("node", node) for node in {pod.node for pod in pods}),
    ]


def _moves(facts: Facts, pods: list[Pod]) -> list[Action]:
    """Move these pods to other nodes, node by node; the gateway's other pods are not touched.

    A restart does not help: the scheduler may choose the same nodes again. Without another node, a sentence says what is
    missing.
    """
    leaving = {pod.node for pod in pods}
    if not any(each.ready and each.mode != "gateway" and each.name not in leaving for each in facts.all(Node)):
        return [
            change("Add a node to a node pool that is not in Gateway mode: no other node takes the pods", url=HOWTO)
        ]
    cordoned = {each.name for each in facts.all(Node) if flag(each.raw, "spec", "unschedulable") is True}
    return [
        _move(node, [pod for pod in pods if pod.node == node], cordoned=node in cordoned) for node in sorted(leaving)
    ]


def _move(node: str, pods: list[Pod], *, cordoned: bool) -> Action:
    names = " and ".join(pod.name for pod in pods)
    through = "them" if len(pods) > 1 else "it"
    delete = kubectl("delete", "pod", *(pod.name for pod in pods), namespace=pods[0].namespace)
    return disrupt(
        f"Move {names} from {node} to another node; open connections through {through} are closed, other pods serve",
        delete if cordoned else f"{kubectl('cordon', node)} && {delete} && {kubectl('uncordon', node)}",
        HOWTO,
        "the new pods are Ready on other nodes",
    )
