"""EG404: the gateway's pods name another StaticGatewayConfiguration than the profile.

The profile is the mesh profile.
"""

from collections.abc import Iterable, Iterator, Sequence

from checks.engine.check import Because, check
from checks.facts.label_selectors import selects
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pods import Pod
from checks.facts.static_egress import StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.commands import TSG, inspect
from checks.model.findings import Evidence, Involved, Observation, Severity, Status, fail, healthy, skip, warn
from checks.static_egress.annotation_fixes import ANNOTATION_FIELD, annotation_evidence, annotation_fixes
from checks.static_egress.procedures import pods_with_configuration, replace_pods


@check(
    code="EG404",
    title="The gateway's pods name another StaticGatewayConfiguration",
    severity=Severity.BLOCKS,
    article=("SEG-1",),
    reads=(Deployment, Pod, ManagedCluster, StaticGatewayConfiguration),
    explains={
        "gateway-dataplane-not-ready": Because(
            "a pod gets a WireGuard interface only for the StaticGatewayConfiguration that it names", share="pod"
        ),
        "source-address-wrong": (
            "a pod's StaticGatewayConfiguration decides its source IP address; without one it is the cluster's default"
        ),
        "traffic-failing": Because(
            "without the annotation the requests leave from an address that destinations do not allow", succeeds=True
        ),
    },
)
def annotation_mismatch(facts: Facts) -> Iterator[Observation]:
    """What it checks: the annotation kubernetes.azure.com/static-gateway-configuration of each Deployment's pod
    template and of each pod, against gatewayConfigurationName in the mesh profile. A template that differs fails if
    Azure's last operation has succeeded, and warns while an operation is running. It also warns about pods that still
    name the StaticGatewayConfiguration of an earlier template. Without access to Azure, pods are compared only with
    their own Deployment.

    Why it matters: a pod without the annotation starts without an error, and its traffic leaves from the cluster's
    default outbound address. A pod that names another SGC uses that SGC's egress IP prefix.

    What usually fixes it: a restart of the Deployment if only pods are old; setting the gateway's SGC again with az if
    the template was edited.

    Source: article SEG-1; AKS documentation, "Deploy egress gateways for Istio service mesh add-on for Azure
    Kubernetes Service"."""
    gateway = facts.gateway
    deployments = () if facts.gap(Deployment, gateway.namespace) else facts.deployments()
    pods = () if facts.gap(Pod, gateway.namespace) else facts.pods()
    faults = list(_faults(facts, deployments, pods))
    yield from faults
    # An unreadable kind makes the rest of the check unknown, whatever was proven without it.
    facts.deployments()
    facts.pods()
    cluster = facts.one(ManagedCluster)
    if faults:
        return
    if not deployments and not pods:
        yield skip(f"Egress gateway {gateway} has no Deployments and no pods (deployment-not-available).")
    elif cluster is None:
        named = gateway.configuration or "no StaticGatewayConfiguration"
        yield healthy(
            f"Pods and Deployments of {gateway.ref} both name {named}. Not compared with the mesh profile: reading Azure "
            "is not configured."
        )
    elif not gateway.configuration:
        yield skip(
            f"The mesh profile names no StaticGatewayConfiguration for {gateway.ref} (gateway-configuration-missing)."
        )
    else:
        yield healthy(f"Every pod of {gateway.ref} names {gateway.configuration}.")


def _faults(facts: Facts, deployments: Sequence[Deployment], pods: Sequence[Pod]) -> Iterator[Observation]:
    gateway = facts.gateway
    if gateway.from_azure and not gateway.configuration:
        return
    judged: set[str] = set()
    for deployment in deployments:
        own = [p for p in pods if deployment.selector and selects(deployment.selector, p.labels)]
        judged.update(p.name for p in own)
        named = deployment.template_configuration
        expected = gateway.configuration if gateway.from_azure else named
        if named != expected or not named:
            fault = _template(facts, deployment, [p for p in own if p.static_gateway_configuration in ("", named)])
            yield fault
            # The finding about a wrong template covers its pods. While Azure may still correct the template, pods without
            # an annotation already have the wrong source address.
            own = [p for p in own if fault.status is Status.WARN and not p.static_gateway_configuration]
        yield from _pods(facts, own, expected or gateway.configuration)
    yield from _pods(facts, [p for p in pods if p.name not in judged], gateway.configuration)


def _template(facts: Facts, deployment: Deployment, pods: Sequence[Pod]) -> Observation:
    gateway = facts.gateway
    named, expected = deployment.template_configuration, gateway.configuration
    what = f"names {named}" if named else "names no StaticGatewayConfiguration"
    against = f", but Azure names {expected} for {gateway.ref}" if gateway.from_azure else ""
    statement = f"The pod template of {deployment.ref} {what}{against}"
    evidence = [
        Evidence(
            deployment.ref,
            f"spec.template.{ANNOTATION_FIELD}",
            named or "(none)",
            expected or "a StaticGatewayConfiguration",
        ),
        *annotation_evidence(pods, expected),
    ]
    actions = [
        inspect(
            "Show which StaticGatewayConfiguration each pod names", pods_with_configuration(deployment.namespace), TSG
        ),
        *annotation_fixes(facts, deployment),
    ]
    about = [Involved("pod", f"{p.namespace}/{p.name}") for p in pods]
    cluster = None if facts.gap(ManagedCluster) else facts.one(ManagedCluster)
    state = cluster.running_operation if cluster is not None else ""
    # The operation may still correct the template.
    if state and named:
        return warn(
            f"{statement}; Azure is still {state.lower()} the cluster.",
            subject=deployment.ref,
            evidence=evidence,
            actions=actions,
            about=about,
        )
    return fail(f"{statement}.", subject=deployment.ref, evidence=evidence, actions=actions, about=about)


def _pods(facts: Facts, pods: Iterable[Pod], expected: str) -> Iterator[Observation]:
    if not expected:
        return
    wrong = [p for p in pods if p.static_gateway_configuration != expected]
    bare = [p for p in wrong if not p.static_gateway_configuration]
    old = [p for p in wrong if p.static_gateway_configuration]
    subject = facts.gateway.ref
    if bare:
        one = len(bare) == 1
        yield fail(
            f"{_count(bare)} of {subject} {'has' if one else 'have'} no static gateway annotation: "
            f"{'its' if one else 'their'} traffic leaves from the cluster's default outbound address.",
            subject=subject,
            evidence=annotation_evidence(bare, expected),
            actions=replace_pods(facts, bare),
            about=[Involved("pod", f"{p.namespace}/{p.name}") for p in bare],
        )
    if old:
        names = ", ".join(sorted({p.static_gateway_configuration for p in old}))
        yield warn(
            f"{_count(old)} of {subject} still {'names' if len(old) == 1 else 'name'} {names} instead of {expected}.",
            subject=subject,
            evidence=annotation_evidence(old, expected),
            actions=replace_pods(facts, old),
            about=[Involved("pod", f"{p.namespace}/{p.name}") for p in old],
            severity=Severity.DEGRADES,
        )


def _count(pods: Sequence[Pod]) -> str:
    return "One pod" if len(pods) == 1 else f"{len(pods)} pods"
