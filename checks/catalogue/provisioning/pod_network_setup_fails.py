"""EG308: the network of gateway pods cannot be set up."""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.facts.agent_pools import AgentPool
from checks.facts.events import Event
from checks.facts.logs import CniManagerLog
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.kubernetes.pod_problems import awaits_network
from checks.kubernetes.times_of_faults import first_of
from checks.model.commands import KEGTS, SEGDOC, TSG, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip, unknown, warn
from checks.static_egress.components import cni_manager_on
from checks.static_egress.network_failures import (
    SANDBOX_FAILED,
    NetworkFailure,
    alike_failures,
    network_failure,
    network_overdue,
    waits_for_something_else,
)
from checks.static_egress.network_fixes import network_fixes


@check(
    code="EG308",
    title="The network of gateway pods cannot be set up",
    severity=Severity.BLOCKS,
    hop="static egress",
    article=("SEG-2",),
    partly=("PROV-4",),
    reads=(Pod, Deployment, Event, CniManagerLog, Node, AgentPool, StaticGatewayConfiguration),
    explains={
        "gateway-pods-not-running": Because("a pod without a network stays in ContainerCreating", share="pod"),
    },
)
def pod_network_setup_fails(facts: Facts) -> Iterator[Observation]:
    """What it checks: gateway pods that have a node and no started container, and the newest `FailedCreatePodSandBox`
    event of each, whose message names the cause (plugin `kube-egress-cni`: the static egress gateway; any other plugin:
    the cluster's own network). It fails when no gateway pod has a network and warns when some have. Kubernetes keeps
    events for an hour. If a pod waits for more than two minutes and has no event, the log of the cni-manager on its
    node is searched for the same messages; without such a message the pod is reported as not checked.

    Why it matters: the proxy's container starts only after the pod's WireGuard interface exists.

    What usually fixes it: the message names the cause, usually a StaticGatewayConfiguration without an egress IP
    prefix, one that does not exist in the pod's namespace, an entry in excludeCidrs without a mask, or a cni-manager
    that is down.

    Source: article SEG-2; kube-egress-gateway's CNI plugin; docs/domain/components.md#cni-manager."""
    pods = facts.pods()
    if not pods:
        yield skip(f"Egress gateway {facts.gateway} has no pods (gateway-pods-not-running, deployment-not-available).")
        return
    waiting = [pod for pod in pods if awaits_network(pod)]
    known = [each for pod in waiting if (each := network_failure(facts, pod)) is not None]
    blocked = not any(pod.ready or pod.ip for pod in pods)
    yield from (_finding(facts, group, blocked) for group in alike_failures(known))
    silent = [
        pod for pod in waiting if pod not in [each.pod for each in known] and not waits_for_something_else(facts, pod)
    ]
    yield from (_without_event(facts, pod) for pod in silent if network_overdue(facts, pod))
    if not known and not silent:
        yield healthy("No gateway pod waits for its network.")
    elif not known and not any(network_overdue(facts, pod) for pod in silent):
        yield skip(f"{silent[0].ref} has been starting for less than two minutes and has reported no failure.")


def _finding(facts: Facts, group: list[NetworkFailure], blocked: bool) -> Observation:
    failure = group[0].failure
    names = ", ".join(f"{each.pod.namespace}/{each.pod.name}" for each in group)
    what = f"Pod {names} gets" if len(group) == 1 else f"Pods {names} get"
    summary = f"{what} no network: {failure.meaning}."
    subject = ", ".join(each.pod.ref for each in group)
    evidence = [each.evidence for each in group]
    about = {Involved("pod", f"{each.pod.namespace}/{each.pod.name}") for each in group} | failure.about
    if failure.from_components:
        about |= {Involved("node", each.pod.node) for each in group}
    actions = _actions(facts, group)
    since = first_of(each.since for each in group)
    if blocked:
        return fail(summary, subject=subject, evidence=evidence, actions=actions, about=frozenset(about), since=since)
    return warn(
        summary,
        subject=subject,
        evidence=evidence,
        actions=actions,
        about=frozenset(about),
        severity=Severity.DEGRADES,
        since=since,
    )


def _actions(facts: Facts, group: list[NetworkFailure]) -> list[Action]:
    failed = group[0]
    pod, failure = failed.pod, failed.failure
    found = [inspect("Describe the pod", kubectl("describe", "pod", pod.name, namespace=pod.namespace), TSG)]
    if failure.plugin.startswith("kube-egress-cni"):
        found += [*_log(facts, pod), *_configuration(facts)]
    else:
        node = f"spec.nodeName={pod.node}"
        command = kubectl("get", "pods", "--field-selector", node, "-o", "wide", namespace="kube-system")
        found.append(inspect(f"List the network components on {pod.node}", command))
    return [*found, *network_fixes(facts, group)]


def _log(facts: Facts, pod: Pod) -> list[Action]:
    if (manager := cni_manager_on(facts, pod.node)) is None:
        return []
    command = kubectl("logs", manager.name, "-c", "cnimanager", "--tail=200", namespace=manager.namespace)
    return [inspect(f"Show the log of the cni-manager on {pod.node}", command, KEGTS)]


def _configuration(facts: Facts) -> list[Action]:
    gateway = facts.gateway
    name, namespace = gateway.configuration, gateway.namespace
    unread = facts.gap(StaticGatewayConfiguration, namespace) is not None
    if not name or (not unread and facts.get(StaticGatewayConfiguration, name, namespace) is None):
        return []
    command = kubectl("describe", "staticgatewayconfiguration", name, namespace=namespace)
    return [inspect("Describe the StaticGatewayConfiguration", command, SEGDOC)]


def _without_event(facts: Facts, pod: Pod) -> Observation:
    return unknown(
        f"{pod.ref} has been in ContainerCreating for more than two minutes, and no event names the cause.",
        subject=pod.ref,
        evidence=[Evidence(pod.ref, f"event {SANDBOX_FAILED}", "(none; events are kept for an hour)")],
        actions=[
            *_log(facts, pod),
            inspect("Describe the pod", kubectl("describe", "pod", pod.name, namespace=pod.namespace), TSG),
        ],
    )
