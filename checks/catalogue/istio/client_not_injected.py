"""EG515: the client of the question has no sidecar, or its traffic bypasses the sidecar."""

from collections.abc import Iterable, Iterator

from checks.engine.check import check
from checks.engine.route_findings import decided_by_router_or_alone
from checks.facts.admission_webhooks import MutatingWebhookConfiguration
from checks.facts.namespaces import Namespace
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.configured.client_namespaces import requested_client, requested_pods
from checks.istio.faults.resolved_routes import ROUTER_READS
from checks.istio.fixes.injection_steps import injection_actions, ports_left, without_exclusion
from checks.istio.injection import injection_faults
from checks.istio.mesh.injection_webhooks import PLAIN, REVISION, declined_by, excluded
from checks.istio.request.clients import workload_of
from checks.model.commands import inspect, kubectl
from checks.model.findings import (
    Evidence,
    Involved,
    Observation,
    Severity,
    fail,
    healthy,
    skip,
    unknown,
    warn,
)
from checks.model.requested_host import split_host

_PORTS = frozenset({80, 443})


@decided_by_router_or_alone(lambda facts, _: not facts.question.client)
@check(
    code="EG515",
    title="The client's pods have no sidecar",
    severity=Severity.BLOCKS,
    hop="workload",
    article=("IST-3",),
    reads=(*ROUTER_READS, MutatingWebhookConfiguration),
)
def client_not_injected(facts: Facts) -> Iterator[Observation]:
    """What it checks: the pods of the client in the question (`--from`), or of its namespace: whether each has an
    `istio-proxy` among its containers or, as a native sidecar, its init containers; whether an injection webhook of an
    existing revision or tag matches new pods; and annotations that exclude ports or ranges from the sidecar. It fails for
    pods without a sidecar, for connections to a host that an annotation excludes, and for a namespace without pods that no
    webhook matches. It warns if only new pods get no sidecar, about `istio-injection` labels, and about other excluded
    ports. It does not apply without a client.

    Why it matters: without a sidecar no proxy sends the request to the gateway. It leaves the pod directly, from the node's
    outbound address.

    What usually fixes it: the label `istio.io/rev=<revision>` on the namespace (`istio-injection=enabled` has no effect
    with the add-on), and a restart of the workload.

    Source: AKS documentation, "Deploy Istio-based service mesh add-on for Azure Kubernetes Service"; Istio's
    injection reference; docs/domain/components.md#sidecar-injection;
    docs/domain/decision-tables.md#client-not-injected."""
    name, workload = requested_client(facts)
    if not name:
        yield skip("The question names no client (--from NAMESPACE[/WORKLOAD]).")
        return
    namespace = facts.get(Namespace, name)
    if namespace is None:
        yield unknown(
            f"Client namespace {name} does not exist.",
            actions=[inspect("List the namespaces", "kubectl get namespaces")],
        )
        return
    pods = requested_pods(facts, name, workload)
    if workload and not pods:
        yield unknown(
            f"Namespace {name} has no running pod of workload {workload}.",
            actions=[
                inspect("List the pods of the namespace", kubectl("get", "pods", "--show-labels", namespace=name))
            ],
        )
        return
    found = [*_without(facts, namespace, pods, bool(workload)), *_excluded_traffic(facts, pods)]
    yield from found
    labels = list(injection_faults(facts, namespace, pods))
    yield from labels
    if not found and not labels:
        yield _healthy(namespace, pods)


def _healthy(namespace: Namespace, pods: tuple[Pod, ...]) -> Observation:
    if not pods:
        return healthy(f"{namespace.ref} has no pods yet; new ones will get a sidecar.")
    count = sum(1 for pod in pods if pod.proxy is not None)
    one = "1 pod has" if count == 1 else f"{count} pods have"
    return healthy(f"{one} a sidecar in {namespace.ref}.")


def _without(facts: Facts, namespace: Namespace, pods: tuple[Pod, ...], requested: bool) -> Iterator[Observation]:
    """A failure for each workload with pods without a sidecar.

    In a namespace with sidecars, a workload that opted out of injection is ignored unless the question names it.
    """
    without_sidecar: dict[str, list[Pod]] = {}
    for pod in pods:
        if pod.proxy is None:
            without_sidecar.setdefault(workload_of(pod), []).append(pod)
    some = any(pod.proxy is not None for pod in pods)
    for workload, group in without_sidecar.items():
        declined = declined_by(group[0])
        if some and not requested and (declined or group[0].host_network):
            continue
        yield fail(
            f"Pods of {namespace.name}/{workload} have no sidecar: their requests bypass the gateway.",
            subject=f"workload {namespace.name}/{workload}",
            evidence=[
                Evidence(group[0].ref, "spec.containers and spec.initContainers", "no istio-proxy", "istio-proxy"),
                *_reasons(namespace, group[0], declined),
            ],
            actions=injection_actions(facts, namespace, group[0]),
            about=[
                Involved("namespace", namespace.name),
                *(Involved("pod", f"{pod.namespace}/{pod.name}") for pod in group),
            ],
        )


def _reasons(namespace: Namespace, pod: Pod, declined: str) -> Iterator[Evidence]:
    if declined:
        yield Evidence(pod.ref, declined, "false", "not set")
    if pod.host_network:
        yield Evidence(pod.ref, "spec.hostNetwork", "true", "false: pods on the node's network are never injected")
    yield Evidence(
        namespace.ref, f"metadata.labels[{REVISION}]", namespace.labels.get(REVISION, "(not set)"), "a revision"
    )
    if PLAIN in namespace.labels:
        expected = "not set: the add-on ignores it, and it disables injection by revision"
        yield Evidence(namespace.ref, f"metadata.labels[{PLAIN}]", namespace.labels[PLAIN], expected)


def _excluded_traffic(facts: Facts, pods: Iterable[Pod]) -> Iterator[Observation]:
    """A warning for each annotation that excludes web ports, or all traffic, from the sidecar."""
    requested = split_host(facts.question.host)[1] if facts.question.host else None
    ports = frozenset({requested}) if requested else _PORTS
    seen: set[tuple[str, str]] = set()
    for pod in pods:
        for key, value, what in excluded(pod, ports) if pod.proxy is not None else ():
            if (workload_of(pod), key) in seen:
                continue
            seen.add((workload_of(pod), key))
            yield warn(
                f"Requests of {pod.namespace}/{workload_of(pod)} to {what} bypass its sidecar.",
                subject=f"workload {pod.namespace}/{workload_of(pod)}",
                evidence=[
                    Evidence(pod.ref, f"metadata.annotations[{key}]", value, ports_left(pod, key, ports) or "not set")
                ],
                actions=[
                    inspect(
                        "Show the pod's annotations",
                        kubectl(
                            "get", "pod", pod.name, "-o", "jsonpath={.metadata.annotations}", namespace=pod.namespace
                        ),
                    ),
                    without_exclusion(pod, key, ports),
                ],
                about=[Involved("namespace", pod.namespace), Involved("pod", f"{pod.namespace}/{pod.name}")],
            )
