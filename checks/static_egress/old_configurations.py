"""The end of a StaticGatewayConfiguration that no gateway uses any more."""

from checks.facts.agent_pools import AgentPool
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import SEGDOC, TSG, change, inspect, kubectl
from checks.model.findings import Action

ALLOW_LISTS = "Azure Firewall, network security groups, proxies and every allow-list of a destination"
"""The places that name an egress IP prefix."""


def delete_old(facts: Facts, old: StaticGatewayConfiguration, others: tuple[str, ...]) -> tuple[Action, ...]:
    """Delete the old StaticGatewayConfiguration.

    It is only shown if other gateways use it, or if the deletion would not end. A check that offers this reads AgentPool.
    """
    name = f"{old.namespace}/{old.name}"
    released = f"; then remove {old.egress_prefix} from {ALLOW_LISTS}" if old.egress_prefix else ""
    if old.deleted is not None:
        command = kubectl(
            "wait", f"staticgatewayconfiguration/{old.name}", "--for=delete", "--timeout=15m", namespace=old.namespace
        )
        expect = f"the command returns when Azure has released the old prefix{released}"
        return (Action(f"Wait until {name} is deleted", command, url=SEGDOC, expect=expect),)
    why = ""
    if others:
        why = f"while it is used by {', '.join(others)}"
    elif _pool_is_gone(facts, old):
        why = f"while node pool {old.pool} does not exist: its deletion would not end"
    if why:
        return (
            inspect(
                f"Show {name}; keep it {why}",
                kubectl("get", "staticgatewayconfiguration", old.name, namespace=old.namespace),
                TSG,
            ),
        )
    return (
        change(
            f"Delete {name} when no pod names it; delete a node pool only after its StaticGatewayConfigurations",
            kubectl("delete", "staticgatewayconfiguration", old.name, namespace=old.namespace),
            SEGDOC,
            f"the command returns when Azure has released the old prefix{released}",
        ),
    )


def _pool_is_gone(facts: Facts, configuration: StaticGatewayConfiguration) -> bool:
    """Whether the clean-up of the StaticGatewayConfiguration lacks its node pool.

    False if Azure's list of node pools was not read.
    """
    if not configuration.pool or not facts.configured(AgentPool) or facts.gap(AgentPool) is not None:
        return False
    return facts.get(AgentPool, configuration.pool.lower()) is None
