"""EG515: the client that was asked about has no sidecar, or one that traffic goes round."""

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

WEB_PORTS = frozenset({80, 443})


@check(
    code="EG515",
    title="The client's pods have no sidecar",
    severity=Severity.BLOCKS,
    hop="workload",
    article=("IST-3",),
    reads=(Namespace, Pod, MutatingWebhookConfiguration),
)
def client_not_injected(facts: Facts) -> Iterator[Observation]:
    """What it checks: the pods of the client that was asked about (`--from`), or of its namespace: whether each has an
    `istio-proxy`, among its containers or, as a native sidecar, its init containers; whether an injection webhook of an
    existing revision or tag would take new ones; and annotations that keep ports or ranges from the sidecar. Pods
    without a sidecar fail, and so does a namespace without pods that no webhook takes. What only new pods will lack,
    `istio-injection` labels, and ports that go round the sidecar warn. Skipped without a client.

    Why it matters: without a sidecar nothing sends the request to the gateway: it leaves the pod directly, with the
    node's outbound address.

    What usually fixes it: the label `istio.io/rev=<revision>` on the namespace (`istio-injection=enabled` does nothing with
    the add-on), then a restart of the workload.

    Source: AKS documentation "Deploy the Istio add-on"; Istio's injection reference; domain.md 1.2 and 6.10."""
    name, workload = asked_client(facts)
    if not name:
        yield skip("No client was asked about (--from NAMESPACE[/WORKLOAD] names one).")
        return
    namespace = facts.get(Namespace, name)
    if namespace is None:
        yield unknown(
            f"There is no namespace {name} to start from.", actions=[look("Namespaces", "kubectl get namespaces")]
        )
        return
    pods = client_pods(facts, name, workload)
    if workload and not pods:
        yield unknown(
            f"Namespace {name} has no running pod of a workload {workload}.",
            actions=[look("Its pods", kubectl("get", "pods", "--show-labels", namespace=name))],
        )
        return
    found = [*_without(facts, namespace, pods, bool(workload)), *_routed_round(facts, pods)]
    yield from found
    labels = list(_labels(facts, namespace, pods))
    yield from labels
    if not found and not labels:
        yield _well(namespace, pods)


def _well(namespace: Namespace, pods: tuple[Pod, ...]) -> Observation:
    if not pods:
        return healthy(f"{namespace.ref} has no pods yet; new ones will get a sidecar.")
    count = sum(1 for pod in pods if pod.proxy is not None)
    one = "1 pod has" if count == 1 else f"{count} pods have"
    return healthy(f"{one} a sidecar in {namespace.ref}.")


def _without(facts: Facts, namespace: Namespace, pods: tuple[Pod, ...], asked: bool) -> Iterator[Observation]:
    """Pods without a sidecar, by workload. In a namespace that has sidecars, a workload that declined injection was meant
    to have none, unless the question names it."""
    bare: dict[str, list[Pod]] = {}
    for pod in pods:
        if pod.proxy is None:
            bare.setdefault(workload_of(pod), []).append(pod)
    some = any(pod.proxy is not None for pod in pods)
    for workload, group in bare.items():
        declined = declined_by(group[0])
        if some and not asked and (declined or group[0].host_network):
            continue
        yield fail(
            f"Pods of {namespace.name}/{workload} have no sidecar, so their requests do not go to the gateway.",
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
        yield Evidence(pod.ref, "spec.hostNetwork", "true", "pods on the node's network are never injected")
    yield Evidence(
        namespace.ref, f"metadata.labels[{REVISION}]", namespace.labels.get(REVISION, "(not set)"), "a revision"
    )
    if PLAIN in namespace.labels:
        expected = "not set: the add-on ignores it, and injection by revision gives way to it"
        yield Evidence(namespace.ref, f"metadata.labels[{PLAIN}]", namespace.labels[PLAIN], expected)


def _labels(facts: Facts, namespace: Namespace, pods: tuple[Pod, ...]) -> Iterator[Observation]:
    """What new pods will meet: no webhook that takes them, or a label that does nothing."""
    written = namespace.labels.get(REVISION, "")
    if facts.gap(MutatingWebhookConfiguration) and written in facts.gateway.revisions and PLAIN not in namespace.labels:
        # The label names a revision of the mesh: that its webhook exists is the other checks' concern.
        return
    webhooks = injectors(facts)
    injected = [pod for pod in pods if pod.proxy is not None]
    likely = injected[0].labels if injected else {}
    if not would_inject(webhooks, namespace, likely):
        known = sorted({each.revision for each in webhooks} | {each.tag for each in webhooks} - {""})
        if written and written not in known:
            summary = f"{namespace.ref} asks for revision {written}, which no injection webhook serves"
        elif written:
            summary = f"No injection webhook takes new pods of {namespace.ref}"
        else:
            summary = f"{namespace.ref} has no label {REVISION}, so no injection webhook takes its new pods"
        evidence = []
        if written not in known:
            expected = " or ".join(known) or "a revision"
            evidence.append(Evidence(namespace.ref, f"metadata.labels[{REVISION}]", written or "(not set)", expected))
        if PLAIN in namespace.labels:
            evidence.append(Evidence(namespace.ref, f"metadata.labels[{PLAIN}]", namespace.labels[PLAIN], "not set"))
        if injected:
            yield warn(
                f"{summary}; pods that run now still have their sidecar.",
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
            f"{namespace.ref} has the label {PLAIN}={namespace.labels[PLAIN]}, which the add-on does not act on.",
            subject=namespace.ref,
            evidence=[Evidence(namespace.ref, f"metadata.labels[{PLAIN}]", namespace.labels[PLAIN], "not set")],
            actions=[
                look("Look at its labels", kubectl("get", "namespace", namespace.name, "--show-labels"), ADDON),
                change("Take the label away", kubectl("label", "namespace", namespace.name, f"{PLAIN}-"), ADDON),
            ],
            about=[Involved("namespace", namespace.name)],
        )
    yield from _old(facts, injected)


def _old(facts: Facts, injected: Iterable[Pod]) -> Iterator[Observation]:
    """Sidecars of a revision that the mesh no longer has."""
    current = facts.gateway.revisions
    gone: dict[str, list[Pod]] = {}
    for pod in injected:
        if pod.revision and current and pod.revision not in current and pod.revision.startswith("asm-"):
            gone.setdefault(pod.revision, []).append(pod)
    for revision, pods in gone.items():
        names = ", ".join(dict.fromkeys(workload_of(pod) for pod in pods))
        yield warn(
            f"Sidecars of {pods[0].namespace}/{names} are of revision {revision}, which the mesh no longer has.",
            subject=f"revision {revision} in namespace {pods[0].namespace}",
            evidence=[Evidence(pods[0].ref, f"metadata.annotations[{REVISION}]", revision, " or ".join(current))],
            actions=_restarts(pods),
            about=[Involved("namespace", pods[0].namespace), Involved("revision", revision)],
        )


def _restarts(pods: Iterable[Pod]) -> list[Action]:
    seen: dict[str, Pod] = {workload_of(pod): pod for pod in pods if pod.owner[0] == "ReplicaSet"}
    found = [
        look("Compare the sidecars' images", kubectl("get", "pods", "-o", "wide", namespace=p.namespace)) for p in pods
    ][:1]
    return found + [
        disrupt(
            f"Restart {name} to get a sidecar of today's revision",
            kubectl("rollout", "restart", "deployment", name, namespace=pod.namespace),
            ADDON,
        )
        for name, pod in seen.items()
    ]


def _routed_round(facts: Facts, pods: Iterable[Pod]) -> Iterator[Observation]:
    """Annotations by which requests to the web's ports, or all of them, never meet the sidecar."""
    asked = split_host(facts.question.host)[1] if facts.question.host else None
    ports = frozenset({asked}) if asked else WEB_PORTS
    seen: set[tuple[str, str]] = set()
    for pod in pods:
        for key, value, what in excluded(pod, ports) if pod.proxy is not None else ():
            if (workload_of(pod), key) in seen:
                continue
            seen.add((workload_of(pod), key))
            yield warn(
                f"Requests of {pod.namespace}/{workload_of(pod)} to {what} go round its sidecar.",
                subject=f"workload {pod.namespace}/{workload_of(pod)}",
                evidence=[Evidence(pod.ref, f"metadata.annotations[{key}]", value, "not set")],
                actions=[
                    look(
                        "Look at the pod's annotations",
                        kubectl(
                            "get", "pod", pod.name, "-o", "jsonpath={.metadata.annotations}", namespace=pod.namespace
                        ),
                    ),
                    _redirect(pod, key),
                ],
                about=[Involved("namespace", pod.namespace), Involved("pod", f"{pod.namespace}/{pod.name}")],
            )


def _redirect(pod: Pod, key: str) -> Action:
    """Takes an annotation out of the workload's template, where that is a Deployment's."""
    title = f"Take {key} out of the workload's pod template, which restarts it"
    if pod.owner[0] != "ReplicaSet":
        return disrupt(title, url=ADDON)
    path = f"/spec/template/metadata/annotations/{key.replace('/', '~1')}"
    patch = f'[{{"op":"remove","path":"{path}"}}]'
    words = ("patch", "deployment", workload_of(pod), "--type", "json", "-p", patch)
    return disrupt(title, kubectl(*words, namespace=pod.namespace), ADDON, "its requests go through the sidecar")


def _actions(facts: Facts, namespace: Namespace, pod: Pod | None) -> list[Action]:
    name = namespace.name
    found = [look("Look at the namespace's labels", kubectl("get", "namespace", name, "--show-labels"), ADDON)]
    deployment = workload_of(pod) if pod is not None and pod.owner[0] == "ReplicaSet" else ""
    if pod is not None and pod.host_network:
        return [*found, change("Move the workload off the node's network, or send from another workload", url=ADDON)]
    if pod is not None and (field := declined_by(pod)):
        where = field.partition("[")[0].removeprefix("metadata.")
        path = f"/spec/template/metadata/{where}/{INJECT.replace('/', '~1')}"
        patch = f'[{{"op":"remove","path":"{path}"}}]'
        command = kubectl("patch", "deployment", deployment, "--type", "json", "-p", patch, namespace=name)
        title = f"Take {INJECT}: false out of its pod template, which restarts it"
        return [*found, disrupt(title, command if deployment else "", ADDON)]
    revision = max(facts.gateway.revisions, default="")
    plain = (f"{PLAIN}-",) if PLAIN in namespace.labels else ()
    if revision and (plain or namespace.labels.get(REVISION) not in facts.gateway.revisions):
        words = ("label", "namespace", name, f"{REVISION}={revision}", "--overwrite", *plain)
        expect = "new pods have an istio-proxy; running ones get it with a restart"
        found.append(change("Let the add-on inject the namespace", kubectl(*words), ADDON, expect))
    if deployment:
        command = kubectl("rollout", "restart", "deployment", deployment, namespace=name)
        found.append(disrupt(f"Restart {deployment}", command, ADDON))
    return found
