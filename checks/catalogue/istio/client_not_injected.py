"""EG515: the client of the question has no sidecar, or its traffic bypasses the sidecar."""

from collections.abc import Iterable, Iterator

from checks.engine.check import check
from checks.facts.admission_webhooks import MutatingWebhookConfiguration
from checks.facts.namespaces import Namespace
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.route.clients import asked_client
from checks.istio.route.workloads import (
    INJECT,
    PLAIN,
    REVISION,
    client_pods,
    declined_by,
    excluded,
    injectors,
    workload_of,
    would_inject,
)
from checks.model.commands import ADDON, change, disrupt, kubectl, look
from checks.model.findings import (
    Action,
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
from checks.model.question import split_host

_PORTS = frozenset({80, 443})


@check(
    code="EG515",
    title="The client's pods have no sidecar",
    severity=Severity.BLOCKS,
    hop="workload",
    article=("IST-3",),
    reads=(Namespace, Pod, MutatingWebhookConfiguration),
)
def client_not_injected(facts: Facts) -> Iterator[Observation]:
    """What it checks: the pods of the client in the question (`--from`), or of its namespace: whether each has an
    `istio-proxy` among its containers or, as a native sidecar, its init containers; whether an injection webhook of an
    existing revision or tag matches new pods; and annotations that exclude ports or ranges from the sidecar. It fails for
    pods without a sidecar, and for a namespace without pods that no webhook matches. It warns if only new pods get no
    sidecar, about `istio-injection` labels, and about ports that bypass the sidecar. It does not apply without a client.

    Why it matters: without a sidecar no proxy sends the request to the gateway. It leaves the pod directly, from the node's
    outbound address.

    What usually fixes it: the label `istio.io/rev=<revision>` on the namespace (`istio-injection=enabled` has no effect
    with the add-on), and a restart of the workload.

    Source: AKS documentation "Deploy the Istio add-on"; Istio's injection reference;
    docs/domain/components.md#sidecar-injection; docs/domain/decision-tables.md#client-not-injected."""
    name, workload = asked_client(facts)
    if not name:
        yield skip("The question names no client (--from NAMESPACE[/WORKLOAD]).")
        return
    namespace = facts.get(Namespace, name)
    if namespace is None:
        yield unknown(
            f"Client namespace {name} does not exist.", actions=[look("List the namespaces", "kubectl get namespaces")]
        )
        return
    pods = client_pods(facts, name, workload)
    if workload and not pods:
        yield unknown(
            f"Namespace {name} has no running pod of workload {workload}.",
            actions=[look("List the pods of the namespace", kubectl("get", "pods", "--show-labels", namespace=name))],
        )
        return
    found = [*_without(facts, namespace, pods, bool(workload)), *_excluded_traffic(facts, pods)]
    yield from found
    labels = list(_labels(facts, namespace, pods))
    yield from labels
    if not found and not labels:
        yield _healthy(namespace, pods)


def _healthy(namespace: Namespace, pods: tuple[Pod, ...]) -> Observation:
    if not pods:
        return healthy(f"{namespace.ref} has no pods yet; new ones will get a sidecar.")
    count = sum(1 for pod in pods if pod.proxy is not None)
    one = "1 pod has" if count == 1 else f"{count} pods have"
    return healthy(f"{one} a sidecar in {namespace.ref}.")


def _without(facts: Facts, namespace: Namespace, pods: tuple[Pod, ...], asked: bool) -> Iterator[Observation]:
    """A failure for each workload with pods without a sidecar. In a namespace with sidecars, a workload that opted out of
    injection is ignored unless the question names it."""
    without_sidecar: dict[str, list[Pod]] = {}
    for pod in pods:
        if pod.proxy is None:
            without_sidecar.setdefault(workload_of(pod), []).append(pod)
    some = any(pod.proxy is not None for pod in pods)
    for workload, group in without_sidecar.items():
        declined = declined_by(group[0])
        if some and not asked and (declined or group[0].host_network):
            continue
        yield fail(
            f"Pods of {namespace.name}/{workload} have no sidecar: their requests bypass the gateway.",
            subject=f"workload {namespace.name}/{workload}",
            evidence=[
                Evidence(group[0].ref, "spec.containers and spec.initContainers", "no istio-proxy", "istio-proxy"),
                *_reasons(namespace, group[0], declined),
            ],
            actions=_actions(facts, namespace, group[0]),
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


def _labels(facts: Facts, namespace: Namespace, pods: tuple[Pod, ...]) -> Iterator[Observation]:
    """Findings for new pods: no injection webhook matches them, or a label has no effect."""
    written = namespace.labels.get(REVISION, "")
    if facts.gap(MutatingWebhookConfiguration) and written in facts.gateway.revisions and PLAIN not in namespace.labels:
        # The label names a revision of the mesh; other checks cover whether its webhook exists.
        return
    webhooks = injectors(facts)
    injected = [pod for pod in pods if pod.proxy is not None]
    likely = injected[0].labels if injected else {}
    if not would_inject(webhooks, namespace, likely):
        known = sorted({each.revision for each in webhooks} | {each.tag for each in webhooks} - {""})
        if written and written not in known:
            summary = f"No injection webhook serves revision {written}, which {namespace.ref} names"
        elif written:
            summary = f"No injection webhook matches new pods of {namespace.ref}"
        else:
            summary = f"{namespace.ref} has no label {REVISION}: no injection webhook matches its new pods"
        evidence = []
        if written not in known:
            expected = " or ".join(known) or "a revision"
            evidence.append(Evidence(namespace.ref, f"metadata.labels[{REVISION}]", written or "(not set)", expected))
        if PLAIN in namespace.labels:
            evidence.append(Evidence(namespace.ref, f"metadata.labels[{PLAIN}]", namespace.labels[PLAIN], "not set"))
        if injected:
            yield warn(
                f"{summary}; running pods still have their sidecar.",
                subject=namespace.ref,
                evidence=evidence,
                actions=_actions(facts, namespace, injected[0])[:2],
                about=[Involved("namespace", namespace.name)],
            )
        elif not pods:
            yield fail(
                f"{summary}.",
                subject=namespace.ref,
                evidence=evidence,
                actions=_actions(facts, namespace, None),
                about=[Involved("namespace", namespace.name)],
            )
    elif PLAIN in namespace.labels:
        yield warn(
            f"{namespace.ref} has the label {PLAIN}={namespace.labels[PLAIN]}, which the add-on ignores.",
            subject=namespace.ref,
            evidence=[Evidence(namespace.ref, f"metadata.labels[{PLAIN}]", namespace.labels[PLAIN], "not set")],
            actions=[
                look(
                    "Show the namespace's labels", kubectl("get", "namespace", namespace.name, "--show-labels"), ADDON
                ),
                change(
                    f"Remove the label {PLAIN} from the namespace",
                    kubectl("label", "namespace", namespace.name, f"{PLAIN}-"),
                    ADDON,
                ),
            ],
            about=[Involved("namespace", namespace.name)],
        )
    yield from _of_removed_revisions(facts, injected)


def _of_removed_revisions(facts: Facts, injected: Iterable[Pod]) -> Iterator[Observation]:
    """A warning for each revision of running sidecars that the mesh no longer has."""
    current = facts.gateway.revisions
    removed: dict[str, list[Pod]] = {}
    for pod in injected:
        if pod.revision and current and pod.revision not in current and pod.revision.startswith("asm-"):
            removed.setdefault(pod.revision, []).append(pod)
    for revision, pods in removed.items():
        names = ", ".join(dict.fromkeys(workload_of(pod) for pod in pods))
        yield warn(
            f"The mesh no longer has revision {revision}, which sidecars of {pods[0].namespace}/{names} use.",
            subject=f"revision {revision} in namespace {pods[0].namespace}",
            evidence=[Evidence(pods[0].ref, f"metadata.annotations[{REVISION}]", revision, " or ".join(current))],
            actions=_restarts(pods),
            about=[Involved("namespace", pods[0].namespace), Involved("revision", revision)],
        )


def _restarts(pods: Iterable[Pod]) -> list[Action]:
    seen: dict[str, Pod] = {workload_of(pod): pod for pod in pods if pod.owner[0] == "ReplicaSet"}
    found = [
        look("List the pods with their nodes and images", kubectl("get", "pods", "-o", "wide", namespace=p.namespace))
        for p in pods
    ][:1]
    return found + [
        disrupt(
            f"Restart {name}, whose new pods get a sidecar of the current revision",
            kubectl("rollout", "restart", "deployment", name, namespace=pod.namespace),
            ADDON,
        )
        for name, pod in seen.items()
    ]


def _excluded_traffic(facts: Facts, pods: Iterable[Pod]) -> Iterator[Observation]:
    """A warning for each annotation that excludes web ports, or all traffic, from the sidecar."""
    asked = split_host(facts.question.host)[1] if facts.question.host else None
    ports = frozenset({asked}) if asked else _PORTS
    seen: set[tuple[str, str]] = set()
    for pod in pods:
        for key, value, what in excluded(pod, ports) if pod.proxy is not None else ():
            if (workload_of(pod), key) in seen:
                continue
            seen.add((workload_of(pod), key))
            yield warn(
                f"Requests of {pod.namespace}/{workload_of(pod)} to {what} bypass its sidecar.",
                subject=f"workload {pod.namespace}/{workload_of(pod)}",
                evidence=[Evidence(pod.ref, f"metadata.annotations[{key}]", value, "not set")],
                actions=[
                    look(
                        "Show the pod's annotations",
                        kubectl(
                            "get", "pod", pod.name, "-o", "jsonpath={.metadata.annotations}", namespace=pod.namespace
                        ),
                    ),
                    _redirect(pod, key),
                ],
                about=[Involved("namespace", pod.namespace), Involved("pod", f"{pod.namespace}/{pod.name}")],
            )


def _redirect(pod: Pod, key: str) -> Action:
    """An action that removes an annotation from the workload's pod template, with a command for Deployments."""
    title = f"Patch the workload's pod template: remove {key}; restarts its pods"
    if pod.owner[0] != "ReplicaSet":
        return disrupt(title, url=ADDON)
    path = f"/spec/template/metadata/annotations/{key.replace('/', '~1')}"
    patch = f'[{{"op":"remove","path":"{path}"}}]'
    words = ("patch", "deployment", workload_of(pod), "--type", "json", "-p", patch)
    return disrupt(title, kubectl(*words, namespace=pod.namespace), ADDON, "its requests go through the sidecar")


def _actions(facts: Facts, namespace: Namespace, pod: Pod | None) -> list[Action]:
    name = namespace.name
    found = [look("Show the namespace's labels", kubectl("get", "namespace", name, "--show-labels"), ADDON)]
    deployment = workload_of(pod) if pod is not None and pod.owner[0] == "ReplicaSet" else ""
    if pod is not None and pod.host_network:
        return [
            *found,
            change("Set hostNetwork: false in the workload, or send the requests from another workload", url=ADDON),
        ]
    if pod is not None and (field := declined_by(pod)):
        where = field.partition("[")[0].removeprefix("metadata.")
        path = f"/spec/template/metadata/{where}/{INJECT.replace('/', '~1')}"
        patch = f'[{{"op":"remove","path":"{path}"}}]'
        command = kubectl("patch", "deployment", deployment, "--type", "json", "-p", patch, namespace=name)
        title = f"Patch the workload's pod template: remove {INJECT}: false; restarts its pods"
        return [*found, disrupt(title, command if deployment else "", ADDON)]
    revision = max(facts.gateway.revisions, default="")
    plain = (f"{PLAIN}-",) if PLAIN in namespace.labels else ()
    if revision and (plain or namespace.labels.get(REVISION) not in facts.gateway.revisions):
        words = ("label", "namespace", name, f"{REVISION}={revision}", "--overwrite", *plain)
        expect = "new pods have an istio-proxy; running pods get it with a restart"
        found.append(change("Label the namespace for injection by the add-on", kubectl(*words), ADDON, expect))
    if deployment:
        command = kubectl("rollout", "restart", "deployment", deployment, namespace=name)
        found.append(disrupt(f"Restart {deployment}", command, ADDON))
    return found
