"""The gateway nodes that serve a StaticGatewayConfiguration, by their GatewayStatus."""

from collections.abc import Sequence

from checks.facts.fact import Unreadable
from checks.facts.logs import GatewayDaemonLog
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.static_egress import GatewayStatus, GatewayVMConfiguration, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import DaemonSet
from checks.knowledge.known_issues import NO_CONNECTIVITY_ACROSS_SUBNETS, VIRTUAL_NETWORK_UNREACHABLE
from checks.kubernetes.node_fixes import not_ready_evidence
from checks.model.commands import KEGTS, SEGDOC, disrupt, inspect, kubectl
from checks.model.findings import Action, Evidence
from checks.static_egress.component_fixes import component_fixes
from checks.static_egress.component_state import NodeFault, node_faults
from checks.static_egress.components import NAMESPACE, daemon


def serving_nodes(facts: Facts, configuration: StaticGatewayConfiguration) -> Sequence[GatewayStatus]:
    """The readable GatewayStatuses that list the StaticGatewayConfiguration."""
    if facts.gap(GatewayStatus) is not None:
        return ()
    index = facts.index(GatewayStatus, "configuration", lambda status: status.configurations)
    return index.get(f"{configuration.namespace}/{configuration.name}", [])


def not_serving(configuration: StaticGatewayConfiguration, node: Node) -> Evidence:
    """The evidence that a node does not serve the StaticGatewayConfiguration."""
    if not node.ready:
        return not_ready_evidence(node)
    return Evidence(
        f"GatewayStatus {NAMESPACE}/{node.name}",
        "spec.readyGatewayConfigurations",
        f"{configuration.namespace}/{configuration.name} not listed",
        f"{configuration.namespace}/{configuration.name}",
    )


def daemon_actions(facts: Facts, configuration: StaticGatewayConfiguration, nodes: Sequence[Node]) -> list[Action]:
    """Actions for nodes that do not serve it.

    The fix of what their daemons report, commands for state and logs, and a restart of a daemon where it can help.

    Requires GatewayVMConfiguration, StaticGatewayConfiguration, DaemonSet, Deployment, Pod, Node, AgentPool,
    ManagedCluster, Event and GatewayDaemonLog declared.
    """
    addressed = [node for node in nodes if _may_have_address(facts, configuration, node)]
    kind = "gatewaystatuses.egressgateway.kubernetes.azure.com"
    selector = "kube-egress-gateway-control-plane=daemon-manager"
    return [
        *_reported_fixes(facts, nodes),
        *(
            disrupt(
                f"Restart the gateway daemon on {node.name}; open connections through this gateway node are closed",
                kubectl(
                    "delete", "pod", "-l", selector, f"--field-selector=spec.nodeName={node.name}", namespace=NAMESPACE
                ),
                SEGDOC,
                f"the GatewayStatus of {node.name} lists {configuration.namespace}/{configuration.name} within a minute",
            )
            for node in _restartable(facts, addressed)[:3]
        ),
        inspect(
            "Show which StaticGatewayConfigurations each gateway node serves",
            kubectl("get", kind, "-A", "-o", "yaml"),
            KEGTS,
        ),
        *([] if len(addressed) == len(nodes) else [_show_addresses(configuration)]),
        inspect(
            "Show the log of the gateway daemons",
            kubectl("logs", "-l", selector, "-c", "daemon", "--tail=100", "--prefix", namespace=NAMESPACE),
            KEGTS,
        ),
        NO_CONNECTIVITY_ACROSS_SUBNETS.compare,
        VIRTUAL_NETWORK_UNREACHABLE.compare,
    ]


def reported_faults(facts: Facts, nodes: Sequence[Node]) -> list[NodeFault]:
    """The faults with a known fix that running daemons of these nodes report in their logs.

    A daemon that does not run is a finding of its own, which explains that its node does not serve.

    Requires DaemonSet, Pod, Event and GatewayDaemonLog declared.
    """
    if facts.gap(DaemonSet, NAMESPACE) or facts.gap(DaemonSet) or facts.gap(Pod, NAMESPACE):
        return []
    faults = node_faults(facts, daemon(facts), [node.name for node in nodes], GatewayDaemonLog)
    return [each for each in faults if not each.down and (each.fix_kind is not None or each.fix)]


def _reported_fixes(facts: Facts, nodes: Sequence[Node]) -> list[Action]:
    try:
        return component_fixes(facts, daemon(facts), reported_faults(facts, nodes))
    except Unreadable:
        return []


def _show_addresses(configuration: StaticGatewayConfiguration) -> Action:
    words = ("get", "gatewayvmconfiguration", configuration.name, "-o", "yaml")
    return inspect(
        "Show which nodes have an address: the daemon cannot serve on a node without one",
        kubectl(*words, namespace=configuration.namespace),
        KEGTS,
    )


def _may_have_address(facts: Facts, configuration: StaticGatewayConfiguration, node: Node) -> bool:
    """Whether the controller has given the node an address of the prefix, or that is not known.

    In a VirtualMachines pool the addresses have the names of network interfaces: only their number is known.
    """
    if facts.gap(GatewayVMConfiguration, configuration.namespace) is not None:
        return True
    machines = facts.get(GatewayVMConfiguration, configuration.name, configuration.namespace)
    if machines is None or machines.profiles is None:
        return True
    named = {name.lower() for name, _ in machines.addresses}
    nodes = facts.index(Node, "pool", lambda each: (each.pool.lower(),)).get(configuration.pool.lower(), [])
    by_interface = bool(named) and named.isdisjoint(each.name.lower() for each in nodes)
    return by_interface or node.name.lower() in named


def _restartable(facts: Facts, nodes: Sequence[Node]) -> list[Node]:
    """The nodes whose daemon can be helped by a restart, or is not readable.

    It runs, and reports no fault with a fix of its own.
    """
    if facts.gap(DaemonSet, NAMESPACE) or facts.gap(DaemonSet) or facts.gap(Pod, NAMESPACE):
        return list(nodes)
    faults = node_faults(facts, daemon(facts), [node.name for node in nodes], GatewayDaemonLog)
    lasting = {each.node for each in faults if each.down or each.fix}
    return [node for node in nodes if node.name not in lasting]
