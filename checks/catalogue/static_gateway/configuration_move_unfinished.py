"""EG416: a gateway's move to a new StaticGatewayConfiguration is not finished."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.agent_pools import AgentPool
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.findings import Observation, Severity, healthy, skip, warn
from checks.static_egress.configuration_moves import MOVE_STEPS, move_of, open_step, remaining_users


@check(
    code="EG416",
    title="The move to a new StaticGatewayConfiguration is not finished",
    severity=Severity.RISKS,
    article=("SEG-7",),
    reads=(StaticGatewayConfiguration, Deployment, Pod, ManagedCluster, AgentPool),
    explains={},
)
def configuration_move_unfinished(facts: Facts) -> Iterator[Observation]:
    """What it checks: the five steps of a move to a new StaticGatewayConfiguration, once the new one exists with the
    annotation egress-diag/replaces that the manifest of the first step contains. The new one has an egress IP prefix, the
    gateway names it, every gateway pod names it, and the old one is deleted when nothing uses it. The first step that is
    not done is a warning with its command and its way back.

    Why it matters: a gateway between two prefixes sends traffic from both, and destinations with allow-lists reject one of
    them. An old StaticGatewayConfiguration keeps its public IP prefix until it is deleted.

    What usually fixes it: the next step of the move.

    Source: article SEG-7; AKS documentation, "Configure Static Egress Gateway in Azure Kubernetes Service (AKS)"."""
    move = move_of(facts)
    if move is None:
        yield skip(f"No StaticGatewayConfiguration was created to replace that of {facts.gateway.ref}.")
        return
    new, old = move.new.name, move.old_name
    step = open_step(facts, move)
    if step is not None:
        yield warn(
            f"Step {step.number} of {MOVE_STEPS} of the move from {old} to {new} is not done: {step.why}.",
            subject=step.subject,
            evidence=step.evidence,
            actions=step.actions,
        )
    elif users := remaining_users(facts, move):
        yield healthy(
            f"Egress gateway {facts.gateway} was moved from {old} to {new}; {old} is still used by {', '.join(users)}."
        )
    else:
        state = "is being deleted" if move.old is not None else "is deleted"
        yield healthy(f"Egress gateway {facts.gateway} was moved from {old} to {new}, and {old} {state}.")
