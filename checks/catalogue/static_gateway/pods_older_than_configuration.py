"""EG411: gateway pods are older than the settings that their network was set up with."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from checks.engine.check import check
from checks.facts.namespaces import Secret
from checks.facts.pods import Pod
from checks.facts.static_egress import GatewayLBConfiguration, PodEndpoint, StaticGatewayConfiguration
from checks.facts.view import Facts
from checks.facts.workloads import ControllerRevision, DaemonSet, Deployment
from checks.model.commands import SEGDOC, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip, warn
from checks.model.raw_values import moment, text
from checks.static_egress.components import CNI_MANAGER_SET
from checks.static_egress.copied_exceptions import CopiedExceptions, copied_exceptions, require_exceptions
from checks.static_egress.copied_settings import (
    CopiedSetting,
    copied_settings,
    edit_count,
    endpoint_time_recorded,
    written_time,
)
from checks.static_egress.gateway_configuration import NotApplicable, gateway_configuration
from checks.static_egress.old_configurations import ALLOW_LISTS
from checks.static_egress.procedures import restart_gateway


@check(
    code="EG411",
    title="Gateway pods are older than their StaticGatewayConfiguration",
    severity=Severity.BLOCKS,
    article=("SEG-6",),
    reads=(
        StaticGatewayConfiguration,
        GatewayLBConfiguration,
        Secret,
        Pod,
        Deployment,
        PodEndpoint,
        DaemonSet,
        ControllerRevision,
    ),
    explains={
        "source-address-wrong": "a pod keeps the key, prefix and routes with which its network was set up",
        "traffic-failing": "the tunnels of older pods use settings that the gateway nodes no longer accept",
    },
)
def pods_older_than_configuration(facts: Facts) -> Iterator[Observation]:
    """What it checks: when the network of each running gateway pod was set up, against the last change of what it copied
    then: the StaticGatewayConfiguration's creation, its key Secret, address and port of the tunnel's endpoint, and its
    spec. The setup time is the newest of the pod's creation, its start, its sandbox and its PodEndpoint's last change. It
    fails for pods older than the creation, the key or the endpoint, with their share. It warns for pods older than the
    last edit, because the changed fields are not recorded, and for an edit at an unknown time. It also warns for pods that
    copied other ranges outside the tunnel than excludeCidrs and the cni-manager's `--exception-cidrs` together have now;
    the revisions of the DaemonSet show the earlier ones.

    Why it matters: key, endpoint, default route and excluded ranges are written into a pod only when its network is set
    up. Pods with an old key or endpoint are running and ready, but their traffic is lost.

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
    current = list(pods)
    found = False
    for setting in copied_settings(facts, configuration):
        older = _older(facts, current, setting.changed)
        if older:
            found = True
            current = [pod for pod in current if pod not in older]
            yield _outdated(facts, configuration, setting, older, len(pods))
    exceptions = copied_exceptions(facts, configuration, current, lambda pod: _known_network_time(facts, pod))
    if exceptions.older:
        found = True
        yield _other_exceptions(facts, exceptions, len(pods))
    if not found and edit_count(configuration) > 0 and configuration.spec_changed is None:
        yield _edit_time_unknown(facts, configuration)
    elif not found:
        recorded = endpoint_time_recorded(facts, configuration)
        _require_times(facts, configuration, current)
        if exceptions.not_recorded:
            require_exceptions(facts)
        rest = "; the exception ranges that they copied are not recorded" if exceptions.not_recorded else ""
        if not recorded:
            rest = f"; when the tunnel's endpoint last changed is not recorded{rest}"
        yield healthy(f"Every running pod of {facts.gateway.ref} is newer than {configuration.ref}{rest}.")


def _require_times(facts: Facts, configuration: StaticGatewayConfiguration, pods: Sequence[Pod]) -> None:
    """Raise Unreadable if an unreadable object may show a key or endpoint newer than a pod.

    The controller writes a new key or endpoint into the status, so that an older status shows that there is none.
    """
    changed = configuration.status_changed
    if changed is not None and not _older(facts, pods, changed):
        facts.disregard(Secret, GatewayLBConfiguration)
        return
    facts.in_namespace(GatewayLBConfiguration, configuration.namespace)
    facts.in_namespace(Secret, configuration.server.secret[0])


def _older(facts: Facts, pods: Sequence[Pod], than: datetime | None) -> list[Pod]:
    """Return the pods whose network was set up before `than`.

    A PodEndpoint can show a newer network than the pod; it is read only for pods that appear older."""
    if than is None:
        return []
    return [
        pod for pod in pods if (at := _pod_time(pod)) is not None and at < than and _network_time(facts, pod, at) < than
    ]


def _pod_time(pod: Pod) -> datetime | None:
    sandbox = pod.condition("PodReadyToStartContainers")
    ready = moment(sandbox, "lastTransitionTime") if text(sandbox, "status") == "True" else None
    return max(filter(None, (pod.created, pod.started, ready)), default=None)


def _network_time(facts: Facts, pod: Pod, at: datetime) -> datetime:
    """The newest time of the pod's network: each setup writes a new key into the PodEndpoint."""
    if not facts.installed(PodEndpoint):
        return at
    end = facts.get(PodEndpoint, pod.name, pod.namespace)
    if end is None:
        return at
    written = [moment(entry, "time") for entry in end.managed_fields]
    return max(filter(None, (at, end.created, *written)), default=at)


def _known_network_time(facts: Facts, pod: Pod) -> datetime | None:
    at = _pod_time(pod)
    readable = facts.gap(PodEndpoint, pod.namespace) is None
    return _network_time(facts, pod, at) if at is not None and readable else None


def _other_exceptions(facts: Facts, exceptions: CopiedExceptions, running: int) -> Observation:
    older = exceptions.older
    share = _count(older) if len(older) == running else f"{len(older)} of {running} pods"
    return warn(
        f"The ranges outside the tunnel changed after {share} of {facts.gateway.ref} had started: "
        f"{CNI_MANAGER_SET} has other --exception-cidrs now.",
        subject=facts.gateway.ref,
        evidence=exceptions.evidence,
        actions=restart_gateway(facts),
        about=_about(older),
    )


def _show_new_prefix(configuration: StaticGatewayConfiguration) -> Action:
    """An action that shows the prefix of a StaticGatewayConfiguration created again."""
    own = configuration.public_ip_prefix_id
    return inspect(
        f"Show the egress IP prefix of {configuration.namespace}/{configuration.name}, which was created again",
        kubectl(
            "get",
            "staticgatewayconfiguration",
            configuration.name,
            "-o",
            "jsonpath={.status.egressIpPrefix}",
            namespace=configuration.namespace,
        ),
        SEGDOC,
        (
            f"the prefix of {own.rpartition('/')[2]}, which stays the same"
            if own
            else f"the prefix, which differs from that before the deletion; before the next step, allow it in {ALLOW_LISTS}"
        ),
    )


def _outdated(
    facts: Facts, configuration: StaticGatewayConfiguration, setting: CopiedSetting, older: Sequence[Pod], running: int
) -> Observation:
    share = _count(older) if len(older) == running else f"{len(older)} of {running} pods"
    summary = f"{setting.happened} after {share} of {facts.gateway.ref} had started."
    when = written_time(setting.changed)
    evidence = [
        setting.evidence,
        *(Evidence(p.ref, "metadata.creationTimestamp", written_time(p.created), f"after {when}") for p in older),
    ]
    actions, about = restart_gateway(facts), _about(older)
    if setting.recreated:
        actions = (_show_new_prefix(configuration), *actions)
    since = setting.changed
    if setting.lost:
        return fail(summary, subject=configuration.ref, evidence=evidence, actions=actions, about=about, since=since)
    return warn(summary, subject=configuration.ref, evidence=evidence, actions=actions, about=about, since=since)


def _edit_time_unknown(facts: Facts, configuration: StaticGatewayConfiguration) -> Observation:
    return warn(
        f"The spec of {configuration.ref} was edited at an unknown time, perhaps after the pods started.",
        subject=configuration.ref,
        evidence=[
            Evidence(configuration.ref, "metadata.generation", str(configuration.generation), "1"),
            Evidence(configuration.ref, "metadata.managedFields", "(no entry for the spec)"),
        ],
        actions=restart_gateway(facts),
    )


def _about(pods: Sequence[Pod]) -> list[Involved]:
    return [Involved("pod", f"{pod.namespace}/{pod.name}") for pod in pods]


def _count(pods: Sequence[Pod]) -> str:
    return "one pod" if len(pods) == 1 else f"{len(pods)} pods"
