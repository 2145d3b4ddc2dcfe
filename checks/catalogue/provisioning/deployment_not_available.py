"""EG303: a Deployment of the gateway is missing or has no ready pods."""

from collections.abc import Iterator
from datetime import datetime

from checks.engine.check import Because, check
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.kubernetes.deployment_details import (
    deployment_actions,
    deployment_problems,
    finalizers,
    wait_for_deletion,
)
from checks.kubernetes.gateway_revisions import GatewayRevision, gateway_revisions
from checks.kubernetes.times_of_faults import condition_since
from checks.model.commands import HOWTO, TSG, az_accepts, az_aks, change, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, warn
from checks.model.raw_values import text
from checks.static_egress.restored_gateways import restore_objects


@check(
    code="EG303",
    title="The gateway's Deployment is not available",
    severity=Severity.BLOCKS,
    article=("PROV-1",),
    reads=(Deployment,),
    explains={
        "service-not-provisioned": Because(
            "without ready pods the gateway's Service has no endpoints", share="revision"
        ),
    },
)
def deployment_not_available(facts: Facts) -> Iterator[Observation]:
    """What it checks: the Deployment `<gateway>-<revision>` of every mesh revision. A Deployment that is missing, is
    being deleted, is scaled to zero or has no ready pod fails when no other revision serves, and warns when one does
    (one of two during an upgrade). It also warns when only some of the desired pods are ready, when the status is older
    than the spec, and when a rollout is stuck (ProgressDeadlineExceeded) while the desired number of pods is ready.

    Why it matters: the gateway's pods forward the traffic. With none ready, requests routed to the gateway fail.

    What usually fixes it: resolving the cause that keeps the pods from being created or from starting; other findings
    name it. If the Deployment does not exist, reconcile the cluster: AKS then creates it.

    Source: article PROV-1; AKS documentation, "Upgrade Istio-based service mesh add-on for Azure Kubernetes Service"
    (one Deployment per revision)."""
    gateway = facts.gateway
    revisions = gateway_revisions(facts)
    if not revisions:
        yield _none_at_all(facts)
        return
    serves = any(each.serving for each in revisions)
    faults = [found for each in revisions if (found := _judge(facts, each, serves)) is not None]
    yield from faults
    if not faults:
        ready = ", ".join(
            f"{each.name} {each.serving} of {each.deployment.replicas}" for each in revisions if each.deployment
        )
        yield healthy(f"The pods of egress gateway {gateway} are ready: {ready}.")


def _none_at_all(facts: Facts) -> Observation:
    gateway = facts.gateway
    subject = f"Deployment {gateway}-<revision>"
    return fail(
        f"Egress gateway {gateway} has no Deployment for any mesh revision.",
        subject=subject,
        evidence=[Evidence(subject, "metadata.name", "(not found)", "one per mesh revision")],
        actions=_provision(facts),
        about=[Involved("revision", "")],
    )


def _judge(facts: Facts, each: GatewayRevision, serves: bool) -> Observation | None:
    deployment = each.deployment
    if deployment is None:
        ref = f"Deployment {facts.gateway.namespace}/{each.name}"
        evidence = [Evidence(ref, "metadata.name", "(not found)", f"a Deployment for revision {each.revision}")]
        return _fault(each, serves, f"{ref} does not exist.", ref, evidence, _provision(facts))
    ref, ready, wanted = deployment.ref, deployment.ready, deployment.replicas
    counted = Evidence(ref, "status.readyReplicas", f"{ready} of {wanted}", str(wanted or "at least 1"))
    evidence = [counted, *deployment_problems(deployment)]
    actions = deployment_actions(deployment)
    if deployment.deleted is not None:
        evidence.insert(
            0, Evidence(ref, "metadata.deletionTimestamp", f"{deployment.deleted:%Y-%m-%dT%H:%M:%SZ}", "(none)")
        )
        if own := finalizers(deployment):
            evidence.insert(1, Evidence(ref, "metadata.finalizers", ", ".join(own), "(none)"))
        actions = [wait_for_deletion(deployment), *_provision(facts)]
        return _fault(each, serves, f"{ref} is being deleted.", ref, evidence, actions)
    if wanted == 0:
        evidence = [Evidence(ref, "spec.replicas", "0", "2 or more")]
        scale = change(
            "Scale the Deployment to 2 replicas",
            kubectl("scale", "deployment", deployment.name, "--replicas=2", namespace=deployment.namespace),
            HOWTO,
            "two pods are ready within a minute; the autoscaler then adjusts the number",
        )
        return _fault(each, serves, f"{ref} is scaled to zero.", ref, evidence, [scale, *actions])
    if ready == 0:
        return _fault(
            each,
            serves,
            f"{ref} has 0 of {wanted} pods ready." if wanted > 1 else f"{ref} has no ready pod.",
            ref,
            evidence,
            actions,
        )
    if ready < wanted:
        return _fault(each, True, f"{ref} has {ready} of {wanted} pods ready.", ref, evidence, actions)
    if each.stale:
        evidence = [
            Evidence(ref, "status.observedGeneration", str(deployment.observed_generation), str(deployment.generation))
        ]
        summary = f"The status of {ref} is older than its spec."
        return warn(summary, subject=ref, evidence=evidence, actions=actions[:2], about=_about(each))
    if text(deployment.condition("Progressing"), "reason") == "ProgressDeadlineExceeded":
        summary = f"The rollout of {ref} is stuck; {ready} pods are still ready."
        return warn(summary, subject=ref, evidence=evidence, actions=actions[:2], about=_about(each))
    return None


def _fault(
    each: GatewayRevision, serves: bool, summary: str, ref: str, evidence: list[Evidence], actions: list[Action]
) -> Observation:
    """Return a failure, or a warning while ready pods still serve."""
    if serves:
        return warn(
            summary,
            subject=ref,
            evidence=evidence,
            actions=actions,
            about=_about(each),
            severity=Severity.DEGRADES,
            since=_since(each),
        )
    return fail(summary, subject=ref, evidence=evidence, actions=actions, about=_about(each), since=_since(each))


def _since(each: GatewayRevision) -> datetime | None:
    """When the Deployment was deleted, or ceased to be available."""
    found = each.deployment
    return None if found is None else found.deleted or condition_since(found, "Available")


def _about(each: GatewayRevision) -> list[Involved]:
    return [Involved("revision", each.revision)]


def _provision(facts: Facts) -> list[Action]:
    gateway = facts.gateway
    mesh = az_aks(facts.cluster, "show", "--query", "serviceMeshProfile.istio", "-o", "json")
    restore = restore_objects(
        facts,
        "Enable the gateway again; the add-on then creates its Deployment",
        "creates the gateway's Deployment again",
        HOWTO,
        "the Deployment exists after a few minutes",
    )
    return [
        *(restore if az_accepts(gateway.name) else []),
        inspect(
            "List the Deployments of the namespace",
            kubectl("get", "deployments", "-o", "wide", namespace=gateway.namespace),
            TSG,
        ),
        inspect("Show the mesh profile", mesh, HOWTO),
    ]
