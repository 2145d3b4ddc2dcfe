"""A client of the question that does not exist, and similar names."""

import difflib
from dataclasses import dataclass

from checks.facts.fact import Unreadable
from checks.facts.namespaces import Namespace
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.request.clients import of_workload, workload_of


@dataclass(frozen=True, slots=True)
class UnknownClient:
    """The reason why a client is not followed, and the nearest names."""

    problem: str
    nearest: tuple[str, ...]


class MistypedClient(Exception):
    """The client of the question does not exist; `nearest` are similar values of `--from`.

    A workload without a similar name may exist without pods, so it is no mistake.
    """

    def __init__(self, problem: str, nearest: tuple[str, ...]) -> None:
        super().__init__(problem.rstrip("."))
        self.nearest = nearest


def mistyped_client(facts: Facts) -> MistypedClient | None:
    """The error that the client's namespace does not exist, or that its workload is misspelled."""
    found = unknown_client(facts)
    if found is None:
        return None
    name, workload = facts.question.client_namespace, facts.question.client_workload
    if facts.get(Namespace, name) is None:
        return MistypedClient(found.problem, tuple(f"{each}/{workload}".rstrip("/") for each in found.nearest))
    near = _nearest(workload, list(found.nearest))
    return MistypedClient(found.problem, tuple(f"{name}/{each}" for each in near)) if near else None


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
    hint = f"; did you mean {' or '.join(near)}?" if near else f"; the cluster has {len(known)} namespaces."
    return UnknownClient(f"Client namespace {name} does not exist{hint}", near)


def _workload(pods: list[Pod], namespace: str, workload: str) -> UnknownClient:
    known = sorted({workload_of(pod) for pod in pods})
    near = _nearest(workload, known)
    if near:
        hint = f"; did you mean {' or '.join(f'{namespace}/{each}' for each in near)}?"
    elif known:
        hint = f"; it runs {', '.join(known[:5])}{f' and {len(known) - 5} more' if len(known) > 5 else ''}."
    else:
        hint = "; no pod runs there."
    return UnknownClient(
        f"Namespace {namespace} has no running pod of workload {workload}{hint}", tuple(near or known[:5])
    )


def _nearest(word: str, known: list[str]) -> tuple[str, ...]:
    return tuple(difflib.get_close_matches(word, known, n=3, cutoff=0.6))
