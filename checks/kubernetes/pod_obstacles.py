"""Why a pod cannot start, with the event or waiting container that shows it."""

from checks.facts.events import Event
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.knowledge.known_reasons import KnownReason
from checks.knowledge.pull_errors import unknown_pull_error
from checks.knowledge.start_obstacles import start_obstacle
from checks.model.findings import Evidence


def start_obstacle_of(facts: Facts, pod: Pod) -> tuple[KnownReason | None, tuple[Evidence, ...]]:
    """The newest known reason and its message; (None, ()) without one.

    The error of a failed pull is a reason, too, if it is not known. Requires Event declared; without a right to read
    events, only the containers are used.
    """
    events = [] if facts.gap(Event, pod.namespace) else facts.events_on(pod)
    warnings = [each for each in events if each.type == "Warning" and each.message]
    for event in reversed(warnings):
        if (found := start_obstacle(event.message)) is not None:
            return found, (Evidence(pod.ref, f"event {event.reason}", event.message),)
    for container in (*pod.init_containers, *pod.containers):
        if (found := start_obstacle(container.waiting_message)) is not None:
            return found, ()
    for event in reversed(warnings):
        if (found := unknown_pull_error(event.message)) is not None:
            return found, (Evidence(pod.ref, f"event {event.reason}", event.message),)
    for container in (*pod.init_containers, *pod.containers):
        if (found := unknown_pull_error(container.waiting_message)) is not None:
            return found, ()
    return None, ()
