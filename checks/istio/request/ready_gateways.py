"""The facts as they would be if every egress gateway had a ready pod.

Whether they run is the subject of other checks. The routes of a run without a host are those that would be used then, so
that a fault of the configuration is found before the pods run. Of a gateway with ready pods, such as during a rollout,
the others are no endpoints: istiod sends them no requests."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import count
from typing import Any

from checks.facts.egress_gateway import COMPONENT_LABEL
from checks.facts.fact import Fact
from checks.facts.label_selectors import selects
from checks.facts.pods import Pod
from checks.facts.services import EndpointSlice, Service, ServicePort
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.raw_values import Raw, items, mapping, number, text

_RANGE = ip_address("198.18.0.1")
"""The first address for pods that have none yet, of a range that no pod has."""


def with_ready_gateways(facts: Facts) -> Facts:
    """These facts, with all pods of the egress gateways without a ready pod as ready endpoints.

    A Deployment without a pod has the pod that it would create. Raises Unreadable.
    """
    return facts.with_facts("ready gateways", _changed)


@dataclass(frozen=True, slots=True)
class _GatewayPods:
    service: Service
    pods: tuple[Pod, ...]
    """Of its Deployments if there is none."""
    slices: tuple[EndpointSlice, ...]

    @property
    def complete(self) -> bool:
        """Whether some of its pods are the ready endpoints, and nothing else is."""
        ready = self.ready_addresses
        return bool(ready) and ready <= {each.ip for each in self.pods}

    @property
    def ready_addresses(self) -> set[str]:
        return {address for each in self.slices for address in each.ready_addresses}

    @property
    def used(self) -> tuple[Pod, ...]:
        """Its pods that are ready endpoints, or else all of them."""
        ready = self.ready_addresses
        return tuple(each for each in self.pods if each.ip in ready) or self.pods


def _changed(facts: Facts) -> Mapping[type[Fact], Iterable[Fact]]:
    incomplete = [each for each in _gateways(facts) if not each.complete]
    if not incomplete:
        return {}
    addresses = (str(_RANGE + position) for position in count())
    started = {each.service.key: tuple(_running(pod, addresses) for pod in each.used) for each in incomplete}
    changed = {pod.key for pods in started.values() for pod in pods}
    replaced = {id(old) for each in incomplete for old in each.slices}
    slices = [EndpointSlice(_slice(each.service, started[each.service.key])) for each in incomplete]
    return {
        Pod: [*(p for p in facts.all(Pod) if p.key not in changed), *(p for pods in started.values() for p in pods)],
        EndpointSlice: [*(each for each in facts.all(EndpointSlice) if id(each) not in replaced), *slices],
    }


def _gateways(facts: Facts) -> Iterable[_GatewayPods]:
    slices = facts.index(EndpointSlice, "Service of endpoints", lambda each: ((each.namespace, each.service),))
    pods = facts.index(Pod, "namespace of pods", lambda each: (each.namespace,))
    for service in facts.all(Service):
        if service.labels.get(COMPONENT_LABEL) == "egress-gateway" and service.selector:
            here = [each for each in pods.get(service.namespace, ()) if each.deleted is None and not each.finished]
            own = tuple(each for each in here if selects(service.selector, each.labels))
            found = own or tuple(_expected(facts, service))
            yield _GatewayPods(service, found, tuple(slices.get((service.namespace, service.name), ())))


def _expected(facts: Facts, service: Service) -> Iterable[Pod]:
    """The pods that the Deployments behind a Service would create."""
    for each in facts.in_namespace(Deployment, service.namespace):
        if selects(service.selector, each.template_labels):
            template = mapping(each.raw, "spec", "template")
            metadata = {**mapping(template, "metadata"), "name": f"{each.name}-expected", "namespace": each.namespace}
            yield Pod({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": mapping(template, "spec")})


def _running(pod: Pod, addresses: Iterator[str]) -> Pod:
    address = pod.ip or next(addresses)
    return Pod({**pod.raw, "status": {**mapping(pod.raw, "status"), "phase": "Running", "podIP": address}})


def _slice(service: Service, pods: tuple[Pod, ...]) -> Raw:
    ports = [{"name": each.name, "port": _target(each, pods), "protocol": each.protocol} for each in service.ports]
    found: dict[str, Any] = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{service.name}-expected",
            "namespace": service.namespace,
            "labels": {"kubernetes.io/service-name": service.name},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [each.ip], "conditions": {"ready": True}} for each in pods],
        "ports": ports,
    }
    return found


def _target(port: ServicePort, pods: tuple[Pod, ...]) -> int:
    """The pods' port behind a port of the Service: a number, or the name of a container's port."""
    if port.target.isdecimal():
        return int(port.target)
    containers = (each for pod in pods for each in items(pod.raw, "spec", "containers"))
    named = (each for container in containers for each in items(container, "ports"))
    found = next((number(each, "containerPort") for each in named if text(each, "name") == port.target), None)
    return found or port.port
