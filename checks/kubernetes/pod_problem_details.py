"""Details of a pod that is not ready: evidence, the sandbox's error, commands."""

from collections.abc import Iterator

from checks.facts.events import Event
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.knowledge.container_exits import OUT_OF_MEMORY
from checks.knowledge.known_reasons import KnownReason
from checks.knowledge.pull_errors import NO_SUCH_IMAGE
from checks.knowledge.sandbox_errors import sandbox_failure
from checks.kubernetes.pod_faults import exit_of, exited_container
from checks.kubernetes.pod_obstacles import start_obstacle_of
from checks.kubernetes.pod_problems import RESTARTS, PodProblem, awaits_network
from checks.kubernetes.scheduling_fixes import scheduling_fixes
from checks.model.commands import SCALE, TSG, change, inspect, kubectl, update_without_value
from checks.model.findings import Action, Evidence

_AGAIN = "the kubelet tries again within 5 minutes; no restart is needed"


def problem_evidence(facts: Facts, problem: PodProblem, pod: Pod) -> Iterator[Evidence]:
    """The state of the pod, and its newest warning if that adds something."""
    yield Evidence(pod.ref, problem.field, problem.observed(pod), "Ready")
    if facts.gap(Event, pod.namespace):
        return
    if warnings := [event for event in facts.events_on(pod) if event.type == "Warning" and event.message]:
        newest = warnings[-1]
        if newest.message not in problem.observed(pod):
            sandbox_failed = newest.reason == "FailedCreatePodSandBox"
            message = sandbox_failure(newest.message).shown if sandbox_failed else newest.message
            yield Evidence(pod.ref, f"event {newest.reason}", message)


def sandbox_message(facts: Facts, pod: Pod) -> str:
    """The newest error of a pod's sandbox; "" if there is none or events are not readable."""
    if facts.gap(Event, pod.namespace):
        return ""
    messages = [event.message for event in facts.events_on(pod) if event.reason == "FailedCreatePodSandBox"]
    return messages[-1] if messages else ""


def previous_log(pod: Pod) -> Action:
    """Shows the log of the previous container."""
    command = kubectl("logs", pod.name, "-c", "istio-proxy", "--previous", "--tail=100", namespace=pod.namespace)
    return inspect("Show the log of the previous container", command, TSG)


def problem_actions(facts: Facts, problem: PodProblem) -> list[Action]:
    """The fix of the problem's reason, and the commands that show more.

    Requires Event and AgentPool declared.
    """
    pod = problem.pods[0]
    fixes = _fixes(facts, problem, pod)
    found = [inspect("Describe the pod", kubectl("describe", "pod", pod.name, namespace=pod.namespace), TSG)]
    match problem.reason:
        case "CrashLoopBackOff" | "OOMKilled" | "Terminated":
            found.append(previous_log(pod))
        case "NotReady":
            command = kubectl("logs", pod.name, "-c", "istio-proxy", "--tail=100", namespace=pod.namespace)
            found.append(inspect("Show the proxy's log", command))
        case "Unschedulable" | "Unscheduled":
            found.append(
                inspect(
                    "List the nodes and their taints",
                    kubectl("get", "nodes", "-o", "custom-columns=NAME:.metadata.name,TAINTS:.spec.taints[*].key"),
                )
            )
        case _:
            pass
    return [*fixes, *found]


def reason_of(facts: Facts, problem: PodProblem, pod: Pod) -> KnownReason | None:
    """The known reason of an event, or of the termination of a container.

    Requires Event declared.
    """
    obstacle, _ = start_obstacle_of(facts, pod)
    exited = exited_container(pod)
    if obstacle is not None or exited is None or problem.reason == OUT_OF_MEMORY:
        return obstacle
    return exit_of(exited)


def _fixes(facts: Facts, problem: PodProblem, pod: Pod) -> list[Action]:
    """The fix of the reason that an event, the scheduler or a termination reports."""
    obstacle, _ = start_obstacle_of(facts, pod)
    if obstacle is not None:
        return _newer_image(facts, problem, obstacle.meaning) or [change(obstacle.fix, expect=_AGAIN)]
    if problem.reason == "Unschedulable" and (fixes := scheduling_fixes(facts, problem)):
        return fixes
    if problem.reason == OUT_OF_MEMORY and pod.deployment:
        return [_more_replicas(pod)]
    if (reason := reason_of(facts, problem, pod)) is not None:
        return [change(reason.fix)]
    return [change(problem.fix, expect=_AGAIN)] if problem.fix else []


def _newer_image(facts: Facts, problem: PodProblem, meaning: str) -> list[Action]:
    """Let AKS set the image again, if its registry does not have the one that istiod injected.

    The new pods must not be placed on a node on which pods of the gateway get no network.
    """
    pods = problem.pods
    if meaning != NO_SUCH_IMAGE or not pods[0].deployment:
        return []
    namespace, names = pods[0].namespace, [each.name for each in pods]
    waiting = {each.node for each in facts.readable(Pod, namespace) if each.deployment and awaits_network(each)}
    avoided = sorted(waiting - {each.node for each in pods})
    delete = kubectl("delete", "pod", *names, namespace=namespace)
    serve, its = ("serves", "its replacement gets") if len(names) == 1 else ("serve", "their replacements get")
    meanwhile = f"; {' and '.join(avoided)}, where pods get no network, gets no new pods" if avoided else ""
    return [
        update_without_value(
            facts.cluster,
            "Reconcile the cluster: AKS then sets an image of the add-on that its registry has",
            expect="the control plane of the mesh injects another image; the next step creates pods with it",
        ),
        change(
            f"Delete {' and '.join(names)}, which {serve} nothing: {its} the new image{meanwhile}",
            f"{kubectl('cordon', *avoided)} && {delete}" if avoided else delete,
            TSG,
            "the new pods are Ready within a minute. If they have the same image, open a support request: AKS publishes and "
            "sets it",
        ),
    ]


def _more_replicas(pod: Pod) -> Action:
    """Share the connections among more proxies: the add-on's chart sets their memory limit."""
    name, patch = pod.deployment, '{"spec":{"minReplicas":4}}'
    command = kubectl("patch", "horizontalpodautoscaler", name, "--type", "merge", "-p", patch, namespace=pod.namespace)
    return change(
        f"Raise the minimum of HorizontalPodAutoscaler {pod.namespace}/{name} to 4 replicas, which share the connections: AKS "
        "sets the memory limit of a proxy",
        command,
        SCALE,
        "4 pods are ready, and none is killed again",
    )


def restart_evidence(pod: Pod) -> list[Evidence]:
    """The number of restarts, and how each container last ended."""
    counted = Evidence(
        pod.ref, "status.containerStatuses[].restartCount", f"more than {RESTARTS}", f"{RESTARTS} or fewer"
    )
    field = "status.containerStatuses[].lastState.terminated"
    ended = (each for each in pod.containers if each.ended)
    return [counted, *(Evidence(pod.ref, field, PodProblem.ending(each), "none recently") for each in ended)]
