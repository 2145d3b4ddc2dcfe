"""The clients of a run, grouped so that the requests of a group have one outcome.

Two pods are alike unless an object distinguishes them: their namespace if an object is in it or names it, labels that
a selector uses, their revision, the annotations that divert traffic, and whether they have a sidecar."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping

from checks.facts.gateway_api import GRPCRoute, HTTPRoute, TCPRoute, TLSRoute
from checks.facts.istio_networking import (
    DestinationRule,
    EnvoyFilter,
    ServiceEntry,
    Sidecar,
    VirtualService,
)
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.request.client_request import Clients
from checks.model.raw_values import Raw, items, labels, mapping, text, texts

DIVERTING = tuple(
    f"traffic.sidecar.istio.io/{each}"
    for each in (
        "excludeOutboundPorts",
        "excludeOutboundIPRanges",
        "includeOutboundPorts",
        "includeOutboundIPRanges",
    )
)
"""The annotations that decide which connections a sidecar takes."""

_SELECTING = (Sidecar, DestinationRule, EnvoyFilter)
_EXPORTING = (VirtualService, ServiceEntry, DestinationRule)
_ROUTES = (HTTPRoute, GRPCRoute, TLSRoute, TCPRoute)
"""Routes of the Gateway API.

Some apply to the clients of their own namespace only, or to them first.
"""


def clients_of(facts: Facts) -> tuple[Clients, ...]:
    """The clients of the question, or those of every namespace with sidecars.

    If no client runs, the client is the one that the namespace would have; without a question, the gateway's namespace
    (docs/rulings.md#ruling-13). Raises Unreadable.
    """
    found = facts.once("running clients", _running, facts.question.client)
    return found or (expected_client(facts, facts.question.client_namespace or facts.gateway.namespace),)


def _running(facts: Facts) -> tuple[Clients, ...]:
    """The clients that run, grouped once for all gateways."""
    namespace, workload = facts.question.client_namespace, facts.question.client_workload
    running = [pod for pod in facts.all(Pod) if not pod.finished and pod.deleted is None]
    if namespace:
        here = [pod for pod in running if pod.namespace == namespace]
        pods = list(of_workload(here, workload)) if workload else _meant_to_have_one(here)
    else:
        pods = [pod for pod in running if has_sidecar(pod)]
    groups: dict[Hashable, list[Pod]] = defaultdict(list)
    key = _key(facts)
    for pod in sorted(pods, key=lambda each: each.key):
        groups[key(pod)].append(pod)
    named = _names(groups, workload)
    return tuple(Clients(named[each], pods[0], tuple(pods)) for each, pods in groups.items())


def _meant_to_have_one(pods: list[Pod]) -> list[Pod]:
    """The pods of a namespace, without those that decline a sidecar while others have one."""
    if not any(has_sidecar(pod) for pod in pods):
        return pods
    return [pod for pod in pods if has_sidecar(pod) or not (declines_sidecar(pod) or pod.host_network)]


def declines_sidecar(pod: Pod) -> bool:
    """Whether a label or annotation of the pod turns injection off."""
    written = (pod.labels.get("sidecar.istio.io/inject", ""), pod.annotations.get("sidecar.istio.io/inject", ""))
    return any(each.lower() == "false" for each in written)


def has_sidecar(pod: Pod) -> bool:
    """Whether a pod has a sidecar, classic or native.

    A sidecar is an istio-proxy beside an application; a gateway has none.
    """
    if pod.proxy is None or "gateway" in pod.annotations.get("inject.istio.io/templates", ""):
        return False
    containers = items(pod.raw, "spec", "containers")
    if all(text(each, "name") == "istio-proxy" for each in containers):
        return False
    return not any(text(each, "name") == "istio-proxy" and "router" in texts(each, "args") for each in containers)


def workload_of(pod: Pod) -> str:
    """The name of the workload that a pod belongs to, or the pod's own name.

    A workload is a Deployment, StatefulSet, DaemonSet or Job.
    """
    return pod.deployment or pod.owner[1] or pod.name


def of_workload(pods: Iterable[Pod], workload: str) -> tuple[Pod, ...]:
    """The pods of a workload: by its name, by their own name, or by their `app` label."""
    kept = tuple(pods)
    names: tuple[Callable[[Pod], str], ...] = (
        workload_of,
        lambda pod: pod.name,
        lambda pod: pod.labels.get("app", "") or pod.labels.get("app.kubernetes.io/name", ""),
    )
    for name in names:
        if found := tuple(pod for pod in kept if name(pod) == workload):
            return found
    return ()


def _key(facts: Facts) -> Callable[[Pod], Hashable]:
    apart, selected = _namespaces_apart(facts), _selected_labels(facts)

    def key(pod: Pod) -> Hashable:
        return (
            pod.namespace if pod.namespace in apart else "",
            has_sidecar(pod),
            pod.revision,
            tuple(pod.annotations.get(each, "") for each in DIVERTING),
            tuple(sorted((name, value) for name, value in pod.labels.items() if name in selected)),
        )

    return key


def _namespaces_apart(facts: Facts) -> frozenset[str]:
    """Namespaces that are not like all others: an object is in them, or names them."""
    found = {each.namespace for each in facts.readable(Sidecar)}
    found |= {each.namespace for kind in _ROUTES for each in facts.readable(kind)}
    for kind in _EXPORTING:
        for each in facts.readable(kind):
            found |= {each.namespace, *each.export_to}
    for each in facts.readable(VirtualService):
        found |= {text(match, "sourceNamespace") for match in _matches(each)}
    # They only decide which clients are alike; the router reads those that decide a route.
    facts.disregard(Sidecar, *_ROUTES, *_EXPORTING, VirtualService)
    return frozenset(found)


def _selected_labels(facts: Facts) -> frozenset[str]:
    """The label names that a selector of the mesh uses."""
    found: set[str] = set()
    for kind in _SELECTING:
        for each in facts.readable(kind):
            found |= {*_selector(each.raw)}
    for each in facts.readable(VirtualService):
        found |= {name for match in _matches(each) for name in mapping(match, "sourceLabels")}
    facts.disregard(*_SELECTING, VirtualService)  # as above
    return frozenset(found)


def _selector(raw: Raw) -> Mapping[str, str]:
    return {
        **labels(raw, "spec", "workloadSelector", "labels"),
        **labels(raw, "spec", "workloadSelector", "matchLabels"),
    }


def _matches(rules: VirtualService) -> Iterable[Raw]:
    return (match for rule in (*rules.http, *rules.tls, *rules.tcp) for match in items(rule, "match"))


def _names(groups: Mapping[Hashable, list[Pod]], workload: str) -> dict[Hashable, tuple[str, ...]]:
    """`namespace` if all pods of the namespace are in one group, else `namespace/workload`."""
    split: dict[str, set[Hashable]] = defaultdict(set)
    for key, pods in groups.items():
        for pod in pods:
            split[pod.namespace].add(key)
    return {
        key: tuple(
            dict.fromkeys(
                f"{pod.namespace}/{workload_of(pod)}" if workload or len(split[pod.namespace]) > 1 else pod.namespace
                for pod in pods
            )
        )
        for key, pods in groups.items()
    }


def expected_client(facts: Facts, namespace: str) -> Clients:
    """The client that a namespace without pods would have.

    It is a pod with a sidecar of the newest revision.
    """
    revision = max(facts.gateway.revisions, default="")
    proxy = {"name": "istio-proxy", "args": ["proxy", "sidecar"]}
    pod = Pod(
        {
            "metadata": {"name": "(expected)", "namespace": namespace, "labels": {"istio.io/rev": revision}},
            "spec": {"containers": [{"name": "application"}, proxy], "serviceAccountName": "default"},
            "status": {"phase": "Running"},
        }
    )
    return Clients((namespace,), pod, expected=True)
