"""The nodes on which a gateway needs the components of the static egress gateway."""

from checks.facts.agent_pools import AgentPool
from checks.facts.nodes import Node
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.raw_values import text
from checks.static_egress.cni_taint import TAINT, tainted
from checks.static_egress.gateway_configuration import EarlierFault, NotApplicable


def daemon_pool(facts: Facts) -> tuple[str, NotApplicable | None]:
    """Return the gateway node pool, and why its nodes are not checked.

    The pool is "" if it is not known (docs/rulings.md#ruling-8).
    """
    gateway = facts.gateway
    if facts.gap(StaticGatewayConfiguration, gateway.namespace) or not gateway.configuration:
        return "", None
    configuration = facts.get(StaticGatewayConfiguration, gateway.configuration, gateway.namespace)
    if configuration is None or not configuration.pool:
        return "", None
    name = configuration.pool
    if facts.configured(AgentPool) and not facts.gap(AgentPool):
        pool = facts.get(AgentPool, name.lower())
        if pool is None:
            return name, NotApplicable(f"node pool {name} does not exist", EarlierFault.POOL_MISSING)
        if pool.power_state.lower() == "stopped" or pool.provisioning_state.lower() == "deleting":
            state = "stopped" if pool.power_state.lower() == "stopped" else "being deleted"
            return name, NotApplicable(f"node pool {name} is {state}", EarlierFault.POOL_MISSING)
    if not facts.gap(Node) and name.lower() not in facts.index(Node, "pool", lambda node: (node.pool.lower(),)):
        return name, NotApplicable(f"node pool {name} has no nodes", EarlierFault.POOL_UNHEALTHY)
    return name, None


def own_nodes(facts: Facts) -> frozenset[str]:
    """Return the nodes of the gateway's pods, and the tainted nodes.

    The taint of the latter keeps the gateway's pods unscheduled.
    """
    pods = facts.pods()
    found = {pod.node for pod in pods if pod.node}
    kept_off = any(TAINT in text(pod.condition("PodScheduled"), "message") for pod in pods if not pod.node)
    if kept_off and not facts.gap(Node):
        found |= {node.name for node, _ in tainted(facts)}
    return frozenset(found)
