"""EG407: the StaticGatewayConfiguration's node pool does not exist or cannot be used.

It is stopped or being deleted, or is not in Gateway mode.
"""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.facts.agent_pools import AgentPool
from checks.facts.events import Event
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.network_resources import Subnet
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.commands import TSG, az_aks, inspect
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip, warn
from checks.static_egress.gateway_configuration import NotApplicable, PoolState, gateway_configuration, state_of
from checks.static_egress.gateway_nodes import pool_error
from checks.static_egress.pool_fixes import failed_pool_fixes, show_pool_settings, start_pool, unusable_pool_fixes
from checks.static_egress.pool_tags import prefix_size_finding


@check(
    code="EG407",
    title="The gateway node pool does not exist or is not in Gateway mode",
    severity=Severity.BLOCKS,
    hop="node pool",
    article=("SEG-3",),
    partly=("PRE-2",),
    reads=(StaticGatewayConfiguration, AgentPool, ManagedCluster, Subnet, Event, Deployment),
    explains={
        "egress-prefix-unassigned": "a prefix is assigned to gateway nodes, and this pool has none",
        "gateway-configuration-terminating": "the clean-up works on the pool's scale set, which does not exist",
        "gateway-pool-unhealthy": "a pool that does not exist or is stopped has no ready node",
        "static-egress-components-unhealthy": Because(
            "the gateway daemon runs only on the pool's nodes, and there are none", share="pool"
        ),
        "gateway-dataplane-not-ready": "the pool has no node to serve the StaticGatewayConfiguration",
        "traffic-failing": "the pool has no node that forwards the requests",
    },
)
def gateway_pool_missing(facts: Facts) -> Iterator[Observation]:
    """What it checks: spec.gatewayNodepoolName against Azure's list of the cluster's node pools. The pool must exist,
    be in Gateway mode, and be neither stopped nor being deleted. Its Azure resources must have the tag
    with the prefix size: it fails if the controller reports that they lack it and there is no prefix, else it warns. It
    warns if the last operation on the pool failed.

    Why it matters: traffic leaves through the nodes of this pool. Without them a new StaticGatewayConfiguration gets no
    prefix, and the traffic of an existing one fails.

    What usually fixes it: the name of the right pool in the SGC, if the old pool has no addresses of its prefix. An SGC
    whose pool is missing cannot be deleted: the clean-up needs the scale set. Do not delete a pool while an SGC names it.

    Source: article SEG-3; kube-egress-gateway, controllers/manager; AKS documentation,
    "Configure Static Egress Gateway in Azure Kubernetes Service (AKS)"."""
    configuration = gateway_configuration(facts)
    if isinstance(configuration, NotApplicable):
        yield skip(configuration.reason)
    elif not configuration.pool:
        yield skip(f"{configuration.ref} names no node pool (gateway-configuration-invalid).")
    elif not facts.configured(AgentPool):
        yield skip(
            f"Node pool {configuration.pool} is not checked: reading Azure is not configured.",
            actions=[show_pool_settings(facts, configuration.pool)],
        )
    else:
        yield _judged(facts, configuration)


def _judged(facts: Facts, configuration: StaticGatewayConfiguration) -> Observation:
    pool = facts.get(AgentPool, configuration.pool.lower())
    named = f"{configuration.ref} uses node pool {configuration.pool}"
    match state_of(pool):
        case PoolState.MISSING:
            return _missing(facts, configuration)
        case PoolState.NOT_GATEWAY:
            evidence = Evidence(f"node pool {configuration.pool}", "mode", pool.mode if pool else "", "Gateway")
            return _fault(
                facts,
                configuration,
                f"{named}, which is not in Gateway mode.",
                evidence,
                unusable_pool_fixes(facts, configuration),
            )
        case PoolState.DELETING:
            evidence = Evidence(f"node pool {configuration.pool}", "provisioningState", "Deleting", "Succeeded")
            return _fault(
                facts,
                configuration,
                f"{named}, which is being deleted.",
                evidence,
                unusable_pool_fixes(facts, configuration),
            )
        case PoolState.STOPPED:
            evidence = Evidence(f"node pool {configuration.pool}", "powerState.code", "Stopped", "Running")
            return _fault(
                facts, configuration, f"{named}, which is stopped.", evidence, [start_pool(facts, configuration.pool)]
            )
        case PoolState.USABLE:
            lacking = prefix_size_finding(facts, configuration, pool) if pool is not None else None
            return lacking or _usable(facts, configuration, pool)


def _usable(facts: Facts, configuration: StaticGatewayConfiguration, pool: AgentPool | None) -> Observation:
    if pool is None or pool.provisioning_state.lower() != "failed":
        return healthy(f"Node pool {configuration.pool} exists and is in Gateway mode.")
    error = pool_error(pool)
    evidence = [Evidence(pool.ref, "provisioningState", "Failed", "Succeeded")]
    if pool.provisioning_error:
        shown = " ".join(pool.provisioning_error.split())
        evidence.append(Evidence(pool.ref, "status.provisioningError", shown, "(none)"))
    reason = f": {error.meaning}" if error is not None else ""
    return warn(
        f"The last operation on node pool {pool.name} of {configuration.ref} failed{reason}.",
        subject=configuration.ref,
        evidence=evidence,
        actions=[show_pool_settings(facts, pool.name), *failed_pool_fixes(facts, pool, error)],
        about=[Involved("pool", pool.name)],
    )


def _missing(facts: Facts, configuration: StaticGatewayConfiguration) -> Observation:
    gateways = [pool.name for pool in facts.all(AgentPool) if pool.is_gateway]
    names = ", ".join(pool.name for pool in facts.all(AgentPool))
    return _fault(
        facts,
        configuration,
        f"{configuration.ref} uses node pool {configuration.pool}, which does not exist.",
        Evidence(
            configuration.ref,
            "spec.gatewayNodepoolName",
            configuration.pool,
            f"a node pool in Gateway mode: {', '.join(gateways)}"
            if gateways
            else f"a node pool in Gateway mode (none among {names})",
        ),
        unusable_pool_fixes(facts, configuration),
    )


def _fault(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    summary: str,
    evidence: Evidence,
    fixes: list[Action],
) -> Observation:
    return fail(
        summary,
        subject=configuration.ref,
        evidence=[Evidence(configuration.ref, "spec.gatewayNodepoolName", configuration.pool), evidence]
        if evidence.resource != configuration.ref
        else [evidence],
        actions=[
            inspect("List the cluster's node pools", az_aks(facts.cluster, "nodepool", "list", "-o", "table"), TSG),
            *fixes,
        ],
        about=[Involved("pool", configuration.pool)],
    )
