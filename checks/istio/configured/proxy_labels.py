"""The labels of gateways' pods, with which Istio Gateways select them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from checks.facts.istio_networking import Gateway
from checks.facts.label_selectors import selects
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.request.clients import has_sidecar
from checks.model.raw_values import text

Labels = Mapping[str, str]
_HASH = "pod-template-hash"


def gateway_labels(facts: Facts) -> tuple[Labels, ...]:
    """The labels of the gateway's pods, ready or not.

    If it has no pod, they are those of its Deployments' templates (docs/rulings.md#ruling-10). Raises Unreadable.
    """
    return facts.once("labels of the gateway", _gateway_labels, str(facts.gateway))


def _gateway_labels(facts: Facts) -> tuple[Labels, ...]:
    found = [pod.labels for pod in facts.pods()] or [each.template_labels for each in facts.deployments()]
    return tuple({_distinct(each): each for each in found}.values())


def selection_label(labels: Iterable[Labels]) -> dict[str, str]:
    """The label by which the add-on's pods are selected, else all of their labels."""
    first = dict(next(iter(labels), {}))
    return {"istio": first["istio"]} if "istio" in first else {"app": first["app"]} if "app" in first else first


def gateways_selecting(facts: Facts, labels: Iterable[Labels]) -> tuple[Gateway, ...]:
    """The readable Gateways that select a proxy with any of these labels, oldest first."""
    by_selector: dict[tuple[str, str] | None, list[Gateway]] = facts.once("gateways by selector", _by_selector)
    found: dict[int, Gateway] = {}
    for each in labels:
        for label in (None, *sorted(each.items())):
            for gateway in by_selector.get(label, ()):
                if selects(gateway.selector, each):
                    found[id(gateway)] = gateway
    return tuple(sorted(found.values(), key=created_first))


def created_first(gateway: Gateway) -> tuple[str, str, str]:
    """The order in which istiod reads Gateways: oldest first, then by name and namespace."""
    return (text(gateway.raw, "metadata", "creationTimestamp"), gateway.name, gateway.namespace)


def idle_gateways(facts: Facts) -> tuple[Gateway, ...]:
    """The readable Gateways that select no proxy of the cluster."""
    return facts.once("idle gateways", _idle)


def ingress_pod_of(facts: Facts, gateway: Gateway) -> Pod | None:
    """A pod of an ingress gateway that this Gateway selects."""
    ingress: tuple[Pod, ...] = facts.once("ingress gateway pods", _ingress)
    return next((pod for pod in ingress if selects(gateway.selector, pod.labels)), None)


def selects_other_gateways(facts: Facts, gateway: Gateway, labels: Iterable[Labels]) -> bool:
    """Whether a Gateway selects a gateway's pod that has none of these labels."""
    own = {_distinct(each) for each in labels}
    pods: tuple[Pod, ...] = facts.once("gateway pods", _gateway_pods)
    return any(selects(gateway.selector, pod.labels) and _distinct(pod.labels) not in own for pod in pods)


def _gateway_pods(facts: Facts) -> tuple[Pod, ...]:
    """A pod for each set of labels of a gateway, of the pods that run."""
    running = (pod for pod in facts.readable(Pod) if pod.proxy is not None and not pod.finished)
    return tuple({_distinct(pod.labels): pod for pod in running if not has_sidecar(pod)}.values())


def _distinct(labels: Labels) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, value) for key, value in labels.items() if key != _HASH))


def _by_selector(facts: Facts) -> dict[tuple[str, str] | None, list[Gateway]]:
    """Gateways by one label of their selector; None: it is empty."""
    found: dict[tuple[str, str] | None, list[Gateway]] = defaultdict(list)
    for each in facts.readable(Gateway):
        found[min(each.selector.items(), default=None)].append(each)
    return found


def _idle(facts: Facts) -> tuple[Gateway, ...]:
    by_label: dict[tuple[str, str], list[Labels]] = defaultdict(list)
    for labels in _proxies(facts):
        for label in labels.items():
            by_label[label].append(labels)
    return tuple(each for each in facts.readable(Gateway) if not _is_used(each, by_label))


def _is_used(gateway: Gateway, by_label: Mapping[tuple[str, str], list[Labels]]) -> bool:
    selector = gateway.selector
    candidates: Iterable[Labels] = by_label.get(min(selector.items()), ()) if selector else ({},)
    return any(selects(selector, each) for each in candidates)


def _proxies(facts: Facts) -> list[Labels]:
    """The labels of all proxies of the cluster, and of those that Deployments would create."""
    pods = {_distinct(pod.labels): pod.labels for pod in facts.readable(Pod) if pod.proxy is not None}
    templates = [each.template_labels for each in facts.readable(Deployment)]
    facts.disregard(Deployment)  # without them more Gateways appear idle, and each of these is examined
    return [*pods.values(), *templates]


def _ingress(facts: Facts) -> tuple[Pod, ...]:
    found = {
        _distinct(pod.labels): pod
        for pod in facts.readable(Pod)
        if pod.labels.get("istio", "").startswith("aks-istio-ingressgateway") or pod.namespace == "aks-istio-ingress"
        if pod.proxy is not None
    }
    return tuple(found.values())
