"""The endpoints of the gateway's Service: how many are ready, and why none is."""

from checks.facts.label_selectors import selects
from checks.facts.pods import Pod
from checks.facts.services import EndpointSlice, Service
from checks.facts.view import Facts
from checks.model.commands import TSG, inspect, kubectl
from checks.model.findings import Action, Evidence


def ready_endpoints(facts: Facts, service: Service) -> int:
    """The number of addresses of the Service with a ready pod. Reads EndpointSlice."""
    slices = facts.once("endpoint slices", _by_service, facts.gateway.namespace).get(service.name, [])
    return len({address for each in slices for address in each.ready_addresses})


def selected_pods(facts: Facts, service: Service) -> tuple[Pod, ...] | None:
    """The ready pods of the gateway that the Service selects.

    None if no pod is ready, or if pods are not readable.
    """
    if facts.gap(Pod, facts.gateway.namespace) or not (able := [pod for pod in facts.pods() if pod.ready]):
        return None
    return tuple(pod for pod in able if service.selector and selects(service.selector, pod.labels))


def selector_evidence(facts: Facts, service: Service) -> Evidence:
    """The Service's selector, to compare with the labels of a ready pod."""
    able = next(pod for pod in facts.pods() if pod.ready)
    selector = ",".join(f"{key}={value}" for key, value in service.selector.items()) or "(none)"
    return Evidence(service.ref, "spec.selector", selector, f"labels of the ready pod {able.namespace}/{able.name}")


def endpoint_actions(service: Service) -> list[Action]:
    """List the Service's endpoints, and the pods that it may select."""
    label = ("-l", f"kubernetes.io/service-name={service.name}")
    return [
        inspect(
            "List the Service's endpoints", kubectl("get", "endpointslices", *label, namespace=service.namespace), TSG
        ),
        inspect("List the pods of the namespace", kubectl("get", "pods", "-o", "wide", namespace=service.namespace)),
    ]


def _by_service(facts: Facts) -> dict[str, list[EndpointSlice]]:
    found: dict[str, list[EndpointSlice]] = {}
    for each in facts.in_namespace(EndpointSlice, facts.gateway.namespace):
        found.setdefault(each.service, []).append(each)
    return found
