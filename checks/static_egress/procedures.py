"""Fixes of a static egress gateway in several steps.

They restart it (SEG-6), or move it to a new SGC (SEG-7). Each procedure is a list of actions in the order of execution,
the read-only one first.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.kubernetes.deployment_details import resume_rollout
from checks.model.commands import (
    AZ_VERSION,
    SEGDOC,
    TSG,
    az_aks,
    change,
    disrupt,
    enable_gateway,
    inspect,
    kubectl,
    kubectl_apply,
    restart,
)
from checks.model.findings import Action
from checks.static_egress.configuration_yaml import (
    free_name,
    manifest_like,
    new_manifest,
    own_ranges,
    pool_for,
    pool_note,
)
from checks.static_egress.new_pools import create_pool, free_pool_name, lacks_gateway_pool
from checks.static_egress.old_configurations import ALLOW_LISTS, delete_old

_ANNOTATION = r"kubernetes\.azure\.com/static-gateway-configuration"


def restart_gateway(facts: Facts) -> tuple[Action, ...]:
    """Restart the gateway (SEG-6), after a paused rollout is resumed.

    kubectl refuses to restart a paused one. Pods get routes, key and excluded ranges when their network is set up, so an
    edit needs new pods. A check that offers this reads Deployment.
    """
    gateway = facts.gateway
    known = [each for each in facts.readable(Deployment, gateway.namespace) if each.name in gateway.deployments]
    return (
        inspect(
            f"Show when each pod of {gateway.namespace} was created, and which StaticGatewayConfiguration it names",
            pods_with_configuration(gateway.namespace),
            TSG,
        ),
        *(step for each in known for step in resume_rollout(each)),
        *(restart(name, gateway.namespace) for name in gateway.deployments),
    )


def replace_pods(facts: Facts, pods: Sequence[Pod]) -> tuple[Action, ...]:
    """New pods in place of some of the gateway's: only these are deleted, unless they are all.

    A check that offers this reads Pod and Deployment.
    """
    gateway = facts.gateway
    running = {each.name for each in facts.readable(Pod, gateway.namespace) if each.deployment in gateway.deployments}
    show, *restarts = restart_gateway(facts)
    names = [each.name for each in pods]
    if not names or running <= set(names):
        return (show, *restarts)
    through = "them" if len(names) > 1 else "it"
    delete = kubectl("delete", "pod", *names, namespace=gateway.namespace)
    return (
        show,
        disrupt(
            f"Delete {' and '.join(names)}; open connections through {through} are closed, the other pods serve",
            delete,
            TSG,
            "the ReplicaSet creates new pods, which are Ready within a minute",
        ),
    )


def restart_started(facts: Facts, namespace: str, deployments: Iterable[str]) -> tuple[Action, ...]:
    """Restart the Deployments with pods that have started.

    Such a pod keeps the routes and the key of a StaticGatewayConfiguration that no longer exists.

    A check that offers this reads Pod.
    """
    started = {pod.deployment for pod in facts.readable(Pod, namespace) if pod.ip and not pod.finished}
    return tuple(restart(name, namespace) for name in deployments if name in started)


def pods_with_configuration(namespace: str) -> str:
    """A command that lists each pod of the namespace with its StaticGatewayConfiguration.

    The list also shows creation time and phase.
    """
    columns = (
        "POD:.metadata.name",
        f"CONFIGURATION:.metadata.annotations.{_ANNOTATION}",
        "CREATED:.metadata.creationTimestamp",
        "PHASE:.status.phase",
    )
    return kubectl("get", "pods", "-o", f"custom-columns={','.join(columns)}", namespace=namespace)


def new_configuration(
    facts: Facts, old: StaticGatewayConfiguration, pool: str = "", prefix_id: str = ""
) -> tuple[Action, ...]:
    """All steps of SEG-7: a new StaticGatewayConfiguration for the gateway.

    The steps list the other users of the old one, create a new one with its fields, wait for the prefix and its
    allow-lists, point the gateway at it, verify the pods, and delete the old one.

    `pool` is the node pool to use instead of the one that the old SGC and Azure's list suggest. `prefix_id` is
    the Azure resource ID of the public IP prefix that the new one names, "" for one that Azure assigns. A check that offers
    this reads StaticGatewayConfiguration, AgentPool and ManagedCluster. If the new one was created already, the steps
    continue with it.
    """
    cluster, namespace = facts.cluster, old.namespace
    created = replacement_of(facts, old.name, namespace)
    name = created.name if created is not None else free_name(facts, old)
    pool = pool or pool_for(facts, old.pool)
    others = other_gateways(facts, old)
    return (
        inspect(
            f"List the egress gateways that use {namespace}/{old.name}" + _others_text(others),
            az_aks(
                cluster,
                "show",
                "--query",
                "serviceMeshProfile.istio.components.egressGateways"
                f'[?gatewayConfigurationName==`"{old.name}"`].{{name:name,namespace:namespace}}',
                "-o",
                "table",
            ),
            TSG,
        ),
        describe(created) if created is not None else _create_like(old, name, pool, prefix_id),
        wait_for_prefix(namespace, name, old.egress_prefix),
        point_to(facts, name, old),
        show_pods(namespace, name, old.name),
        *delete_old(facts, old, others),
    )


def replacement_of(facts: Facts, old: str, namespace: str) -> StaticGatewayConfiguration | None:
    """The newest StaticGatewayConfiguration that was created to replace another one.

    None if there is none. One that is being deleted does not count: deleting it is the way back.
    """
    found = [
        each
        for each in facts.readable(StaticGatewayConfiguration, namespace)
        if each.replaces == old and each.name != old and each.deleted is None
    ]
    return max(found, key=lambda each: (str(each.created or ""), each.name), default=None)


def _create_like(old: StaticGatewayConfiguration, name: str, pool: str, prefix_id: str) -> Action:
    namespace = old.namespace
    return change(
        f"Create StaticGatewayConfiguration {namespace}/{name} with the fields of {old.name}{pool_note(pool)}",
        kubectl_apply(manifest_like(old, name, pool, prefix_id=prefix_id)),
        SEGDOC,
        f"`{kubectl('get', 'staticgatewayconfiguration', name, namespace=namespace)}` lists it; nothing uses it before "
        "the gateway names it",
    )


def point_to(facts: Facts, name: str, old: StaticGatewayConfiguration | None) -> Action:
    """Point the gateway at another StaticGatewayConfiguration.

    `old` is the one before, None if it does not exist any more.
    """
    gateway = facts.gateway
    return disrupt(
        f"Point {gateway.ref} at {name}; replaces its pods, open connections are closed ({AZ_VERSION})",
        enable_gateway(facts.cluster, gateway.namespace, gateway.name, name),
        TSG,
        "new pods have the annotation of the new StaticGatewayConfiguration; traffic leaves from the new egress IP prefix"
        + (f". {old.name} keeps its prefix until it is deleted" if old is not None and old.deleted is None else ""),
        undo=_no_return(old),
    )


def show_pods(namespace: str, name: str, old: str) -> Action:
    """Show that every gateway pod names the new StaticGatewayConfiguration."""
    return Action(
        f"Show that every gateway pod names {name}",
        pods_with_configuration(namespace),
        url=TSG,
        expect=f"each pod of the gateway names {name}, and no pod names {old}; a pod that does uses the old prefix",
    )


def describe(configuration: StaticGatewayConfiguration) -> Action:
    """The article's command to describe a StaticGatewayConfiguration.

    It shows its spec, its status and the controller's events.
    """
    return inspect(
        f"Describe {configuration.ref} and its controller's events",
        kubectl("describe", "staticgatewayconfiguration", configuration.name, namespace=configuration.namespace),
        TSG,
    )


def patch_spec(
    configuration: StaticGatewayConfiguration, title: str, spec: Mapping[str, object], expect: str = ""
) -> Action:
    """An action that merge-patches a StaticGatewayConfiguration's spec; null deletes a field."""
    name, namespace = configuration.name, configuration.namespace
    patch = json.dumps({"spec": spec})
    command = kubectl("patch", "staticgatewayconfiguration", name, "--type", "merge", "-p", patch, namespace=namespace)
    return change(title, command, SEGDOC, expect)


def wait_for_prefix(namespace: str, name: str, old_prefix: str = "", *, used: bool = False) -> Action:
    """An action that waits for a StaticGatewayConfiguration's prefix.

    Destinations must allow it before it is used; `used`: the gateway's pods use it at once.
    """
    besides = f" in addition to {old_prefix}" if old_prefix else ""
    command = kubectl(
        "wait",
        f"staticgatewayconfiguration/{name}",
        "--for=jsonpath={.status.egressIpPrefix}",
        "--timeout=5m",
        namespace=namespace,
    )
    shown = kubectl(
        "get", "staticgatewayconfiguration", name, "-o", "jsonpath={.status.egressIpPrefix}", namespace=namespace
    )
    return Action(
        f"Wait until {name} has its egress IP prefix (needs kubectl 1.31 or later)",
        f"{command} && {shown}",
        url=SEGDOC,
        expect=f"the command prints the new prefix; {'' if used else 'before the next step, '}allow it{besides} in "
        f"{ALLOW_LISTS}",
    )


def other_gateways(facts: Facts, configuration: StaticGatewayConfiguration) -> tuple[str, ...]:
    """The other enabled gateways that use the StaticGatewayConfiguration.

    As `namespace/name`, by Azure's profile; without the names that the answer may not contain.
    """
    users = facts.once("gateways of each configuration", _users).get(configuration.key, ())
    others = (facts.question.name_of(each) for each in users if each != str(facts.gateway))
    return tuple(dict.fromkeys(others))


def _users(facts: Facts) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for cluster in facts.readable(ManagedCluster):
        for entry in cluster.egress_gateways:
            if entry.enabled and entry.configuration:
                key = (entry.namespace, entry.configuration)
                found.setdefault(key, []).append(f"{entry.namespace}/{entry.name}")
    return found


def _others_text(others: tuple[str, ...]) -> str:
    return f" (also {', '.join(others)})" if others else ""


def _no_return(old: StaticGatewayConfiguration | None) -> str:
    """Why the gateway cannot return to the old one, "" if it can."""
    if old is None:
        return "no command takes it back: the old StaticGatewayConfiguration does not exist any more"
    return f"no command takes it back: {old.name} is being deleted" if old.deleted is not None else ""


def create_configuration(
    facts: Facts,
    name: str,
    model: StaticGatewayConfiguration | None = None,
    namespace: str = "",
    *,
    used: bool = False,
) -> tuple[Action, ...]:
    """Create a StaticGatewayConfiguration, and wait for its prefix.

    `used`: the gateway's pods use the prefix at once.

    It is in the namespace of the gateway if none is given, and has the fields of `model`. If no node pool is in Gateway
    mode, one is created first. A check that offers this reads StaticGatewayConfiguration, AgentPool, Subnet and ManagedCluster.
    """
    namespace = namespace or facts.gateway.namespace
    new = free_pool_name(facts, model.pool if model else "") if lacks_gateway_pool(facts) else ""
    pool = new or pool_for(facts, model.pool if model else "")
    copied = f" with the fields of {model.namespace}/{model.name}" if model else ""
    lines = manifest_like(model, name, pool, namespace) if model else new_manifest(facts, namespace, name, pool)
    ranges = "" if model else f". {own_ranges(facts)}"
    return (
        *((create_pool(facts, new),) if new else ()),
        change(
            f"Create StaticGatewayConfiguration {namespace}/{name}{copied}{pool_note(pool)}",
            kubectl_apply(lines),
            SEGDOC,
            f"`{kubectl('get', 'staticgatewayconfiguration', name, namespace=namespace)}` lists it{ranges}",
        ),
        wait_for_prefix(namespace, name, used=used),
    )


def use_existing_configuration(facts: Facts, names: list[str]) -> tuple[Action, ...]:
    """Point the gateway at the closest existing StaticGatewayConfiguration.

    Only those of its namespace count.
    """
    gateway = facts.gateway
    if not names:
        return ()
    chosen = (get_close_matches(gateway.configuration, names, n=1, cutoff=0.0) or names)[0]
    return (
        disrupt(
            f"Point the gateway at {gateway.namespace}/{chosen}, which exists; "
            f"replaces its pods, open connections are closed ({AZ_VERSION})",
            enable_gateway(facts.cluster, gateway.namespace, gateway.name, chosen),
            TSG,
            "new gateway pods have the new annotation and the source addresses of that StaticGatewayConfiguration",
        ),
    )
