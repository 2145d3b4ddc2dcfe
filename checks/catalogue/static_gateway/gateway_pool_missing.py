"""EG407: the configuration's node pool is missing, stopped, being deleted, or not of mode Gateway."""

from collections.abc import Iterator
from difflib import get_close_matches

from checks.engine.check import Because, check
from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import SEGDOC, TSG, az_aks, change, look
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip, warn
from checks.static_egress.configuration import NothingThere, PoolState, configuration_of, state_of
from checks.static_egress.procedures import new_configuration


@check(
    code="EG407",
    title="The configuration's node pool is missing or no gateway pool",
    severity=Severity.BLOCKS,
    hop="node pool",
    article=("SEG-3",),
    reads=(StaticGatewayConfiguration, AgentPool, ManagedCluster),
    explains={
        "egress-prefix-unassigned": "a prefix is attached to gateway nodes, and there are none",
        "gateway-configuration-terminating": "the clean-up works on the pool's scale set, which is gone",
        "gateway-pool-unhealthy": "a pool that is missing or stopped has no ready node",
        "static-egress-components-unhealthy": Because(
            "the gateway daemon runs on the pool's nodes only, and there are none", share="pool"
        ),
        "gateway-dataplane-not-ready": "no node of the pool is there to serve the configuration",
    },
)
def gateway_pool_missing(facts: Facts) -> Iterator[Observation]:
    """What it checks: spec.gatewayNodepoolName among the cluster's node pools as Azure lists them: it must exist, be of
    mode Gateway, and be neither stopped nor being deleted. A pool whose last operation failed warns.

    Why it matters: the pool's nodes are where traffic leaves. Without them there is no prefix for a new configuration, and no
    way out for an old one.

    What usually fixes it: a new configuration that names the right pool, and pointing the gateway at it. A pool is not to be
    deleted while a configuration names it.

    Source: article SEG-3; AKS documentation, configure-static-egress-gateway."""
    configuration = configuration_of(facts)
    if isinstance(configuration, NothingThere):
        yield skip(configuration.why)
    elif not configuration.pool:
        yield skip(f"{configuration.ref} names no node pool (gateway-configuration-invalid).")
    elif not facts.configured(AgentPool):
        yield skip(
            f"Azure is not looked at, so node pool {configuration.pool} cannot be looked up.",
            actions=[_show(facts, configuration.pool)],
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
                f"{named}, which is not of mode Gateway.",
                evidence,
                _elsewhere(facts, configuration),
            )
        case PoolState.DELETING:
            evidence = Evidence(f"node pool {configuration.pool}", "provisioningState", "Deleting", "Succeeded")
            return _fault(
                facts, configuration, f"{named}, which is being deleted.", evidence, _elsewhere(facts, configuration)
            )
        case PoolState.STOPPED:
            evidence = Evidence(f"node pool {configuration.pool}", "powerState.code", "Stopped", "Running")
            return _fault(
                facts, configuration, f"{named}, which is stopped.", evidence, [_start(facts, configuration.pool)]
            )
        case PoolState.USABLE:
            return _usable(facts, configuration, pool)


def _usable(facts: Facts, configuration: StaticGatewayConfiguration, pool: AgentPool | None) -> Observation:
    if pool is None or pool.provisioning_state.lower() != "failed":
        return healthy(f"Node pool {configuration.pool} exists and is of mode Gateway.")
    evidence = [Evidence(pool.ref, "provisioningState", "Failed", "Succeeded")]
    if pool.provisioning_error:
        evidence.append(Evidence(pool.ref, "status.provisioningError", pool.provisioning_error, "(none)"))
    return warn(
        f"The last operation on node pool {pool.name} of {configuration.ref} failed.",
        subject=configuration.ref,
        evidence=evidence,
        actions=[
            _show(facts, pool.name),
            change(
                "Let Azure reconcile the pool",
                az_aks(facts.cluster, "nodepool", "update", "--nodepool-name", pool.name),
                SEGDOC,
                "provisioningState is Succeeded",
            ),
        ],
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
            f"a gateway pool: {', '.join(gateways)}" if gateways else f"a gateway pool (there is none among {names})",
        ),
        _elsewhere(facts, configuration),
    )


def _fault(
    facts: Facts,
    configuration: StaticGatewayConfiguration,
    summary: str,
    evidence: Evidence,
    remedy: list[Action],
) -> Observation:
    return fail(
        summary,
        subject=configuration.ref,
        evidence=[Evidence(configuration.ref, "spec.gatewayNodepoolName", configuration.pool), evidence]
        if evidence.resource != configuration.ref
        else [evidence],
        actions=[
            look("List the cluster's node pools", az_aks(facts.cluster, "nodepool", "list", "-o", "table"), TSG),
            *remedy,
        ],
        about=[Involved("pool", configuration.pool)],
    )


def _prefix_size(configuration: StaticGatewayConfiguration) -> str:
    """The length of the prefix that the configuration has had, else one that leaves room for a third and fourth node."""
    length = configuration.egress_prefix.rpartition("/")[2]
    return length if length in ("28", "29", "30", "31") else "30"


def _elsewhere(facts: Facts, configuration: StaticGatewayConfiguration) -> list[Action]:
    """A new configuration on the right pool: what an edit of the pool's name leaves behind on the old one is unproven."""
    usable = [pool.name for pool in facts.all(AgentPool) if state_of(pool) is PoolState.USABLE]
    if not usable:
        return [
            change(
                f"Create a node pool of mode Gateway named {_new_pool(facts, configuration)}",
                az_aks(
                    facts.cluster,
                    "nodepool",
                    "add",
                    *("--nodepool-name", _new_pool(facts, configuration), "--mode", "gateway"),
                    *("--gateway-prefix-size", _prefix_size(configuration), "--node-count", "2"),
                ),
                SEGDOC,
                "two nodes are Ready, and the configurations that name the pool get their prefix",
            ),
            *(
                ()
                if _new_pool(facts, configuration) == configuration.pool
                else new_configuration(facts, configuration, _new_pool(facts, configuration))
            ),
        ]
    near = get_close_matches(configuration.pool.lower(), [name.lower() for name in usable], n=1)
    chosen = next((name for name in usable if near and name.lower() == near[0]), usable[0] if len(usable) == 1 else "")
    return list(new_configuration(facts, configuration, chosen))


def _new_pool(facts: Facts, configuration: StaticGatewayConfiguration) -> str:
    """The name that the configuration asks for where it is free, else another."""
    taken = facts.get(AgentPool, configuration.pool.lower()) is not None
    return "gwpool" if taken and configuration.pool.lower() != "gwpool" else "gwpool2" if taken else configuration.pool


def _show(facts: Facts, pool: str) -> Action:
    return look(
        f"See node pool {pool}", az_aks(facts.cluster, "nodepool", "show", "--nodepool-name", pool, "-o", "json"), TSG
    )


def _start(facts: Facts, pool: str) -> Action:
    return change(
        f"Start node pool {pool}",
        az_aks(facts.cluster, "nodepool", "start", "--nodepool-name", pool),
        SEGDOC,
        "its nodes are Ready after some minutes, and the gateway serves again",
    )
