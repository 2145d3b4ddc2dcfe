"""Fixes for an unusable gateway node pool: another pool, or a new one."""

from difflib import get_close_matches

from checks.facts.agent_pools import AgentPool
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import SEGDOC, TSG, az_aks, change, inspect
from checks.model.findings import Action
from checks.static_egress.gateway_configuration import PoolState, state_of
from checks.static_egress.procedures import new_configuration


def unusable_pool_fixes(facts: Facts, configuration: StaticGatewayConfiguration) -> list[Action]:
    """Actions that create a new StaticGatewayConfiguration on the right pool.

    An edit of the pool's name may leave resources behind.
    """
    usable = [pool.name for pool in facts.all(AgentPool) if state_of(pool) is PoolState.USABLE]
    if not usable:
        return [
            change(
                f"Create node pool {_new_pool(facts, configuration)} in Gateway mode",
                az_aks(
                    facts.cluster,
                    "nodepool",
                    "add",
                    *("--nodepool-name", _new_pool(facts, configuration), "--mode", "gateway"),
                    *("--gateway-prefix-size", _prefix_size(configuration), "--node-count", "2"),
                ),
                SEGDOC,
                "2 nodes are Ready, and the StaticGatewayConfigurations that name the pool get their prefix",
            ),
            *(
                ()
                if _new_pool(facts, configuration) == configuration.pool
                else new_configuration(facts, configuration, _new_pool(facts, configuration))
            ),
        ]
    close = get_close_matches(configuration.pool.lower(), [name.lower() for name in usable], n=1)
    chosen = next(
        (name for name in usable if close and name.lower() == close[0]), usable[0] if len(usable) == 1 else ""
    )
    return list(new_configuration(facts, configuration, chosen))


def _prefix_size(configuration: StaticGatewayConfiguration) -> str:
    """The length of the StaticGatewayConfiguration's assigned prefix.

    Without one, /30, which has addresses for four nodes.
    """
    length = configuration.egress_prefix.rpartition("/")[2]
    return length if length in ("28", "29", "30", "31") else "30"


def _new_pool(facts: Facts, configuration: StaticGatewayConfiguration) -> str:
    """A free pool name.

    The one that the StaticGatewayConfiguration uses if Azure does not list it, otherwise another.
    """
    taken = facts.get(AgentPool, configuration.pool.lower()) is not None
    return "gwpool" if taken and configuration.pool.lower() != "gwpool" else "gwpool2" if taken else configuration.pool


def show_pool_settings(facts: Facts, pool: str) -> Action:
    """Show all settings of a node pool."""
    return inspect(
        f"Show node pool {pool}", az_aks(facts.cluster, "nodepool", "show", "--nodepool-name", pool, "-o", "json"), TSG
    )


def start_pool(facts: Facts, pool: str) -> Action:
    """Start a stopped node pool."""
    return change(
        f"Start node pool {pool}",
        az_aks(facts.cluster, "nodepool", "start", "--nodepool-name", pool),
        SEGDOC,
        "its nodes are Ready within some minutes, and the gateway forwards traffic again",
    )
