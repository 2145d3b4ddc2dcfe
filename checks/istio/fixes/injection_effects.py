"""The effects of a sidecar on the requests of a workload that had none.

The router resolves the requests to every declared host for the workload's pod with a sidecar.
"""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

from checks.facts.fact import Unreadable
from checks.facts.istio_networking import ServiceEntry
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.fixes.affected import resolved
from checks.istio.mesh.injection_webhooks import declined_by
from checks.istio.request.client_request import ANY_NAME, ClientRequest, Clients, as_written
from checks.istio.request.clients import workload_of
from checks.istio.request.outcome import Result
from checks.istio.request.routing import Routing
from checks.kubernetes.pod_workloads import few_of
from checks.model.requested_host import split_host

_SCHEMES = {"HTTP": "http", "HTTP2": "http", "GRPC": "grpc", "HTTPS": "https", "TLS": "tls"}
_MOST_HOSTS = 30


def others_with_sidecars(facts: Facts, namespace: str, workload: str) -> str:
    """The clause about the other workloads of a namespace whose new pods get a sidecar too.

    Requires Pod declared.
    """
    if facts.gap(Pod, namespace):
        return "whether the namespace has other workloads without a sidecar is not checked"
    names = sorted({workload_of(each) for each in facts.in_namespace(Pod, namespace) if _gets_one(each)} - {workload})
    if not names:
        return "no other workload of the namespace gets one"
    return f"new pods of {few_of(names)} get a sidecar too, at their next start"


def _gets_one(pod: Pod) -> bool:
    running = not pod.finished and pod.deleted is None
    return running and pod.proxy is None and not declined_by(pod) and not pod.host_network


def effect_of_sidecar(facts: Facts, pod: Pod) -> str:
    """The sentences about requests of a pod to other hosts once it has a sidecar.

    They are "" if no outcome but that of the question's host changes.
    """
    injected = _injected(pod, max(facts.gateway.revisions, default=""))
    clients = Clients((f"{pod.namespace}/{workload_of(pod)}",), injected, (injected,))
    over = Routing(facts)
    try:
        requests = list(_declared(facts, clients))
        proxy = over.proxy(injected)
    except Unreadable:
        return "Whether requests to other hosts change is not checked: the objects of the mesh were not read"
    by_result: dict[Result, list[str]] = {}
    for each in requests:
        by_result.setdefault(resolved(over, each).result, []).append(as_written(each.url))
    found = [
        f"{_listed(urls)} {words}"
        for result, words in (
            (Result.FAILS, "then fail"),
            (Result.MIXED, "then go through the gateway in part"),
            (Result.THROUGH, "then go through the gateway, too"),
        )
        if (urls := by_result.get(result))
    ]
    if proxy is not None and proxy.scope.outbound_policy == "REGISTRY_ONLY":
        found.append(
            "Requests to external hosts without a ServiceEntry then fail (outbound traffic policy REGISTRY_ONLY)"
        )
    return ". ".join(found)


def _listed(urls: Iterable[str]) -> str:
    return f"Requests to {few_of(list(dict.fromkeys(urls)))}"


def _injected(pod: Pod, revision: str) -> Pod:
    """The pod with the sidecar that its next start gives it."""
    raw: Any = deepcopy(dict(pod.raw))
    spec = raw.setdefault("spec", {})
    spec["containers"] = [*(spec.get("containers") or ()), {"name": "istio-proxy", "args": ["proxy", "sidecar"]}]
    metadata = raw.setdefault("metadata", {})
    metadata["labels"] = {**(metadata.get("labels") or {}), "istio.io/rev": revision}
    return Pod(raw)


def _declared(facts: Facts, clients: Clients) -> Iterator[ClientRequest]:
    """A request to every declared host and port but those of the question. Raises Unreadable."""
    asked = split_host(facts.question.host)[0] if facts.question.host else ""
    hosts = [
        (host, port.number, scheme)
        for entry in facts.all(ServiceEntry)
        for host in entry.hosts
        for port in entry.ports
        if host != asked and (scheme := _SCHEMES.get(port.protocol.upper())) is not None
    ]
    for host, number, scheme in list(dict.fromkeys(hosts))[:_MOST_HOSTS]:
        yield ClientRequest(scheme, host.replace("*", ANY_NAME, 1), number, clients)
