"""EG310: the gateway cannot scale out."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.view import Facts
from checks.facts.workloads import Deployment, HorizontalPodAutoscaler
from checks.model.commands import SCALE, change, inspect, kubectl
from checks.model.findings import Action, Evidence, Observation, Severity, healthy, skip, warn
from checks.model.raw_values import Raw, text

LEAST = 2
"""The default minimum of the add-on.

A node upgrade interrupts a gateway with fewer replicas (AKS documentation, "Istio service mesh add-on performance and
scaling").
"""


@check(
    code="EG310",
    title="The gateway's autoscaler is at its limit or does not work",
    severity=Severity.RISKS,
    warns_of_limit=True,
    reads=(Deployment, HorizontalPodAutoscaler),
)
def gateway_autoscaler_saturated(facts: Facts) -> Iterator[Observation]:
    """What it checks: the HorizontalPodAutoscaler whose scaleTargetRef is a Deployment of the gateway. It warns when the
    autoscaler is at its maximum and needs more replicas, when it gets no metrics, when it cannot scale, and when its
    minimum is below 2. The check does not apply to a Deployment without a ready pod, and to one without an autoscaler.

    Why it matters: a gateway at its maximum becomes slow under load. With one replica a node upgrade interrupts
    traffic.

    What usually fixes it: a higher maximum, a working metrics server, a minimum of 2.

    Source: AKS documentation, "Istio service mesh add-on performance and scaling"."""
    deployments = [each for each in facts.deployments() if each.deleted is None]
    if not deployments:
        yield skip(f"Egress gateway {facts.gateway} has no Deployment to scale (deployment-not-available).")
        return
    found: list[HorizontalPodAutoscaler] = []
    faults: list[Observation] = []
    scalers = facts.in_namespace(HorizontalPodAutoscaler, facts.gateway.namespace)
    for deployment in deployments:
        for scaler in scalers:
            if scaler.target == ("Deployment", deployment.name):
                found.append(scaler)
                faults += _judge(scaler, deployment)
    yield from faults
    if faults:
        return
    if found and (idle := [each for each in deployments if not each.ready]):
        yield skip(f"{idle[0].ref} has no ready pod (deployment-not-available).")
    elif found:
        sizes = "; ".join(f"{s.ref} has {s.current} replicas (minimum {s.minimum}, maximum {s.maximum})" for s in found)
        yield healthy(f"The gateway's autoscaler works: {sizes}.")
    else:
        yield skip(f"No HorizontalPodAutoscaler scales {deployments[0].ref}.")


def _judge(scaler: HorizontalPodAutoscaler, deployment: Deployment) -> Iterator[Observation]:
    limited, active, able = (scaler.condition(kind) for kind in ("ScalingLimited", "ScalingActive", "AbleToScale"))
    at_maximum = 0 < scaler.maximum <= scaler.current
    if at_maximum and text(limited, "status") == "True" and text(limited, "reason") == "TooManyReplicas":
        evidence = [
            Evidence(scaler.ref, "status.currentReplicas", str(scaler.current), f"below {scaler.maximum}"),
            _condition(scaler, "ScalingLimited", limited),
        ]
        higher = f'{{"spec":{{"maxReplicas":{scaler.maximum * 2}}}}}'
        yield _warning(
            scaler,
            f"{scaler.ref} is at its maximum of {scaler.maximum} replicas and needs more.",
            evidence,
            [
                _patch(
                    scaler,
                    f"Raise its maximum to {scaler.maximum * 2} replicas",
                    higher,
                    "more pods are ready within a minute",
                )
            ],
        )
    if text(active, "status") == "False" and deployment.replicas and deployment.ready:
        yield _warning(
            scaler,
            f"{scaler.ref} does not scale: {text(active, 'reason') or 'ScalingActive is False'}.",
            [_condition(scaler, "ScalingActive", active)],
            [
                inspect("Show the pods' metrics", kubectl("top", "pods", namespace=scaler.namespace)),
                *_metrics(text(active, "message")),
            ],
        )
    if text(able, "status") == "False":
        yield _warning(
            scaler,
            f"{scaler.ref} cannot scale {deployment.ref}: {text(able, 'reason') or 'AbleToScale is False'}.",
            [_condition(scaler, "AbleToScale", able)],
            [],
        )
    if scaler.minimum < LEAST:
        yield _warning(
            scaler,
            f"{scaler.ref} can scale the gateway in to {scaler.minimum} replica{'' if scaler.minimum == 1 else 's'}.",
            [Evidence(scaler.ref, "spec.minReplicas", str(scaler.minimum), f"{LEAST} or more")],
            [_patch(scaler, "Raise its minimum to 2 replicas", '{"spec":{"minReplicas":2}}', "two pods are ready")],
        )


def _metrics(message: str) -> list[Action]:
    """Restart metrics-server, if it is the source that gives the autoscaler nothing."""
    if "resource metrics API" not in message:
        return []
    command = kubectl("rollout", "restart", "deployment", "metrics-server", namespace="kube-system")
    return [
        change(
            "Restart metrics-server, which returns no metrics; no traffic goes through it",
            command,
            SCALE,
            "ScalingActive is True within two minutes",
        )
    ]


def _condition(scaler: HorizontalPodAutoscaler, kind: str, condition: Raw) -> Evidence:
    reason = ": ".join(each for each in (text(condition, "reason"), text(condition, "message")) if each)
    expected = "False" if kind == "ScalingLimited" else "True"
    return Evidence(scaler.ref, f"status.conditions[{kind}]", reason or text(condition, "status"), expected)


def _patch(scaler: HorizontalPodAutoscaler, title: str, patch: str, expect: str) -> Action:
    command = kubectl("patch", "horizontalpodautoscaler", scaler.name, "-p", patch, namespace=scaler.namespace)
    return change(title, command, SCALE, expect)


def _warning(
    scaler: HorizontalPodAutoscaler, summary: str, evidence: list[Evidence], actions: list[Action]
) -> Observation:
    describe = kubectl("describe", "horizontalpodautoscaler", scaler.name, namespace=scaler.namespace)
    return warn(
        summary,
        subject=scaler.ref,
        evidence=evidence,
        actions=[inspect("Describe the autoscaler", describe, SCALE), *actions],
    )
