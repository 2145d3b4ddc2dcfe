"""The gateway nodes that serve a StaticGatewayConfiguration, by their GatewayStatus."""

from collections.abc import Sequence

from checks.facts.nodes import Node
from checks.facts.static_egress import GatewayStatus, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.known_issues import NO_CONNECTIVITY_ACROSS_SUBNETS, VIRTUAL_NETWORK_UNREACHABLE
from checks.model.commands import KEGTS, SEGDOC, disrupt, inspect, kubectl
from checks.model.findings import Action, Evidence

_NAMESPACE = "aks-static-egress-gateway"


def serving_nodes(facts: Facts, configuration: StaticGatewayConfiguration) -> Sequence[GatewayStatus]:
    """The readable GatewayStatuses that list the StaticGatewayConfiguration."""
    if facts.gap(GatewayStatus) is not None:
        return ()
    index = facts.index(GatewayStatus, "configuration", lambda status: status.configurations)
    return index.get(f"{configuration.namespace}/{configuration.name}", [])


def not_serving(configuration: StaticGatewayConfiguration, node: Node) -> Evidence:
    """The evidence that a node does not serve the StaticGatewayConfiguration."""
    if not node.ready:
        return Evidence(node.ref, "status.conditions[Ready]", "not True", "True")
    return Evidence(
        f"GatewayStatus {_NAMESPACE}/{node.name}",
        "spec.readyGatewayConfigurations",
        f"{configuration.namespace}/{configuration.name} not listed",
        f"{configuration.namespace}/{configuration.name}",
    )


def daemon_actions(configuration: StaticGatewayConfiguration, nodes: Sequence[Node]) -> list[Action]:
    """Actions for nodes that do not serve it: state, logs, and a restart of their daemon."""
    kind = "gatewaystatuses.egressgateway.kubernetes.azure.com"
    selector = "kube-egress-gateway-control-plane=daemon-manager"
    return [
        inspect(
            "Show which StaticGatewayConfigurations each gateway node serves",
            kubectl("get", kind, "-A", "-o", "yaml"),
            KEGTS,
        ),
        inspect(
            "Show the log of the gateway daemons",
            kubectl("logs", "-l", selector, "-c", "daemon", "--tail=100", "--prefix", namespace=_NAMESPACE),
            KEGTS,
        ),
        *(
            disrupt(
                f"Restart the gateway daemon on {node.name}; open connections through this gateway node are closed",
                kubectl(
                    "delete", "pod", "-l", selector, f"--field-selector=spec.nodeName={node.name}", namespace=_NAMESPACE
                ),
                SEGDOC,
                f"the GatewayStatus of {node.name} lists {configuration.namespace}/{configuration.name} within a minute",
            )
            for node in nodes[:3]
        ),
        NO_CONNECTIVITY_ACROSS_SUBNETS.compare,
        VIRTUAL_NETWORK_UNREACHABLE.compare,
    ]
