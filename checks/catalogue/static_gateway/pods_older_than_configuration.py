"""EG411: gateway pods are older than the StaticGatewayConfiguration or its last edit.

Their network was set up before.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from checks.engine.check import check
from checks.facts.pods import Pod
from checks.facts.static_egress import PodEndpoint, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.findings import Evidence, Involved, Observation, Severity, fail, healthy, skip, warn
from checks.model.raw_values import moment
from checks.static_egress.gateway_configuration import NotApplicable, gateway_configuration
from checks.static_egress.procedures import restart_gateway


@check(
    code="EG411",
    title="Gateway pods are older than their StaticGatewayConfiguration",
    severity=Severity.BLOCKS,
    article=("SEG-6",),
    reads=(StaticGatewayConfiguration, Pod, Deployment, PodEndpoint),
    explains={
        "source-address-wrong": "a pod keeps the key, prefix and routes with which its network was set up",
    },
)
def pods_older_than_configuration(facts: Facts) -> Iterator[Observation]:
    """What it checks: when the network of each running gateway pod was set up, against the StaticGatewayConfiguration's
    creation and the last edit of its spec. The setup time is the newest of the pod's creation, its start and its
    PodEndpoint's last change. It fails for a pod older than the creation: the SGC was deleted and created again, with
    another key. It warns for a pod older than the last edit, because the changed fields are not recorded, and for an
    edit at an unknown time.

    Why it matters: key, default route and excluded ranges are written into a pod only when its network is set up.

    What usually fixes it: a restart of the gateway's Deployment.

    Source: article SEG-6; kube-egress-gateway pkg/cni."""
    configuration = gateway_configuration(facts)
    if isinstance(configuration, NotApplicable):
        yield skip(configuration.reason)
        return
    pods = [
        pod for pod in facts.pods() if pod.phase == "Running" and pod.static_gateway_configuration == configuration.name
    ]
    if not pods:
        yield skip(f"No pod of {facts.gateway.ref} runs with {configuration.name} (gateway-pods-not-running).")
        return
    created, edited = configuration.created, _edited(configuration)
    older = _older(facts, pods, created)
    stale = [pod for pod in _older(facts, pods, edited) if pod not in older]
    if older:
        yield _recreated(facts, configuration, older)
    if stale:
        yield _outdated(facts, configuration, stale, edited)
    if not older and not stale and edited is None and _edit_count(configuration) > 0:
        yield _edit_time_unknown(facts, configuration)
    elif not older and not stale:
        yield healthy(f"Every running pod of {facts.gateway.ref} is newer than {configuration.ref}.")


def _edit_count(configuration: StaticGatewayConfiguration) -> int:
    """The number of edits of the spec.

    The generation starts at 1, and a deletion request adds 1.
    """
    return (configuration.generation or 1) - 1 - (configuration.deleted is not None)


def _edited(configuration: StaticGatewayConfiguration) -> datetime | None:
    return configuration.spec_changed if _edit_count(configuration) > 0 else None


def _older(facts: Facts, pods: Sequence[Pod], than: datetime | None) -> list[Pod]:
    """Return the pods whose network was set up before `than`.

    A PodEndpoint can show a newer network than the pod; it is read only for pods that appear older."""
    if than is None:
        return []
    return [
        pod for pod in pods if (at := _pod_time(pod)) is not None and at < than and _network_time(facts, pod, at) < than
    ]


def _pod_time(pod: Pod) -> datetime | None:
    return max(filter(None, (pod.created, pod.started)), default=None)


def _network_time(facts: Facts, pod: Pod, at: datetime) -> datetime:
    """The newest time of the pod's network: each setup writes a new key into the PodEndpoint."""
    if not facts.installed(PodEndpoint):
        return at
    end = facts.get(PodEndpoint, pod.name, pod.namespace)
    if end is None:
        return at
    written = [moment(entry, "time") for entry in end.managed_fields]
    return max(filter(None, (at, end.created, *written)), default=at)


def _recreated(facts: Facts, configuration: StaticGatewayConfiguration, pods: Sequence[Pod]) -> Observation:
    return fail(
        f"{configuration.ref} was deleted and created again, with a new key, after {_count(pods)} of {facts.gateway.ref} "
        "had started.",
        subject=configuration.ref,
        evidence=_evidence(configuration, "metadata.creationTimestamp", configuration.created, pods),
        actions=restart_gateway(facts.gateway),
        about=_about(pods),
    )


def _outdated(
    facts: Facts, configuration: StaticGatewayConfiguration, pods: Sequence[Pod], edited: datetime | None
) -> Observation:
    return warn(
        f"The spec of {configuration.ref} was edited after {_count(pods)} of {facts.gateway.ref} had started.",
        subject=configuration.ref,
        evidence=_evidence(configuration, "metadata.managedFields[f:spec].time", edited, pods),
        actions=restart_gateway(facts.gateway),
        about=_about(pods),
    )


def _edit_time_unknown(facts: Facts, configuration: StaticGatewayConfiguration) -> Observation:
    return warn(
        f"The spec of {configuration.ref} was edited at an unknown time, perhaps after the pods started.",
        subject=configuration.ref,
        evidence=[
            Evidence(configuration.ref, "metadata.generation", str(configuration.generation), "1"),
            Evidence(configuration.ref, "metadata.managedFields", "(no entry for the spec)"),
        ],
        actions=restart_gateway(facts.gateway),
    )


def _evidence(
    configuration: StaticGatewayConfiguration, field: str, at: datetime | None, pods: Sequence[Pod]
) -> list[Evidence]:
    when = _time(at)
    found = [Evidence(configuration.ref, field, when)]
    return found + [
        Evidence(pod.ref, "metadata.creationTimestamp", _time(pod.created), f"after {when}") for pod in pods
    ]


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else "(unknown)"


def _about(pods: Sequence[Pod]) -> list[Involved]:
    return [Involved("pod", f"{pod.namespace}/{pod.name}") for pod in pods]


def _count(pods: Sequence[Pod]) -> str:
    return "one pod" if len(pods) == 1 else f"{len(pods)} pods"
