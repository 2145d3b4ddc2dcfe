"""The gateway's StaticGatewayConfiguration and its node pool, or why there is none to look at (Rulings 8 and 18)."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from checks.facts.agent_pools import AgentPool
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts

CONTROLLER = "static-egress-controller"
"""The component by which faults that stop reconciling and their consequences are tied together."""


@dataclass(frozen=True, slots=True)
class NothingThere:
    """There is nothing to look at; `why` is a sentence that names the failure before."""

    why: str


def configuration_of(facts: Facts) -> StaticGatewayConfiguration | NothingThere:
    """The configuration that the gateway names. Raises Unreadable where it could not be read."""
    gateway = facts.gateway
    if not gateway.configuration:
        return NothingThere(
            f"Egress gateway {gateway} names no StaticGatewayConfiguration (gateway-configuration-missing)."
        )
    if not facts.installed(StaticGatewayConfiguration):
        return NothingThere("The cluster does not have the kind StaticGatewayConfiguration (static-egress-disabled).")
    found = facts.get(StaticGatewayConfiguration, gateway.configuration, gateway.namespace)
    if found is None:
        return NothingThere(
            f"There is no StaticGatewayConfiguration {gateway.namespace}/{gateway.configuration} to look at "
            "(gateway-configuration-missing)."
        )
    return found


class PoolState(StrEnum):
    """Whether a configuration's node pool can carry traffic at all, by Azure's own list of pools."""

    USABLE = "usable"
    MISSING = "missing"
    NOT_GATEWAY = "not of mode Gateway"
    DELETING = "being deleted"
    STOPPED = "stopped"


def state_of(pool: AgentPool | None) -> PoolState:
    """The state of a pool, None being one that Azure does not list."""
    if pool is None:
        return PoolState.MISSING
    if not pool.is_gateway:
        return PoolState.NOT_GATEWAY
    if pool.provisioning_state.lower() == "deleting":
        return PoolState.DELETING
    return PoolState.STOPPED if pool.power_state.lower() == "stopped" else PoolState.USABLE


def pool_of(facts: Facts, configuration: StaticGatewayConfiguration) -> AgentPool | NothingThere | None:
    """The configuration's pool as Azure lists it; None where Azure is not looked at or does not answer; else why its
    nodes need no look: it is missing, stopped, being deleted or no gateway pool, which gateway-pool-missing says."""
    if not configuration.pool:
        return NothingThere(f"{configuration.ref} names no node pool (gateway-configuration-invalid).")
    if facts.gap(AgentPool) is not None or not facts.configured(AgentPool):
        return None
    pool = facts.get(AgentPool, configuration.pool.lower())
    state = state_of(pool)
    if pool is None or state is not PoolState.USABLE:
        return NothingThere(f"Node pool {configuration.pool} is {state.value} (gateway-pool-missing).")
    return pool


def annotated_pods(facts: Facts, namespace: str, configuration: str) -> Iterator[Pod]:
    """The living pods of the namespace whose traffic is to leave through the configuration."""
    index = facts.index(Pod, "static gateway configuration", _annotation)
    for pod in index.get((namespace, configuration), ()):
        if pod.deleted is None and not pod.finished:
            yield pod


def _annotation(pod: Pod) -> Iterator[tuple[str, str]]:
    if configuration := pod.static_gateway_configuration:
        yield (pod.namespace, configuration)
