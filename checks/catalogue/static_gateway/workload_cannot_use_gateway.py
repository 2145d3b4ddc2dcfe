"""EG412: a workload with the gateway's annotation cannot use the gateway."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.model.commands import SEGDOC, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip
from checks.static_egress.gateway_configuration import NotApplicable, gateway_configuration
from checks.static_egress.misplaced_fixes import misplaced_fixes
from checks.static_egress.misplaced_workloads import Misplaced, Obstacle, misplaced_workloads


@check(
    code="EG412",
    title="A workload with the gateway's annotation cannot use the gateway",
    severity=Severity.BLOCKS,
    article=("SEG-1",),
    reads=(StaticGatewayConfiguration, Pod, Node),
    explains={"traffic-failing": "the pods of these workloads cannot use the static egress gateway"},
)
def workload_cannot_use_gateway(facts: Facts) -> Iterator[Observation]:
    """What it checks: the pods of all namespaces whose annotation names this gateway's StaticGatewayConfiguration. It
    fails for pods that use the host network, pods on Windows nodes, and pods in a namespace without an SGC of that
    name.

    Why it matters: with host networking and on Windows the annotation has no effect and causes no error, and traffic
    leaves from the cluster's default outbound address. In another namespace the pod never gets a network.

    What usually fixes it: moving the workload into the SGC's namespace, disabling host networking, or removing the
    annotation.

    Source: article SEG-1; AKS documentation, "Configure Static Egress Gateway in Azure Kubernetes Service (AKS)"."""
    configuration = gateway_configuration(facts)
    if isinstance(configuration, NotApplicable):
        yield skip(configuration.reason)
        return
    facts.all(Pod)
    found = [
        each
        for each in misplaced_workloads(facts).get(configuration.name, ())
        # A pod on the wrong kind of node matters only to the gateway of its own namespace.
        if each.obstacle is Obstacle.OTHER_NAMESPACE or each.namespace == configuration.namespace
    ]
    for each in found:
        yield _fault(configuration, each)
    facts.all(Node)
    if not found:
        yield healthy(f"Every workload that names {configuration.ref} can use it.")


def _fault(configuration: StaticGatewayConfiguration, each: Misplaced) -> Observation:
    return fail(
        f"{each.ref} cannot use {configuration.ref}: {each.obstacle.value}.",
        subject=each.ref,
        evidence=[_proof(configuration, each.obstacle, pod) for pod in each.pods],
        actions=_actions(configuration, each),
        about=[Involved("namespace", each.namespace)]
        + [Involved("pod", f"{pod.namespace}/{pod.name}") for pod in each.pods],
    )


def _proof(configuration: StaticGatewayConfiguration, obstacle: Obstacle, pod: Pod) -> Evidence:
    match obstacle:
        case Obstacle.HOST_NETWORK:
            return Evidence(pod.ref, "spec.hostNetwork", "true", "false")
        case Obstacle.WINDOWS:
            return Evidence(pod.ref, "spec.nodeName", f"{pod.node or '(none yet)'}, Windows", "a Linux node")
        case Obstacle.OTHER_NAMESPACE:
            return Evidence(pod.ref, "metadata.namespace", pod.namespace, configuration.namespace)


def _actions(configuration: StaticGatewayConfiguration, each: Misplaced) -> list[Action]:
    describe = inspect(
        f"Describe {each.ref} and its events",
        kubectl("describe", each.kind.lower(), each.name, namespace=each.namespace),
        SEGDOC,
    )
    return [describe, *misplaced_fixes(configuration, each)]
