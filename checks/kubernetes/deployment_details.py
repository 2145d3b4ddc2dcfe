"""Why a Deployment has no pods.

Its conditions show the reason, and actions read more.
"""

from collections.abc import Iterator

from checks.facts.workloads import Deployment
from checks.kubernetes.ownership import with_owner
from checks.model.commands import TSG, change, inspect, kubectl
from checks.model.findings import Action, Evidence
from checks.model.raw_values import text, texts


def deployment_problems(deployment: Deployment) -> Iterator[Evidence]:
    """Return a paused rollout, and the Deployment's conditions that report a problem."""
    if deployment.paused:
        yield Evidence(deployment.ref, "spec.paused", "true", "false")
    for kind, well in (("ReplicaFailure", "False"), ("Progressing", "True"), ("Available", "True")):
        condition = deployment.condition(kind)
        if condition and text(condition, "status") != well:
            reason = ": ".join(each for each in (text(condition, "reason"), text(condition, "message")) if each)
            yield Evidence(deployment.ref, f"status.conditions[{kind}]", reason or text(condition, "status"), well)


def refused_pods(deployment: Deployment) -> Iterator[Evidence]:
    """The API server's refusal of its pods, if it reports one."""
    return (each for each in deployment_problems(deployment) if each.field == "status.conditions[ReplicaFailure]")


def deployment_actions(deployment: Deployment) -> list[Action]:
    """Resume a paused rollout; describe the Deployment, and list the events of its namespace.

    A restart creates the same pods again: the reason why they are not ready is in other findings.
    """
    describe = kubectl("describe", "deployment", deployment.name, namespace=deployment.namespace)
    events = kubectl("get", "events", "--sort-by=.lastTimestamp", namespace=deployment.namespace)
    return [
        *resume_rollout(deployment),
        inspect("Describe the Deployment", describe, TSG),
        inspect("List the events of the namespace", events),
    ]


def finalizers(deployment: Deployment) -> tuple[str, ...]:
    """The finalizers that delay the deletion of a Deployment."""
    return texts(deployment.raw, "metadata", "finalizers")


def wait_for_deletion(deployment: Deployment) -> Action:
    """Wait until a Deployment is deleted: it cannot be created again before."""
    named = ("wait", "--for=delete", f"deployment/{deployment.name}", "--timeout=5m")
    command = kubectl(*named, namespace=deployment.namespace)
    title = "Wait until the deletion ends: until then it cannot be created again"
    return inspect(title, command, expect="the command returns when the Deployment is deleted")


def resume_rollout(deployment: Deployment) -> list[Action]:
    """Resume a paused rollout; no action for one that is not paused."""
    if not deployment.paused:
        return []
    command = kubectl("rollout", "resume", "deployment", deployment.name, namespace=deployment.namespace)
    title = f"Start the paused rollout of {deployment.ref} again"
    return [with_owner(change(title, command, expect="the rollout creates the missing pods"), deployment)]


def creation_actions(deployment: Deployment) -> list[Action]:
    """Actions for a Deployment without pods: its ReplicaSets report the reason."""
    describe = kubectl("describe", "replicaset", "-l", _labels(deployment), namespace=deployment.namespace)
    return [
        *resume_rollout(deployment),
        inspect("Describe the ReplicaSets, which report why pods are not created", describe, TSG),
    ]


def _labels(deployment: Deployment) -> str:
    return ",".join(f"{key}={value}" for key, value in deployment.template_labels.items() if "/" not in key) or "app"
