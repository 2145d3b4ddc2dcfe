"""EG311: the gateway's pods all run on one node, or run on gateway nodes."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.commands import HOWTO, SEGDOC, inspect, kubectl, restart
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, healthy, skip, warn


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

    What usually fixes it: a restart after other nodes have capacity; the taint
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
            *_restarts(facts),
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
            *_restarts(facts),
        ],
        about=_about(pods),
    )


def _about(pods: list[Pod]) -> list[Involved]:
    return [
        *(Involved("pod", f"{pod.namespace}/{pod.name}") for pod in pods),
        *(Involved("node", node) for node in {pod.node for pod in pods}),
    ]


def _restarts(facts: Facts) -> list[Action]:
    gateway = facts.gateway
    deployments = () if facts.gap(Deployment, gateway.namespace) else facts.deployments()
    return [restart(each.name, each.namespace) for each in deployments]
