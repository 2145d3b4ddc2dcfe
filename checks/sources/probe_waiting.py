"""The state of a probe while it is waited for.

Its log can be read, or an obstacle keeps it from running.
"""

from dataclasses import dataclass

from checks.actions.obstacles import ProbeObstacle, container_obstacle, created_obstacle, pod_end, pod_obstacle
from checks.actions.plan import ACTION_LABEL, ActionPlan
from checks.actions.probe_objects import CONTAINER, object_name
from checks.facts.events import Event
from checks.facts.pods import Container, Pod
from checks.facts.probes import ProbeOutcome
from checks.model.raw_values import Raw, items, mapping, text
from checks.sources.action_api import ActionApi


@dataclass(frozen=True, slots=True)
class LogToRead:
    """The container of a probe has ended."""

    pod: str
    container: str
    end: str = ""
    """Why it ended, "" if it exited with 0."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The container has not ended. `final`: it never will."""

    obstacle: ProbeObstacle
    pod: str = ""
    final: bool = False


@dataclass(frozen=True, slots=True)
class Patience:
    """The seconds for which an obstacle is tolerated.

    The kubelet and controllers try again.
    """

    refused: float = 5
    image: float = 20
    placement: float = 45
    network: float = 60

    def of(self, outcome: ProbeOutcome) -> float:
        """The patience for one obstacle; without one the probe has its whole time."""
        match outcome:
            case ProbeOutcome.IMAGE | ProbeOutcome.NO_CURL:
                return self.image
            case ProbeOutcome.NOT_SCHEDULED:
                return self.placement
            case ProbeOutcome.NO_NETWORK:
                return self.network
            case ProbeOutcome.NOT_STARTED:
                return float("inf")
            case _:
                return self.refused


_NONE: ProbeObstacle = (ProbeOutcome.NOT_STARTED, "")


def job_state(api: ActionApi, plan: ActionPlan, deadline: float) -> LogToRead | Waiting:
    """The state of a probe pod and of its Job. Raises Failure, 404 if the Job was deleted."""
    namespace, name = plan.namespace, object_name(plan.id)
    job = api.get(f"{plan.calls[0].path}/{name}", deadline)
    query = {"labelSelector": f"{ACTION_LABEL}={plan.id}"}
    listed = api.list(f"/api/v1/namespaces/{namespace}/pods", query, deadline)
    # Anyone who may create pods here can set the label: only the Job's own pod is read.
    found = [each for each in listed if _is_owned(each, text(job, "metadata", "uid"))]
    failed = any(
        text(each, "type") == "Failed" and text(each, "status") == "True" for each in items(job, "status", "conditions")
    )
    if not found:
        refused = created_obstacle(_events(api, namespace, "Job", name, deadline))
        return Waiting(refused or _NONE, final=failed)
    pod = Pod({"kind": "Pod", **found[-1]})
    if _has_ended(pod.containers, CONTAINER) and pod_obstacle(pod, ()) is None:
        return LogToRead(pod.name, CONTAINER, pod_end(pod))
    started = any(each.started for each in pod.containers)
    events = () if started else _events(api, namespace, "Pod", pod.name, deadline)
    obstacle = pod_obstacle(pod, events) or _NONE
    return Waiting(obstacle, pod.name, final=failed or pod.finished)


def gateway_container_state(api: ActionApi, plan: ActionPlan, deadline: float) -> LogToRead | Waiting:
    """The state of the ephemeral container in a gateway pod.

    Raises Failure, 404 if the pod was deleted.
    """
    name = object_name(plan.id)
    pod = api.get(plan.calls[0].path.rpartition("/")[0], deadline)
    statuses = {text(each, "name"): each for each in items(pod, "status", "ephemeralContainerStatuses")}
    container = Container(name, statuses.get(name, {}))
    obstacle = container_obstacle(container)
    if obstacle is None and _has_ended((container,), name):
        return LogToRead(plan.pod, name)
    return Waiting(obstacle or _NONE, plan.pod)


def _is_owned(pod: Raw, uid: str) -> bool:
    return any(text(each, "uid") == uid for each in items(pod, "metadata", "ownerReferences"))


def _has_ended(containers: tuple[Container, ...], name: str) -> bool:
    return any(each.name == name and mapping(each.status, "state", "terminated") for each in containers)


def _events(api: ActionApi, namespace: str, kind: str, name: str, deadline: float) -> tuple[Event, ...]:
    query = {"fieldSelector": f"involvedObject.kind={kind},involvedObject.name={name}"}
    return tuple(Event(each) for each in api.list(f"/api/v1/namespaces/{namespace}/events", query, deadline))
