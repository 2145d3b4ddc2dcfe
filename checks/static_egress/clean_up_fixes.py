"""Fixes for what stops the clean-up of a StaticGatewayConfiguration that is being deleted.

A new StaticGatewayConfiguration comes after them: as long as a lock or a missing right stops the clean-up, it stops that of
the new one too, and the old one keeps its addresses.

Source: kube-egress-gateway controllers/manager (EnsureDeleteGatewayVMConfigurationError), pull requests 1054 and 1223.
"""

from collections.abc import Iterator

from checks.facts.agent_pools import AgentPool
from checks.facts.events import Event
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.knowledge.azure_obstacles import used_prefix
from checks.knowledge.controller_events import current_errors
from checks.knowledge.controller_texts import ControllerFault, event_cause
from checks.model.commands import KEGTS, change, inspect, quoted
from checks.model.findings import Action, Effect
from checks.static_egress.controller_reports import controller_fixes
from checks.static_egress.gateway_configuration import pool_of


def clean_up_fixes(facts: Facts, configuration: StaticGatewayConfiguration) -> Iterator[Action]:
    """The fix of each current error of the clean-up.

    A missing node pool has a fix of its own, and the last step of `new_configuration` waits for the rest. Requires Event,
    AgentPool and ManagedCluster declared.
    """
    if facts.gap(Event, configuration.namespace) is not None:
        return
    errors = [
        event
        for event in current_errors(facts.events_on(configuration))
        if event_cause(event.message).fault is not ControllerFault.POOL_MISSING
    ]
    if (prefix := _left_over(facts, configuration, [each.message for each in errors])) is not None:
        yield from _delete_addresses(facts, prefix)
        return
    for each in controller_fixes(facts, errors):
        if each.effect is not Effect.READS or each.command:
            yield each


def _left_over(facts: Facts, configuration: StaticGatewayConfiguration, messages: list[str]) -> str | None:
    """The name of the prefix that addresses of a VirtualMachines pool still use, else None.

    Azure deletes the addresses of a scale set with its interfaces, but not those of VMs.
    """
    pool = pool_of(facts, configuration)
    if not isinstance(pool, AgentPool) or pool.kind.lower() != "virtualmachines":
        return None
    return next((found for each in messages if (found := used_prefix(each))), None)


def _delete_addresses(facts: Facts, prefix: str) -> Iterator[Action]:
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    group = cluster.node_resource_group if cluster is not None else ""
    where = quoted("--resource-group", group) if group else '--resource-group "$NODE_RESOURCE_GROUP"'
    subscription = f" {quoted('--subscription', facts.cluster.subscription)}" if facts.cluster.subscription else ""
    chosen = f"[?publicIPPrefix && ends_with(publicIPPrefix.id, '/{prefix}') && !ipConfiguration]"
    listed = f"az network public-ip list {where}{subscription}"
    shown = quoted("--query", f"{chosen}.{{name:name,address:ipAddress}}")
    ids = quoted("--query", f"{chosen}.id")
    yield inspect(
        f"List the public IP addresses of prefix {prefix} that no network interface uses",
        f"{listed} {shown} -o table",
        KEGTS,
        "only addresses that nothing uses; the next step deletes these",
    )
    yield change(
        f"Delete the public IP addresses of prefix {prefix} that no network interface uses",
        f"az network public-ip delete --ids $({listed} {ids} -o tsv)",
        KEGTS,
        "the controller's next attempt deletes the prefix, and then the StaticGatewayConfiguration. Operators since v0.1.3 "
        "delete these addresses themselves",
        undo="no command takes it back: nothing uses these addresses, and their prefix is being deleted",
    )
