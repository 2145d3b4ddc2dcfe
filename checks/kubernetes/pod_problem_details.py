"""Details of a pod that is not ready: evidence, the sandbox's error, commands."""

from collections.abc import Iterator

from checks.facts.events import Event
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.knowledge.sandbox_errors import sandbox_failure
from checks.kubernetes.pod_obstacles import start_obstacle_of
from checks.kubernetes.pod_problems import RESTARTS, PodProblem
from checks.kubernetes.scheduling_fixes import scheduling_fixes
from checks.model.commands import TSG, change, inspect, kubectl
from checks.model.findings import Action, Evidence


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
    obstacle, _ = start_obstacle_of(facts, pod)
    text_fix = obstacle.fix if obstacle is not None else problem.fix
    fixes = scheduling_fixes(facts, problem) if problem.reason == "Unschedulable" else []
    if not fixes and text_fix:
        fixes = [change(text_fix, expect="the kubelet tries again within 5 minutes; no restart is needed")]
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


def restart_evidence(pod: Pod) -> list[Evidence]:
    """The number of restarts, and how each container last ended."""
    counted = Evidence(
        pod.ref, "status.containerStatuses[].restartCount", f"more than {RESTARTS}", f"{RESTARTS} or fewer"
    )
    field = "status.containerStatuses[].lastState.terminated"
    ended = (each for each in pod.containers if each.ended)
    return [counted, *(Evidence(pod.ref, field, PodProblem.ending(each), "none recently") for each in ended)]
