"""The namespaces of clients: those with sidecars, or the question's.

Source: docs/rulings.md#ruling-13.
"""

from collections.abc import Iterator, Mapping

from checks.facts.istio_networking import ROOT_NAMESPACE, Sidecar
from checks.facts.label_selectors import selects
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.request.clients import has_sidecar, of_workload
from checks.model.raw_values import text


def requested_client(facts: Facts) -> tuple[str, str]:
    """(namespace, workload) of the question's client; "" for what it does not name."""
    namespace, _, workload = (facts.question.client or "").partition("/")
    return namespace, workload


def running_pods(facts: Facts, namespace: str) -> tuple[Pod, ...]:
    """The pods of a namespace that are neither finished nor being deleted. Raises Unreadable."""
    return tuple(each for each in facts.in_namespace(Pod, namespace) if each.deleted is None and not each.finished)


def requested_pods(facts: Facts, namespace: str, workload: str) -> tuple[Pod, ...]:
    """The running pods of a namespace or of one workload in it. Raises Unreadable."""
    pods = running_pods(facts, namespace)
    return of_workload(pods, workload) if workload else pods


def sidecar_pods(facts: Facts) -> Mapping[str, tuple[Pod, ...]]:
    """The running pods with a sidecar by namespace, of those that could be read."""
    return facts.once("pods with sidecars", _sidecar_pods)


def injected_namespaces(facts: Facts) -> tuple[str, ...]:
    """The namespaces with such pods."""
    return tuple(sidecar_pods(facts))


def client_namespaces(facts: Facts) -> tuple[str, ...]:
    """The question's namespace, else every one with a sidecar; without any the gateway's own."""
    requested, _ = requested_client(facts)
    return (requested,) if requested else injected_namespaces(facts) or (facts.gateway.namespace,)


def sidecar_revisions(facts: Facts, namespace: str) -> frozenset[str]:
    """The mesh revisions of a namespace's sidecars."""
    return frozenset(each.revision for each in sidecar_pods(facts).get(namespace, ()) if each.revision)


def deciding_sidecars(facts: Facts, namespace: str) -> Iterator[Sidecar | None]:
    """The Sidecar objects that apply to a client namespace.

    None stands for pods to which none applies. Raises Unreadable.
    """
    requested, workload = requested_client(facts)
    if requested and workload:
        pods = requested_pods(facts, namespace, workload)
        yield sidecar_object(facts, namespace, pods[0].labels if pods else {})
        return
    yield sidecar_object(facts, namespace, {})
    selecting = {each.key for each in facts.in_namespace(Sidecar, namespace) if each.workload_selector}
    pods = sidecar_pods(facts).get(namespace, ()) if selecting else ()
    found = (sidecar_object(facts, namespace, pod.labels) for pod in pods)
    yield from {each.key: each for each in found if each is not None and each.key in selecting}.values()


def sidecar_object(facts: Facts, namespace: str, labels: Mapping[str, str]) -> Sidecar | None:
    """The Sidecar of a proxy.

    One that selects it comes first, then its namespace's, then the root namespace's, the oldest of each.
    """
    own = _oldest_first(facts, namespace)
    for each in own:
        if each.workload_selector and selects(each.workload_selector, labels):
            return each
    return next((each for each in (*own, *_oldest_first(facts, ROOT_NAMESPACE)) if not each.workload_selector), None)


def _oldest_first(facts: Facts, namespace: str) -> list[Sidecar]:
    return sorted(
        facts.in_namespace(Sidecar, namespace),
        key=lambda each: (text(each.raw, "metadata", "creationTimestamp"), each.name),
    )


def _sidecar_pods(facts: Facts) -> Mapping[str, tuple[Pod, ...]]:
    found: dict[str, list[Pod]] = {}
    for pod in facts.readable(Pod):
        if pod.deleted is None and not pod.finished and has_sidecar(pod):
            found.setdefault(pod.namespace, []).append(pod)
    return {namespace: tuple(found[namespace]) for namespace in sorted(found)}
