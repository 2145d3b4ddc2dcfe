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
from checks.static_egress.new_pools import create_pool, create_with_image, delete_unused_pool, prefix_size_of
from checks.static_egress.old_subnets import old_subnet
from checks.static_egress.procedures import new_configuration, patch_spec, restart_gateway, wait_for_prefix


def unusable_pool_fixes(facts: Facts, configuration: StaticGatewayConfiguration) -> list[Action]:
    """Actions that let the StaticGatewayConfiguration use a gateway node pool.

    The pool's name is changed in place if that leaves nothing behind. A new StaticGatewayConfiguration would not help: the
    clean-up of the old one needs the scale set of its pool, and would not end. Requires Subnet declared.

    Source: kube-egress-gateway controllers/manager, `loadPool` in both controllers and `reconcileGatewayLBConfig`.
    """
    usable = [pool.name for pool in facts.all(AgentPool) if state_of(pool) is PoolState.USABLE]
    first: list[Action] = []
    if usable:
        close = get_close_matches(configuration.pool.lower(), [name.lower() for name in usable], n=1)
        chosen = next((name for name in usable if close and name.lower() == close[0]), "") or least_used(facts, usable)
    else:
        chosen = _new_pool(facts, configuration)
        subnet = old_subnet(facts, configuration)
        first = [create_pool(facts, chosen, prefix_size_of(configuration), configuration.pool, subnet)]
    if configuration.deleted is not None:
        # Its deletion ends when its pool exists: the gateway then needs another one.
        return [*first, *new_configuration(facts, configuration, chosen)]
    if chosen == configuration.pool:
        return first
    return [*first, *_use_pool(facts, configuration, chosen)]


def _use_pool(facts: Facts, configuration: StaticGatewayConfiguration, pool: str) -> tuple[Action, ...]:
    """Change the pool's name in place, or move the gateway to a new StaticGatewayConfiguration.

    In place if no node of the old pool has an address of the prefix: the pool is gone, or there is no prefix.
    """
    old = facts.get(AgentPool, configuration.pool.lower())
    kept_by_old = old is not None and state_of(old) is not PoolState.DELETING
    if configuration.egress_prefix and (kept_by_old or not _prefix_suits(facts, configuration, pool)):
        return new_configuration(facts, configuration, pool)
    provisioned = configuration.egress_prefix or configuration.server.ip
    kept = (
        f"it keeps egress IP prefix {configuration.egress_prefix}, which the nodes of {pool} get"
        if configuration.egress_prefix
        else "it gets its egress IP prefix within minutes, and the waiting pods start"
    )
    unused = (
        "; an unused frontend IP configuration stays in the internal load balancer, at no cost" if provisioned else ""
    )
    patched = patch_spec(
        configuration,
        f"Patch spec.gatewayNodepoolName of {configuration.namespace}/{configuration.name} from {configuration.pool} to "
        f"{pool}",
        {"gatewayNodepoolName": pool},
        kept + unused,
    )
    if configuration.egress_prefix:
        return (patched, *restart_gateway(facts)[1:])
    return (patched, wait_for_prefix(configuration.namespace, configuration.name, used=True))


def _prefix_suits(facts: Facts, configuration: StaticGatewayConfiguration, name: str) -> bool:
    """Whether another pool can use the assigned prefix.

    It must have an address for each node, and the length that the pool requires if it is a prefix of the user. A pool that
    is created for it does.
    """
    pool = facts.get(AgentPool, name.lower())
    length = configuration.egress_prefix.rpartition("/")[2]
    if pool is None or not length.isdecimal():
        return pool is None
    enough = (pool.count or 0) <= 2 ** (32 - int(length))
    return enough and (not configuration.public_ip_prefix_id or pool.prefix_size == int(length))


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
                create_with_image(facts, name, pool, sku),
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
