"""A client that was asked about and is not there: what may have been meant."""

import difflib
from dataclasses import dataclass

from checks.facts.fact import Unreadable
from checks.facts.namespaces import Namespace
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.route.clients import asked_client
from checks.istio.route.workloads import client_pods, living, workload_of


@dataclass(frozen=True, slots=True)
class Stranger:
    """Why a client cannot be followed, and the nearest names."""

    problem: str
    nearest: tuple[str, ...]


def unknown_client(facts: Facts) -> Stranger | None:
    """A namespace or workload of the question that does not exist; None where it does, or could not be looked for."""
    name, workload = asked_client(facts)
    if not name:
        return None
    try:
        if facts.get(Namespace, name) is None:
            return _namespace(facts, name)
        if workload and not client_pods(facts, name, workload):
            return _workload(facts, name, workload)
    except Unreadable:
        return None
    return None


def _namespace(facts: Facts, name: str) -> Stranger:
    known = sorted(each.name for each in facts.readable(Namespace))
    near = nearest(name, known)
    hint = f"; did you mean {' or '.join(near)}?" if near else f"; the cluster has {len(known)} namespaces."
    return Stranger(f"Client namespace {name} does not exist{hint}", near)


def _workload(facts: Facts, namespace: str, workload: str) -> Stranger:
    known = sorted({workload_of(pod) for pod in living(facts.readable(Pod, namespace))})
    near = nearest(workload, known)
    if near:
        hint = f"; did you mean {' or '.join(f'{namespace}/{each}' for each in near)}?"
    elif known:
        hint = f"; it runs {', '.join(known[:5])}{f' and {len(known) - 5} more' if len(known) > 5 else ''}."
    else:
        hint = "; no pod runs there."
    return Stranger(f"Namespace {namespace} has no running pod of workload {workload}{hint}", tuple(near or known[:5]))


def nearest(word: str, known: list[str]) -> tuple[str, ...]:
    """Up to three known names that are spelt much like this one."""
    return tuple(difflib.get_close_matches(word, known, n=3, cutoff=0.6))
