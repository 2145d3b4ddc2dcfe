"""The endpoints of services.

They come from EndpointSlices, from ServiceEntries, or from the pods that ServiceEntries select.

Source: Istio `pilot/pkg/networking/core/endpoint_builder.go`.
"""

from collections.abc import Iterable, Iterator, Mapping

from checks.facts.istio_networking import ServiceEntry
from checks.facts.pods import Pod
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.objects.hosts import is_address, is_wildcard
from checks.istio.mesh.registries import listed_endpoints
from checks.istio.mesh.services import MeshPort, MeshService, Resolution
from checks.model.raw_values import Raw, items, labels, number, text, texts
from checks.model.value_types import value


@value(frozen=True, slots=True)
class Endpoint:
    """An endpoint of a cluster: an address or a name, and a port."""

    address: str
    port: int
    mutual_tls: bool = False
    """Whether its proxy accepts Istio's mutual TLS (label `security.istio.io/tlsMode: istio`)."""
    pod: Pod | None = None


class Endpoints:
    """The endpoints of every service of a mesh."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    def of(self, service: MeshService, port: MeshPort, wanted: Mapping[str, str]) -> list[Endpoint]:
        """The endpoints of a service's port that have the wanted labels."""
        if service.kubernetes:
            return list(self._slice_endpoints(service, port, wanted))
        return list(self._entry_endpoints(service, port, wanted))

    def accounts(self, service: MeshService) -> tuple[str, ...]:
        """The identities of the service's endpoints, which its certificate must name."""
        domain = self._mesh.configuration.trust_domain
        if not service.kubernetes:
            return texts(service.source.raw, "spec", "subjectAltNames")
        found = {
            f"spiffe://{domain}/ns/{pod.namespace}/sa/{pod.service_account or 'default'}" for pod in self._pods(service)
        }
        return tuple(sorted(found))

    def _pods(self, service: MeshService) -> Iterator[Pod]:
        addresses = {
            address
            for each in self._mesh.workloads.slices_of(service.namespace, service.source.name)
            for address in each.ready_addresses
        }
        yield from self._mesh.workloads.pods_by_address(addresses)

    def _slice_endpoints(self, service: MeshService, port: MeshPort, wanted: Mapping[str, str]) -> Iterator[Endpoint]:
        for each in self._mesh.workloads.slices_of(service.namespace, service.source.name):
            target = next((number(p, "port") for p in items(each.raw, "ports") if text(p, "name") == port.name), None)
            if target is None:
                continue
            for address in each.ready_addresses:
                pod = self._mesh.workloads.pod_at(address)
                if pod is None and wanted:
                    continue
                own = pod.labels if pod is not None else {}
                if _has(own, wanted):
                    yield Endpoint(address, target, _accepts_mutual_tls(own), pod)

    def _entry_endpoints(self, service: MeshService, port: MeshPort, wanted: Mapping[str, str]) -> Iterator[Endpoint]:
        entry = service.source
        if not isinstance(entry, ServiceEntry):
            return
        own_port = port.target if isinstance(port.target, int) else port.number
        if service.selector:
            for pod in self._selected(entry.namespace, service.selector):
                if _has(pod.labels, wanted):
                    yield Endpoint(pod.ip, own_port, _accepts_mutual_tls(pod.labels), pod)
        listed = listed_endpoints(self._described(entry, service.selector), port)
        by_address = service.resolution is Resolution.ENDPOINTS
        for address, target, labelled in listed:
            # Endpoint discovery has no names: istiod leaves out such an endpoint.
            if _has(labelled, wanted) and (is_address(address) or not by_address):
                yield Endpoint(address, target, _accepts_mutual_tls(labelled))
        by_name = (
            not listed
            and not service.selector
            and service.resolution is Resolution.DNS
            and not is_wildcard(service.host)
        )
        if by_name and _has(service.labels, wanted):
            yield Endpoint(service.host, own_port)

    def _described(self, entry: ServiceEntry, selector: Mapping[str, str]) -> Iterable[Raw]:
        """The endpoints that a ServiceEntry describes.

        A ServiceEntry with a selector takes the matching WorkloadEntries of its namespace instead of its own list.
        """
        if not selector:
            return entry.endpoints
        entries = (each.endpoint for each in self._mesh.workload_entries if each.namespace == entry.namespace)
        return [each for each in entries if _has(labels(each, "labels"), selector)]

    def _selected(self, namespace: str, selector: Mapping[str, str]) -> Iterator[Pod]:
        for pod in self._mesh.workloads.pods:
            if pod.namespace == namespace and not pod.finished and pod.ip and _has(pod.labels, selector):
                yield pod


def _accepts_mutual_tls(labels: Mapping[str, str]) -> bool:
    return labels.get("security.istio.io/tlsMode") == "istio"


def _has(own: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(own.get(key) == value for key, value in wanted.items())
