"""Pods, and the Services before them, by address."""

from collections.abc import Iterable, Mapping

from checks.facts.egress_gateway import COMPONENT_LABEL
from checks.facts.pods import Pod
from checks.facts.services import EndpointSlice, Service
from checks.istio.mesh.objects.hosts import is_address
from checks.istio.mesh.parts import Parts, part
from checks.istio.mesh.proxies import Proxy, proxy_of
from checks.model.raw_values import items, number, text


class Workloads:
    """The pods of a cluster, found when a connection arrives at their address or Service."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    @part
    def pods(self) -> tuple[Pod, ...]:
        """All pods of the cluster."""
        return tuple(self.parts.objects(Pod))

    @part
    def _pods_by_address(self) -> Mapping[str, list[Pod]]:
        found: dict[str, list[Pod]] = {}
        for pod in self.pods:
            found.setdefault(pod.ip, []).append(pod)
        return found

    @part
    def _services_by_address(self) -> Mapping[str, Service]:
        return {each.cluster_ip: each for each in self.parts.objects(Service)}

    @part
    def _slices(self) -> Mapping[tuple[str, str], list[EndpointSlice]]:
        found: dict[tuple[str, str], list[EndpointSlice]] = {}
        for each in self.parts.objects(EndpointSlice):
            found.setdefault((each.namespace, each.service), []).append(each)
        return found

    @part
    def _egress_gateways(self) -> Mapping[str, list[tuple[str, Mapping[str, str]]]]:
        found: dict[str, list[tuple[str, Mapping[str, str]]]] = {}
        for each in self.parts.objects(Service):
            if text(each.raw, "metadata", "labels", COMPONENT_LABEL) == "egress-gateway" and each.selector:
                found.setdefault(each.namespace, []).append((f"{each.namespace}/{each.name}", each.selector))
        return found

    def gateway_of(self, pod: Pod) -> str:
        """The egress gateway of a pod as `namespace/name`, "" if it belongs to none."""
        own = pod.labels
        for name, selector in self._egress_gateways.get(pod.namespace, ()):
            if all(own.get(key) == value for key, value in selector.items()):
                return name
        return ""

    def slices_of(self, namespace: str, service: str) -> Iterable[EndpointSlice]:
        """The EndpointSlices of a Service."""
        return self._slices.get((namespace, service), ())

    def pod_at(self, address: str) -> Pod | None:
        """The running pod with the address."""
        for each in reversed(self._pods_by_address.get(address, ()) if address else ()):
            if not each.finished and not each.host_network:
                return each
        return None

    def pods_by_address(self, addresses: Iterable[str]) -> Iterable[Pod]:
        """The running pods with these addresses."""
        return [found for each in addresses if (found := self.pod_at(each)) is not None]

    def service_at(self, address: str) -> Service | None:
        """The Service with the cluster IP address."""
        return self._services_by_address.get(address) if is_address(address) else None

    def targets_of(self, service: Service, port: int) -> list[tuple[Pod, int]]:
        """The ready pods behind a port of a Service, each with its own port."""
        name = next((each.name for each in service.ports if each.port == port), None)
        found = []
        for each in self.slices_of(service.namespace, service.name) if name is not None else ():
            target = next((number(p, "port") for p in items(each.raw, "ports") if text(p, "name") == name), None)
            if target is not None:
                found += [(pod, target) for pod in self.pods_by_address(each.ready_addresses)]
        return found

    def proxy(self, pod: Pod) -> Proxy | None:
        """The proxy of a pod; None if it has none."""
        return self.parts.of_object("proxy", pod, lambda: proxy_of(pod))
