"""The steps that end a failure of the network of gateway pods, on the nodes concerned."""

from collections.abc import Sequence

from checks.facts.nodes import Node
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.sandbox_errors import NodeStep, SandboxCause
from checks.kubernetes.node_shell import on_node
from checks.model.commands import KEGTS, SEGDOC, az_aks, change, disrupt, kubectl, update_without_value
from checks.model.findings import Action
from checks.static_egress.components import cni_manager_on
from checks.static_egress.machine_fixes import new_machines
from checks.static_egress.network_failures import NetworkFailure
from checks.static_egress.prefixes import parse_cidr
from checks.static_egress.procedures import patch_spec


def network_fixes(facts: Facts, group: Sequence[NetworkFailure]) -> list[Action]:
    """The steps for pods with the same failure, as commands if the nodes are known.

    Requires Node, AgentPool, Pod and StaticGatewayConfiguration declared.
    """
    failure, nodes = group[0].failure, sorted({each.pod.node for each in group if each.pod.node})
    steps = _steps(facts, failure.step, group, nodes) if failure.step is not None else []
    if not steps and _ENDED & set(failure.causes) and not failure.from_components and _is_complete(facts):
        steps = [_new_pods(group, "the StaticGatewayConfiguration is complete now")]
    return steps or ([change(failure.fix, url=SEGDOC)] if failure.fix else [])


def _steps(facts: Facts, step: NodeStep, group: Sequence[NetworkFailure], nodes: Sequence[str]) -> list[Action]:
    match step:
        case NodeStep.NEW_MANAGER:
            return _new_managers(facts, nodes)
        case NodeStep.NEW_POD:
            return [_new_pods(group, "a new pod has a new network namespace")]
        case NodeStep.NEW_MACHINE:
            return new_machines(facts, nodes)
        case NodeStep.NODE_IMAGE:
            return _newer_images(facts, nodes)
        case NodeStep.ENABLE_IPV6:
            return [_enable_ipv6(each) for each in nodes]
        case NodeStep.RECONCILE:
            return [update_without_value(facts.cluster, group[0].failure.fix, KEGTS, _STARTS)]
        case NodeStep.CORRECT_RANGES:
            return _correct_ranges(facts)


_STARTS = "the kubelet sets the pods' network up at its next attempt, within a minute"


def _new_managers(facts: Facts, nodes: Sequence[str]) -> list[Action]:
    pods = [found for each in nodes if (found := cni_manager_on(facts, each)) is not None]
    if not pods:
        return []
    delete = kubectl("delete", "pod", *(each.name for each in pods), namespace=pods[0].namespace)
    title = (
        f"Delete {' and '.join(each.name for each in pods)}: its replacement writes "
        "/etc/cni/net.d/01-egressgateway.conflist again; running pods keep their network"
    )
    return [change(title, delete, KEGTS, _STARTS)]


_ENDED = {
    SandboxCause.PREFIX_UNASSIGNED,
    SandboxCause.CONFIGURATION_MISSING,
    SandboxCause.CONFIGURATION_INVALID,
}
"""Causes that end with a change of the StaticGatewayConfiguration."""


def _is_complete(facts: Facts) -> bool:
    """Whether the gateway's StaticGatewayConfiguration has all that a pod needs."""
    found = _configuration(facts)
    if found is None or found.deleted is not None or not found.egress_prefix:
        return False
    return not found.server.missing and all(parse_cidr(each) is not None for each in found.exclude_cidrs)


def _configuration(facts: Facts) -> StaticGatewayConfiguration | None:
    gateway = facts.gateway
    known = facts.readable(StaticGatewayConfiguration, gateway.namespace)
    return next((each for each in known if each.name == gateway.configuration), None)


def _new_pods(group: Sequence[NetworkFailure], why: str) -> Action:
    names = [each.pod.name for each in group]
    delete = kubectl("delete", "pod", *names, namespace=group[0].pod.namespace)
    serve = "serves" if len(names) == 1 else "serve"
    title = f"Delete {' and '.join(names)}, which {serve} nothing: {why}"
    return change(title, delete, KEGTS, "the new pods are Ready within a minute")


def _newer_images(facts: Facts, nodes: Sequence[str]) -> list[Action]:
    """Upgrade the node image of the pools of these nodes, node by node."""
    if facts.gap(Node):
        return []
    pools = dict.fromkeys(each.pool for each in facts.all(Node) if each.name in nodes and each.pool)
    return [
        disrupt(
            f"Upgrade the node image of node pool {pool} to one of AKS with the wireguard module; open connections through the "
            "drained nodes are closed",
            az_aks(facts.cluster, "nodepool", "upgrade", "--nodepool-name", pool, "--node-image-only"),
            SEGDOC,
            "its nodes show a newer image, and the pods start on them",
        )
        for pool in pools
    ]


def _enable_ipv6(node: str) -> Action:
    """Set the kernel's default again; a new machine of AKS has it."""
    settings = ("net.ipv6.conf.all.disable_ipv6=0", "net.ipv6.conf.default.disable_ipv6=0")
    return change(
        f"Enable IPv6 in the kernel of {node}; the cluster itself stays IPv4",
        on_node(node, "sysctl", "-w", *settings),
        SEGDOC,
        f"{_STARTS}. Remove the program that disables IPv6 on nodes",
        undo=f"the same command with disable_ipv6=1; then delete the pod node-debugger-{node}-… that each command leaves",
    )


def _correct_ranges(facts: Facts) -> list[Action]:
    """Write a mask to each excluded address; entries that are no range are removed."""
    found = _configuration(facts)
    if found is None:
        return []
    kept = [each if "/" in each else f"{each}/32" for each in found.exclude_cidrs]
    valid = [each for each in kept if parse_cidr(each) is not None]
    if valid == list(found.exclude_cidrs):
        return []
    return [
        patch_spec(
            found, f"Patch spec.excludeCidrs to {', '.join(valid) or '(empty)'}", {"excludeCidrs": valid}, _STARTS
        )
    ]
