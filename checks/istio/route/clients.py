"""Where requests start: the namespaces with injected pods, and which of them see the same objects (Ruling 13)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from checks.facts.istio_networking import Exported
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.model.raw_values import items, text, texts


@dataclass(frozen=True, slots=True)
class Clients:
    """Client namespaces that see the same objects; `namespace` stands for them all."""

    namespace: str
    members: tuple[str, ...]

    def __str__(self) -> str:
        others = len(self.members) - 1
        return f"namespace {self.namespace}" + (f" and {others} other{'s' if others > 1 else ''}" if others else "")


def is_sidecar(pod: Pod) -> bool:
    """Whether its istio-proxy is a sidecar (classic or native) and no gateway."""
    if pod.proxy is None:
        return False
    if "gateway" in pod.annotations.get("inject.istio.io/templates", ""):
        return False
    if all(each.name == "istio-proxy" for each in pod.containers):
        # Nothing beside the proxy: a gateway, whatever its annotations say.
        return False
    return not any(
        text(each, "name") == "istio-proxy" and "router" in texts(each, "args")
        for each in items(pod.raw, "spec", "containers")
    )


def sidecars(facts: Facts) -> Mapping[str, tuple[Pod, ...]]:
    """The living pods that have a sidecar, by namespace. Reads Pod, as far as it could be read."""
    return facts.once("sidecars by namespace", lambda window: _sidecars(window.readable(Pod)))


def _sidecars(pods: Iterable[Pod]) -> Mapping[str, tuple[Pod, ...]]:
    found: dict[str, list[Pod]] = {}
    for pod in pods:
        if pod.deleted is None and not pod.finished and is_sidecar(pod):
            found.setdefault(pod.namespace, []).append(pod)
    return {namespace: tuple(each) for namespace, each in found.items()}


def injected_namespaces(facts: Facts) -> tuple[str, ...]:
    """Namespaces with living pods that have a sidecar. Reads Pod, as far as it could be read."""
    return facts.once("injected namespaces", lambda window: tuple(sorted(sidecars(window))))


def asked_client(facts: Facts) -> tuple[str, str]:
    """(namespace, workload) of the question's client, "" for what it does not say."""
    namespace, _, workload = (facts.question.client or "").partition("/")
    return namespace, workload


def client_namespaces(facts: Facts) -> tuple[str, ...]:
    """The namespaces to judge from: the question's, else every one with a sidecar; where there is none yet the gateway's
    own stands for those to come."""
    asked, _ = asked_client(facts)
    if asked:
        return (asked,)
    return injected_namespaces(facts) or (facts.gateway.namespace,)


def client_groups(facts: Facts, things: Iterable[Exported]) -> tuple[Clients, ...]:
    """The client namespaces, grouped by what they can see of these objects: a namespace differs from others only where an
    object lies in it or names it in `exportTo`."""
    special = {name for each in things for name in (each.namespace, *each.export_to)}
    namespaces = client_namespaces(facts)
    alike = tuple(each for each in namespaces if each not in special)
    groups = [Clients(alike[0], alike)] if alike else []
    return tuple(groups + [Clients(each, (each,)) for each in namespaces if each in special])
