"""Whether new pods of a namespace get a sidecar, and which revision sidecars have.

Running sidecars may have an old revision.
"""

from collections.abc import Iterable, Iterator

from checks.facts.admission_webhooks import MutatingWebhookConfiguration
from checks.facts.namespaces import Namespace
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.fixes.injection_steps import injection_actions
from checks.istio.mesh.injection_webhooks import (
    PLAIN,
    REVISION,
    injectors,
    would_inject,
)
from checks.istio.request.clients import workload_of
from checks.model.commands import ADDON, change, disrupt, inspect, kubectl
from checks.model.findings import (
    Action,
    Evidence,
    Involved,
    Observation,
    fail,
    warn,
)


def injection_faults(facts: Facts, namespace: Namespace, pods: tuple[Pod, ...]) -> Iterator[Observation]:
    """Findings for new pods: no injection webhook matches them, or a label has no effect."""
    written = namespace.labels.get(REVISION, "")
    if facts.gap(MutatingWebhookConfiguration) and written in facts.gateway.revisions and PLAIN not in namespace.labels:
        # The label names a revision of the mesh; other checks cover whether its webhook exists.
        facts.disregard(MutatingWebhookConfiguration)
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
                actions=injection_actions(facts, namespace, injected[0])[:2],
                about=[Involved("namespace", namespace.name)],
            )
        elif not pods:
            yield fail(
                f"{summary}.",
                subject=namespace.ref,
                evidence=evidence,
                actions=injection_actions(facts, namespace, None),
                about=[Involved("namespace", namespace.name)],
            )
    elif PLAIN in namespace.labels:
        yield warn(
            f"{namespace.ref} has the label {PLAIN}={namespace.labels[PLAIN]}, which the add-on ignores.",
            subject=namespace.ref,
            evidence=[Evidence(namespace.ref, f"metadata.labels[{PLAIN}]", namespace.labels[PLAIN], "not set")],
            actions=[
                inspect(
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
    seen: dict[str, Pod] = {pod.deployment: pod for pod in pods if pod.deployment}
    found = [
        inspect(
            "List the pods with their nodes and images", kubectl("get", "pods", "-o", "wide", namespace=p.namespace)
        )
        for p in pods
    ][:1]
    return found + [
        disrupt(
            f"Restart {name}: new pods get a sidecar of the current revision, open connections are closed",
            kubectl("rollout", "restart", "deployment", name, namespace=pod.namespace),
            ADDON,
        )
        for name, pod in seen.items()
    ]
