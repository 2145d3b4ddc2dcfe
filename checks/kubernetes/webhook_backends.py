"""Why a webhook's backend does not answer, and the fix of that reason."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from checks.facts.label_selectors import selects
from checks.facts.namespaces import Namespace
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.knowledge.object_managers import KYVERNO, object_manager
from checks.knowledge.webhook_owners import serves_kyverno_webhooks
from checks.kubernetes.admission import GatewayWebhook
from checks.kubernetes.ownership import with_owner
from checks.kubernetes.pod_faults import pod_fault
from checks.kubernetes.service_selectors import patch_selector
from checks.kubernetes.webhooks import PODS
from checks.model.commands import change, delete_kept, inspect, kubectl
from checks.model.findings import Action, Evidence
from checks.model.json_patches import Operation, patch_entry, unchanged
from checks.model.raw_values import text


@dataclass(frozen=True, slots=True)
class BackendFault:
    """Why the backend has no ready endpoint. `meaning` is a clause with the objects' names."""

    meaning: str
    evidence: tuple[Evidence, ...] = ()
    fixes: tuple[Action, ...] = ()
    looks: tuple[Action, ...] = ()
    creates_pods: bool = False
    """Whether the fixes need new pods of the backend."""


def backend_fault(facts: Facts, webhook: GatewayWebhook) -> BackendFault | None:
    """The fault of a webhook's Service; None without one, or if its objects are not readable.

    Requires Namespace, Service, Deployment, Pod and Event declared.
    """
    if webhook.hook.service is None or webhook.owner:
        return None
    namespace, name = webhook.hook.service
    if any(facts.gap(kind, namespace) for kind in (Service, Deployment, Pod)) or facts.gap(Namespace):
        return None
    service = facts.get(Service, name, namespace)
    workloads = facts.in_namespace(Deployment, namespace)
    if service is None:
        return _without_service(facts, webhook, namespace, name, workloads)
    chosen = [
        pod for pod in facts.in_namespace(Pod, namespace) if service.selector and selects(service.selector, pod.labels)
    ]
    chosen = [pod for pod in chosen if pod.deleted is None and not pod.finished]
    if chosen:
        return _without_ready_pod(facts, chosen)
    return _without_pod(service, workloads)


def _without_service(
    facts: Facts, webhook: GatewayWebhook, namespace: str, name: str, workloads: Sequence[Deployment]
) -> BackendFault:
    ref = f"Service {namespace}/{name}"
    missing = Evidence(ref, "metadata.name", "(not found)", name)
    registered = object_manager(webhook.configuration) == KYVERNO
    if workloads and not (registered and not any(serves_kyverno_webhooks(each.labels) for each in workloads)):
        near = get_close_matches(name, [each.name for each in facts.in_namespace(Service, namespace)], n=1)
        fixes = (_name_service(webhook, near[0]),) if near else ()
        command = kubectl("get", "services,deployments", namespace=namespace)
        listed = inspect("List the Services and Deployments of its namespace", command)
        return BackendFault(f"{ref} does not exist", (missing,), fixes, (listed,))
    gone = facts.get(Namespace, namespace) is None
    if gone:
        what = f"namespace {namespace} of its backend does not exist"
    elif workloads:
        what = f"{ref} and Kyverno's admission controller do not exist"
    else:
        what = f"namespace {namespace} has no workload behind it"
    kind, configuration = webhook.configuration.kind.lower(), webhook.configuration.name
    save, delete = delete_kept(
        kind,
        configuration,
        f"Delete {webhook.configuration.ref}, which its uninstalled program has left behind; its rules then apply nowhere",
        expect="the API server calls the webhook no more, and the pods are created at the controller's next attempt",
    )
    # A program that registers its webhooks itself cannot undo this after it is uninstalled.
    deleted = delete if registered else with_owner(delete, webhook.configuration)
    return BackendFault(what, (missing,), (save, deleted))


def _name_service(webhook: GatewayWebhook, name: str) -> Action:
    index = [each.name for each in webhook.configuration.webhooks].index(webhook.hook.name)
    operations: list[Operation] = [
        unchanged(f"/webhooks/{index}/name", webhook.hook.name),
        {"op": "replace", "path": f"/webhooks/{index}/clientConfig/service/name", "value": name},
    ]
    command = patch_entry(webhook.configuration.kind.lower(), webhook.configuration.name, operations)
    patch = change(f"Patch the webhook to call Service {name}, which exists", command, expect="the webhook answers")
    return with_owner(patch, webhook.configuration)


def _without_ready_pod(facts: Facts, pods: Sequence[Pod]) -> BackendFault | None:
    faults = [found for pod in pods if (found := pod_fault(facts, pod)) is not None]
    if not faults:
        return None
    first = faults[0]
    evidence = tuple(dict.fromkeys(line for each in faults for line in each.evidence))
    return BackendFault(
        f"{first.pod.ref} is not ready: {first.meaning}", evidence, first.fixes, first.looks, bool(first.fixes)
    )


def _without_pod(service: Service, workloads: Sequence[Deployment]) -> BackendFault:
    nothing = Evidence(service.ref, "pods that spec.selector matches", "0", "1 or more")
    selected = [each for each in workloads if service.selector and selects(service.selector, each.template_labels)]
    if (stopped := next((each for each in selected if not each.replicas), None)) is not None:
        return _stopped(stopped)
    if selected:
        return _refused(selected[0], nothing)
    found = f"{service.ref} selects no pod"
    if len(workloads) == 1:
        evidence = Evidence(
            service.ref, "spec.selector", _pairs(service.selector), _pairs(workloads[0].template_labels)
        )
        return BackendFault(found, (evidence,), (patch_selector(service, workloads[0]),))
    command = kubectl("get", "deployments,statefulsets,daemonsets", "--show-labels", namespace=service.namespace)
    listed = inspect("List the workloads of its namespace", command)
    return BackendFault(found, (nothing,), (), (listed,))


def _stopped(deployment: Deployment) -> BackendFault:
    scale = change(
        f"Scale {deployment.ref} to 1 replica",
        kubectl("scale", "deployment", deployment.name, "--replicas=1", namespace=deployment.namespace),
        expect="its pod is Ready, and the webhook answers",
    )
    evidence = Evidence(deployment.ref, "spec.replicas", "0", "1 or more")
    fixes = (with_owner(scale, deployment),)
    return BackendFault(f"{deployment.ref} is scaled to zero", (evidence,), fixes, creates_pods=True)


def _refused(deployment: Deployment, nothing: Evidence) -> BackendFault:
    message = text(deployment.condition("ReplicaFailure"), "message")
    evidence = Evidence(deployment.ref, "status.conditions[ReplicaFailure].message", message, "the pods are created")
    describe = inspect("Describe its ReplicaSets", kubectl("describe", "replicasets", namespace=deployment.namespace))
    return BackendFault(f"{deployment.ref} has no pods", (evidence if message else nothing,), (), (describe,))


def own_pods_refused(facts: Facts, webhook: GatewayWebhook) -> bool:
    """Whether the webhook also blocks the pods of its own backend."""
    if webhook.hook.service is None:
        return False
    namespace, _ = webhook.hook.service
    return any(webhook.hook.name in message for message in _failures(facts, namespace))


def covers_namespace(facts: Facts, webhook: GatewayWebhook, name: str) -> bool:
    """Whether the webhook's selector for namespaces covers the pods of a namespace."""
    namespace = next((each for each in facts.readable(Namespace) if each.name == name), None)
    labels = namespace.all_labels if namespace is not None else {"kubernetes.io/metadata.name": name}
    return PODS in webhook.resources and selects(webhook.hook.namespace_selector, labels)


def _failures(facts: Facts, namespace: str) -> Iterator[str]:
    for each in facts.readable(Deployment, namespace):
        yield text(each.condition("ReplicaFailure"), "message")


def _pairs(labels: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items()) or "(none)"
