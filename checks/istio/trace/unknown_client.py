"""A client of the question that does not exist, and similar names."""

import difflib
from dataclasses import dataclass

from checks.facts.fact import Unreadable
from checks.facts.namespaces import Namespace
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.request.clients import has_sidecar, of_workload, workload_of

_SHOWN = 5
"""The names that are listed if none is similar."""


@dataclass(frozen=True, slots=True)
class UnknownClient:
    """The reason why a client is not followed, and the nearest names."""

    problem: str
    nearest: tuple[str, ...]


class MistypedClient(Exception):
    """The client of the question does not exist; `nearest` are values of `--from` that do."""

    def __init__(self, problem: str, nearest: tuple[str, ...]) -> None:
        super().__init__(problem.rstrip("."))
        self.nearest = nearest


def mistyped_client(facts: Facts) -> MistypedClient | None:
    """The error that the client's namespace or workload does not exist.

    None if it exists or could not be read: a Deployment without pods exists.
    """
    found = unknown_client(facts)
    if found is None:
        return None
    name, workload = facts.question.client_namespace, facts.question.client_workload
    try:
        if facts.get(Namespace, name) is None:
            return MistypedClient(found.problem, tuple(f"{each}/{workload}".rstrip("/") for each in found.nearest))
        if facts.get(Deployment, workload, name) is not None:
            return None
    except Unreadable:
        return None
    return MistypedClient(found.problem, tuple(f"{name}/{each}" for each in found.nearest))


def unknown_client(facts: Facts) -> UnknownClient | None:
    """A namespace or workload of the question that does not exist.

    None if it exists or could not be read.
    """
    name, workload = facts.question.client_namespace, facts.question.client_workload
    if not name:
        return None
    try:
        if facts.get(Namespace, name) is None:
            return _namespace(facts, name)
        pods = [pod for pod in facts.in_namespace(Pod, name) if not pod.finished and pod.deleted is None]
        return _workload(pods, name, workload) if workload and not of_workload(pods, workload) else None
    except Unreadable:
        return None


def _namespace(facts: Facts, name: str) -> UnknownClient:
    known = sorted(each.name for each in facts.readable(Namespace))
    near = _nearest(name, known)
    if near:
        hint = f"; did you mean {' or '.join(near)}?"
    elif clients := sorted({pod.namespace for pod in facts.readable(Pod) if has_sidecar(pod)}):
        hint = f"; namespaces with sidecars: {_first(clients)}."
    else:
        hint = f"; the cluster has {len(known)} namespaces."
    return UnknownClient(f"Client namespace {name} does not exist{hint}", near)


def _workload(pods: list[Pod], namespace: str, workload: str) -> UnknownClient:
    known = sorted({workload_of(pod) for pod in pods})
    near = _nearest(workload, known)
    if near:
        hint = f"; did you mean {' or '.join(f'{namespace}/{each}' for each in near)}?"
    elif known:
        hint = f"; it runs {_first(known)}."
    else:
        hint = "; no pod runs there."
    return UnknownClient(
        f"Namespace {namespace} has no running pod of workload {workload}{hint}", tuple(near or known[:_SHOWN])
    )


def _first(names: list[str]) -> str:
    """The first names, and the number of the others."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def _nearest(word: str, known: list[str]) -> tuple[str, ...]:
    return tuple(difflib.get_close_matches(word, known, n=3, cutoff=0.6))
