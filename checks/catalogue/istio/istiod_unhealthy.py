"""EG501: the control plane of a mesh revision is missing, not ready or partly ready."""

from collections.abc import Iterator

from checks.azure.node_outbound import NODE_PATH_READS
from checks.engine.check import Because, check
from checks.facts.events import Event
from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.logs import IstiodLog
from checks.facts.view import Facts
from checks.facts.workloads import Deployment, HorizontalPodAutoscaler, ReplicaSet
from checks.istio.istiod_faults import IstiodFault, istiod_fault, roll_back
from checks.istio.istiod_memory import DISCOVERY_READS
from checks.kubernetes.creation_retries import retry_missing
from checks.kubernetes.times_of_faults import condition_since
from checks.model.commands import ADDON, SCALE, change, inspect, istiod_log, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip, warn
from checks.model.raw_values import text


@check(
    code="EG501",
    title="The Istio control plane is not healthy",
    severity=Severity.BLOCKS,
    hop="egress gateway",
    article=("IST-2",),
    reads=(
        Deployment,
        ReplicaSet,
        HorizontalPodAutoscaler,
        Event,
        IstiodLog,
        *NODE_PATH_READS,
        *DISCOVERY_READS,
    ),
    explains={
        "proxy-not-ready": Because(
            "without istiod a proxy gets neither configuration nor certificate", share="revision"
        ),
        "proxy-configuration-rejected": Because("only istiod sends configuration", share="revision"),
        "istio-validation-down": Because("istiod answers the validation webhook", share="revision"),
        "admission-webhook-blocks": Because(
            "istiod answers the injection webhook, which rejects pods while istiod is down", share="webhook"
        ),
        "traffic-failing": Because(
            "without istiod the proxies have no current endpoints, routes or certificates", succeeds=True
        ),
    },
)
def istiod_unhealthy(facts: Facts) -> Iterator[Observation]:
    """What it checks: the Deployment `istiod-<revision>` in aks-istio-system for each revision of the gateway. It fails
    if no replica is ready, and warns if only some are. It also warns if the autoscaler is at its maximum and needs more
    replicas. The events of its pods and of its ReplicaSet show why they do not start.

    Why it matters: without istiod running proxies keep their configuration, but no new gateway pod can be created
    (injection fails closed), no restarted proxy becomes ready, and no change to Istio objects takes effect.

    What usually fixes it: the reason why its pods do not run: nodes without capacity, an image that cannot be pulled,
    an admission webhook, a Deployment that is scaled to zero. A restart ends none of these. The add-on reconciles the
    Deployment: it undoes other changes of it.

    Source: article IST-2; AKS documentation, "Istio service mesh add-on performance and scaling";
    docs/domain/components.md#istiod."""
    revisions = facts.gateway.revisions
    if not revisions:
        yield skip(f"The mesh revision of {facts.gateway.ref} is not known.")
        return
    ready: list[str] = []
    for revision in revisions:
        deployment = facts.get(Deployment, f"istiod-{revision}", ROOT_NAMESPACE)
        if deployment is None and len(revisions) > 1:
            facts.require_profile()  # without it a Deployment of a removed revision looks like that of an upgrade
        if deployment is None or deployment.ready == 0:
            yield _down(facts, revision, deployment)
        elif deployment.ready < deployment.replicas:
            yield _partial(facts, revision, deployment)
        elif (limit := _at_limit(facts, revision)) is not None:
            yield _saturated(revision, limit)
        else:
            ready.append(f"{deployment.ref} has {deployment.ready} of {deployment.replicas} replicas ready")
    if len(ready) == len(revisions):
        facts.require_for_risk(HorizontalPodAutoscaler, ROOT_NAMESPACE)
        yield healthy("; ".join(ready) + ".")


def _down(facts: Facts, revision: str, deployment: Deployment | None) -> Observation:
    subject = f"Deployment {ROOT_NAMESPACE}/istiod-{revision}"
    fault = istiod_fault(facts, revision)
    if deployment is None:
        summary = f"{subject} does not exist: mesh revision {revision} has no control plane."
        evidence = [Evidence(subject, "metadata.name", "(not found)", f"istiod-{revision}")]
    else:
        summary = f"{subject} has no ready replica{f': {fault.meaning}' if fault.meaning else ''}."
        evidence = [Evidence(subject, "status.readyReplicas", "0", str(deployment.replicas or "at least 2"))]
    return fail(
        summary,
        subject=subject,
        evidence=[*evidence, *fault.evidence],
        actions=_actions(facts, revision, fault, deployment is not None),
        about=_about(revision),
        since=condition_since(deployment, "Available") if deployment is not None else None,
    )


def _partial(facts: Facts, revision: str, deployment: Deployment) -> Observation:
    fault = istiod_fault(facts, revision)
    return warn(
        f"{deployment.ref} has {deployment.ready} of {deployment.replicas} replicas ready.",
        subject=deployment.ref,
        evidence=[
            Evidence(deployment.ref, "status.readyReplicas", str(deployment.ready), str(deployment.replicas)),
            *fault.evidence,
        ],
        actions=_actions(facts, revision, fault, True),
        about=_about(revision),
        severity=Severity.DEGRADES,
    )


def _at_limit(facts: Facts, revision: str) -> HorizontalPodAutoscaler | None:
    """The autoscaler that is at its maximum and needs more replicas; None if there is none."""
    if facts.gap(HorizontalPodAutoscaler, ROOT_NAMESPACE):
        return None
    for each in facts.in_namespace(HorizontalPodAutoscaler, ROOT_NAMESPACE):
        if each.target == ("Deployment", f"istiod-{revision}") and 0 < each.maximum <= each.current:
            limited = each.condition("ScalingLimited")
            # TooFewReplicas is the opposite limit: the autoscaler needs fewer replicas than the minimum.
            if text(limited, "status") == "True" and text(limited, "reason") != "TooFewReplicas":
                return each
    return None


def _saturated(revision: str, limit: HorizontalPodAutoscaler) -> Observation:
    higher = f'{{"spec":{{"maxReplicas":{limit.maximum * 2}}}}}'
    patch = ("patch", "horizontalpodautoscaler", limit.name, "-p", higher)
    return warn(
        f"{limit.ref} is at its maximum of {limit.maximum} replicas and needs more.",
        subject=limit.ref,
        evidence=[
            Evidence(limit.ref, "status.currentReplicas", str(limit.current), f"below {limit.maximum}"),
            Evidence(limit.ref, "status.conditions[ScalingLimited]", "True", "False"),
        ],
        actions=[
            inspect(
                "Describe istiod's autoscaler",
                kubectl("describe", "horizontalpodautoscaler", limit.name, namespace=limit.namespace),
                SCALE,
            ),
            change(
                f"Patch maxReplicas to {limit.maximum * 2}, or send less to each proxy with Sidecars and discoverySelectors",
                kubectl(*patch, namespace=limit.namespace),
                SCALE,
                "more replicas are ready within a minute",
            ),
        ],
        about=[Involved("revision", revision)],
        severity=Severity.RISKS,
    )


def _about(revision: str) -> list[Involved]:
    return [
        Involved("revision", revision),
        Involved("webhook", f"istio-sidecar-injector-{revision}-aks-istio-system"),
        Involved("webhook", f"istio-validator-{revision}-aks-istio-system"),
    ]


def _actions(facts: Facts, revision: str, fault: IstiodFault, exists: bool) -> list[Action]:
    """The fix of the reason; without one, what shows it.

    A restart ends no reason that repeats.
    """
    listed = inspect(
        "List istiod's pods",
        kubectl("get", "pods", "-l", f"app=istiod,istio.io/rev={revision}", "-o", "wide", namespace=ROOT_NAMESPACE),
        ADDON,
    )
    others = "List the Deployments of all control planes"
    found = [
        *([listed] if exists else [inspect(others, kubectl("get", "deployments", namespace=ROOT_NAMESPACE))]),
        *fault.fixes,
        *(retry_missing(facts, revision) if fault.fixes else []),
        *fault.looks,
    ]
    if exists and not fault.fixes:
        describe = kubectl("describe", "deployment", f"istiod-{revision}", namespace=ROOT_NAMESPACE)
        found.append(inspect("Describe istiod's Deployment", describe))
        found.append(inspect("Show istiod's errors", istiod_log(revision, "error|fatal|panic")))
    other = next((each for each in facts.gateway.revisions if each != revision and _runs(facts, each)), None)
    return [*found, *([roll_back(facts, revision, other)] if other and not fault.fixes else [])]


def _runs(facts: Facts, revision: str) -> bool:
    deployment = facts.get(Deployment, f"istiod-{revision}", ROOT_NAMESPACE)
    return deployment is not None and deployment.ready > 0
