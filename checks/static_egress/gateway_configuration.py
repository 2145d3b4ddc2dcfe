"""The StaticGatewayConfiguration and node pool that the gateway uses.

For a gateway without them, it has the reason why a check of them does not apply.

Sources: docs/rulings.md#ruling-8, docs/rulings.md#ruling-18.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from checks.facts.agent_pools import AgentPool
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts

CONTROLLER = "static-egress-controller"
"""The component that links a fault that stops reconciliation with its consequences."""


class EarlierFault(StrEnum):
    """A fault that makes later checks meaningless, by the slug of its check."""

    DISABLED = "static-egress-disabled"
    CONFIGURATION_MISSING = "gateway-configuration-missing"
    CONFIGURATION_INVALID = "gateway-configuration-invalid"
    POOL_MISSING = "gateway-pool-missing"
    POOL_UNHEALTHY = "gateway-pool-unhealthy"


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The check does not apply: a statement without a period, and its earlier fault."""

    statement: str
    fault: EarlierFault

    @property
    def clause(self) -> str:
        """The statement with the check of the earlier fault, as the end of a sentence."""
        return f"{self.statement} ({self.fault})"

    @property
    def reason(self) -> str:
        """The same as a sentence of its own."""
        return f"{self.clause}."


def gateway_configuration(facts: Facts) -> StaticGatewayConfiguration | NotApplicable:
    """The StaticGatewayConfiguration that the gateway names.

    Raises Unreadable if its kind is unreadable.
    """
    gateway = facts.gateway
    if not gateway.configuration:
        return NotApplicable(
            f"Egress gateway {gateway} names no StaticGatewayConfiguration", EarlierFault.CONFIGURATION_MISSING
        )
    if not facts.installed(StaticGatewayConfiguration):
        return NotApplicable("The StaticGatewayConfiguration CRD is not installed", EarlierFault.DISABLED)
    found = facts.get(StaticGatewayConfiguration, gateway.configuration, gateway.namespace)
    if found is None:
        return NotApplicable(
            f"StaticGatewayConfiguration {gateway.namespace}/{gateway.configuration} does not exist",
            EarlierFault.CONFIGURATION_MISSING,
        )
    return found


class PoolState(StrEnum):
    """Whether a StaticGatewayConfiguration's node pool can forward traffic.

    The values end a sentence.
    """

    USABLE = "usable"
    MISSING = "missing"
    NOT_GATEWAY = "not in Gateway mode"
    DELETING = "being deleted"
    STOPPED = "stopped"


def state_of(pool: AgentPool | None) -> PoolState:
    """The state of a pool; None is a pool that Azure does not list."""
    if pool is None:
        return PoolState.MISSING
    if not pool.is_gateway:
        return PoolState.NOT_GATEWAY
    if pool.provisioning_state.lower() == "deleting":
        return PoolState.DELETING
    return PoolState.STOPPED if pool.power_state.lower() == "stopped" else PoolState.USABLE


def pool_of(facts: Facts, configuration: StaticGatewayConfiguration) -> AgentPool | NotApplicable | None:
    """The StaticGatewayConfiguration's pool as Azure lists it.

    None if Azure does not answer. NotApplicable if the pool is missing, stopped, being deleted or not in Gateway mode:
    gateway-pool-missing reports it.
    """
    if not configuration.pool:
        return NotApplicable(f"{configuration.ref} names no node pool", EarlierFault.CONFIGURATION_INVALID)
    if facts.gap(AgentPool) is not None or not facts.configured(AgentPool):
        return None
    pool = facts.get(AgentPool, configuration.pool.lower())
    state = state_of(pool)
    if pool is None or state is not PoolState.USABLE:
        return NotApplicable(f"Node pool {configuration.pool} is {state.value}", EarlierFault.POOL_MISSING)
    return pool


def annotated_pods(facts: Facts, namespace: str, configuration: str) -> Iterator[Pod]:
    """The pods of the namespace that name the StaticGatewayConfiguration.

    Deleted and finished ones are not among them.
    """
    index = facts.index(Pod, "StaticGatewayConfiguration", _annotation)
    for pod in index.get((namespace, configuration), ()):
        if pod.deleted is None and not pod.finished:
            yield pod


def _annotation(pod: Pod) -> Iterator[tuple[str, str]]:
    if configuration := pod.static_gateway_configuration:
        yield (pod.namespace, configuration)
