"""Fixes for an unusable gateway node pool: another pool, or a new one."""

from difflib import get_close_matches

from checks.facts.agent_pools import AgentPool
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.azure_errors import ReportedError
from checks.model.commands import SEGDOC, TSG, alternatives, az_aks, change, disrupt, inspect, kubectl
from checks.model.findings import Action
from checks.static_egress.azure_error_fixes import fix_error, show_obstacle
from checks.static_egress.configuration_yaml import least_used
from checks.static_egress.gateway_configuration import PoolState, gateway_configuration, state_of
from checks.static_egress.new_pools import DEFAULT_PREFIX, create_pool, delete_unused_pool
from checks.static_egress.procedures import new_configuration


def unusable_pool_fixes(facts: Facts, configuration: StaticGatewayConfiguration) -> list[Action]:
    """Actions that create a new StaticGatewayConfiguration on the right pool.

    An edit of the pool's name may leave resources behind.
    """
    usable = [pool.name for pool in facts.all(AgentPool) if state_of(pool) is PoolState.USABLE]
    if not usable:
        name = _new_pool(facts, configuration)
        # The deletion of the StaticGatewayConfiguration ends when its pool exists: the gateway then needs another one.
        replaced = name != configuration.pool or configuration.deleted is not None
        return [
            create_pool(facts, name, _prefix_size(configuration)),
            *(new_configuration(facts, configuration, name) if replaced else ()),
        ]
    close = get_close_matches(configuration.pool.lower(), [name.lower() for name in usable], n=1)
    chosen = next((name for name in usable if close and name.lower() == close[0]), "") or least_used(facts, usable)
    return list(new_configuration(facts, configuration, chosen))


def _prefix_size(configuration: StaticGatewayConfiguration) -> str:
    """The length of the StaticGatewayConfiguration's assigned prefix.

    Without one, /30, which has addresses for four nodes.
    """
    length = configuration.egress_prefix.rpartition("/")[2]
    return length if length in ("28", "29", "30", "31") else DEFAULT_PREFIX


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


def failed_pool_fixes(facts: Facts, pool: AgentPool, error: ReportedError | None) -> list[Action]:
    """Fix the error of the pool's last operation, then reconcile the pool."""
    fix = fix_error(facts, error, pool.name) if error is not None else None
    return [
        *(show_obstacle(facts, error) if error is not None else ()),
        *([fix] if fix is not None else []),
        change(
            f"Run an empty update of node pool {pool.name}{' after that' if fix else ''}, so that Azure reconciles it",
            az_aks(facts.cluster, "nodepool", "update", "--nodepool-name", pool.name),
            SEGDOC,
            "provisioningState is Succeeded",
        ),
    ]


def start_pool(facts: Facts, pool: str) -> Action:
    """Start a stopped node pool."""
    return change(
        f"Start node pool {pool}",
        az_aks(facts.cluster, "nodepool", "start", "--nodepool-name", pool),
        SEGDOC,
        "its nodes are Ready within some minutes, and the gateway forwards traffic again",
    )


def node_image_fixes(facts: Facts, pool: str) -> list[Action]:
    """Fixes for a pool whose node image lacks a kernel module: another OS SKU or image.

    Requires AgentPool, ManagedCluster and StaticGatewayConfiguration declared.
    """
    selector = f"kubernetes.azure.com/agentpool={pool}"
    columns = (
        "NODE:.metadata.name",
        "KERNEL:.status.nodeInfo.kernelVersion",
        r"IMAGE:.metadata.labels.kubernetes\.azure\.com/node-image-version",
    )
    known = {each.name.lower(): each for each in facts.readable(AgentPool)}
    this = known.get(pool.lower())
    sku = "AzureLinux" if this is None or this.os_sku.lower().startswith("ubuntu") else "Ubuntu"
    name = next(name for name in ("gwpool", "gwpool2", "gwpool3") if name not in known)
    size = str(this.prefix_size) if this is not None and this.prefix_size else "31"
    options = ("--mode", "gateway", "--gateway-prefix-size", size, "--node-count", "2", "--os-sku", sku)
    readable = not facts.gap(StaticGatewayConfiguration, facts.gateway.namespace)
    configuration = gateway_configuration(facts) if readable else None
    moved: tuple[Action, ...] = ()
    if isinstance(configuration, StaticGatewayConfiguration):
        moved = (*new_configuration(facts, configuration, name), *delete_unused_pool(facts, pool, configuration))
    return [
        inspect(
            f"Show kernel and node image of the nodes of {pool}",
            kubectl("get", "nodes", "-l", selector, "-o", f"custom-columns={','.join(columns)}"),
            SEGDOC,
        ),
        *alternatives(
            [
                change(
                    f"Create gateway node pool {name} with OS SKU {sku}, because the node image of {pool} lacks the "
                    "wireguard module",
                    az_aks(facts.cluster, "nodepool", "add", "--nodepool-name", name, *options),
                    SEGDOC,
                    f"2 nodes are Ready; a StaticGatewayConfiguration on {name} has another egress IP prefix",
                ),
                *moved,
            ],
            disrupt(
                f"Upgrade the node image of {pool} if a newer one has the module; open connections through each node are "
                "closed",
                az_aks(facts.cluster, "nodepool", "upgrade", "--nodepool-name", pool, "--node-image-only"),
                SEGDOC,
                "the nodes show a newer image, and the daemons no longer report the error",
            ),
        ),
    ]
