"""How far is a gateway's move to a new StaticGatewayConfiguration (SEG-7)?

The annotation of the new one says which one it replaces, so each step is read from the cluster.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from checks.facts.managed_cluster import ManagedCluster
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import SEGDOC, alternatives, change, kubectl, reconcile
from checks.model.findings import Action, Evidence
from checks.static_egress.gateway_configuration import annotated_pods
from checks.static_egress.old_configurations import delete_old
from checks.static_egress.procedures import (
    describe,
    other_gateways,
    point_to,
    replacement_of,
    restart_gateway,
    show_pods,
    wait_for_prefix,
)

ANNOTATION = "kubernetes.azure.com/static-gateway-configuration"
MOVE_STEPS = 5
"""Create, prefix, gateway, pods, and the deletion of the old one."""


@dataclass(frozen=True, slots=True)
class Move:
    """A move that has begun: the new StaticGatewayConfiguration and the old one.

    `old` is None if it does not exist any more.
    """

    new: StaticGatewayConfiguration
    old_name: str
    old: StaticGatewayConfiguration | None


@dataclass(frozen=True, slots=True)
class OpenStep:
    """The first step that is not done.

    `why` is a clause; `actions` are this step and its way back.
    """

    number: int
    why: str
    subject: str
    evidence: tuple[Evidence, ...]
    actions: tuple[Action, ...]


def move_of(facts: Facts) -> Move | None:
    """The move of the gateway of the run, None if none has begun.

    A move away from the present StaticGatewayConfiguration counts before the one that led to it.
    """
    gateway = facts.gateway
    namespace = gateway.namespace
    new = replacement_of(facts, gateway.configuration, namespace)
    if new is None:
        present = facts.get(StaticGatewayConfiguration, gateway.configuration, namespace)
        new = present if present is not None and present.replaces else None
    if new is None:
        return None
    return Move(new, new.replaces, facts.get(StaticGatewayConfiguration, new.replaces, namespace))


def open_step(facts: Facts, move: Move) -> OpenStep | None:
    """The first step of a move that is not done, None if the move is complete."""
    return next((step for step in _open_steps(facts, move)), None)


def remaining_users(facts: Facts, move: Move) -> tuple[str, ...]:
    """The other gateways and the pods that use the old StaticGatewayConfiguration, as words."""
    if move.old is None:
        return ()
    pods = sum(1 for _ in annotated_pods(facts, move.old.namespace, move.old_name))
    counted = (f"{pods} pod{'' if pods == 1 else 's'} of the namespace",) if pods else ()
    return (*(f"egress gateway {each}" for each in other_gateways(facts, move.old)), *counted)


def _open_steps(facts: Facts, move: Move) -> Iterator[OpenStep]:
    new, gateway = move.new, facts.gateway
    if not new.egress_prefix:
        evidence = Evidence(new.ref, "status.egressIpPrefix", "(empty)", "an egress IP prefix")
        old_prefix = move.old.egress_prefix if move.old is not None else ""
        wait = wait_for_prefix(new.namespace, new.name, old_prefix)
        yield OpenStep(
            2,
            f"{new.name} has no egress IP prefix yet",
            new.ref,
            (evidence,),
            (describe(new), wait, _undo_creation(new)),
        )
    if gateway.configuration != new.name:
        evidence = Evidence(gateway.ref, "gatewayConfigurationName", gateway.configuration, new.name)
        why = (
            f"{new.name} has egress IP prefix {new.egress_prefix}, and {gateway.ref} still uses {gateway.configuration}"
        )
        steps = (describe(new), *alternatives(point_to(facts, new.name, move.old), _undo_creation(new)))
        yield OpenStep(3, why, gateway.ref, (evidence,), steps)
    yield from _pods_to_move(facts, move)
    cluster = facts.one(ManagedCluster)  # without it, another gateway may use the old one
    if move.old is not None and move.old.deleted is None and not remaining_users(facts, move):
        evidence = Evidence(move.old.ref, "metadata.deletionTimestamp", "(none)", "deleted")
        users = "no gateway and no pod" if cluster is not None else "no pod"
        kept = (
            f"and it keeps egress IP prefix {move.old.egress_prefix}"
            if move.old.egress_prefix
            else "and it still exists"
        )
        why = f"{users} uses {move.old_name} any more, {kept}"
        actions = (show_pods(new.namespace, new.name, move.old_name), *delete_old(facts, move.old, ()))
        yield OpenStep(5, why, move.old.ref, (evidence,), actions)


def _pods_to_move(facts: Facts, move: Move) -> Iterator[OpenStep]:
    """Step 4, if a pod or a pod template does not name the new one."""
    new, gateway, field = move.new, facts.gateway, f"metadata.annotations[{ANNOTATION}]"
    pods = facts.pods()
    moved = [each for each in pods if each.static_gateway_configuration == new.name]
    templates = [each for each in facts.deployments() if each.template_configuration != new.name]
    if pods and len(moved) == len(pods) and not templates:
        return
    evidence = [
        Evidence(each.ref, f"spec.template.{field}", each.template_configuration or "(none)", new.name)
        for each in templates
    ]
    observed = f"{new.name} on {len(moved)} of {len(pods)} pods" if pods else "(no pods)"
    evidence.append(Evidence(f"pods of {gateway.ref}", field, observed, f"{new.name} on every pod"))
    if templates:
        why = f"the template of {templates[0].ref} names {templates[0].template_configuration or 'none'}"
    elif pods:
        why = f"{len(moved)} of {len(pods)} pods of {gateway.ref} name {new.name}"
    else:
        why = f"{gateway.ref} has no pods"
    back = [point_to(facts, move.old_name, new)] if move.old is not None and move.old.deleted is None else []
    steps = (
        show_pods(new.namespace, new.name, move.old_name),
        *alternatives(_write_template(facts, new) if templates else restart_gateway(facts)[1:], *back),
    )
    yield OpenStep(4, why, f"pods of {gateway.ref}", tuple(evidence), steps)


def _write_template(facts: Facts, new: StaticGatewayConfiguration) -> Action:
    """Let AKS write the annotation of the pod template.

    A restart alone gives the new pods the old one.
    """
    template = kubectl("get", "deployment", *facts.gateway.deployments, "-o", "yaml", namespace=new.namespace)
    return reconcile(
        facts.cluster,
        f"writes {new.name} into the gateway's pod template, and the rollout replaces the pods",
        SEGDOC,
        f"`{template}` shows the annotation {ANNOTATION}: {new.name}",
    )


def _undo_creation(new: StaticGatewayConfiguration) -> Action:
    """The way back before the gateway uses the new StaticGatewayConfiguration."""
    return change(
        f"Delete {new.namespace}/{new.name} to go back: nothing uses it yet",
        kubectl("delete", "staticgatewayconfiguration", new.name, namespace=new.namespace),
        expect="the new prefix is released; the gateway is not changed",
    )
