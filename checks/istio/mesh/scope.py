"""The services and rules that a proxy imports.

A proxy without a Sidecar imports everything that is visible to its namespace.

Source: Istio `pilot/pkg/model/sidecar.go`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from checks.facts.istio_networking import Sidecar
from checks.istio.mesh.egress_listeners import EgressListener, egress_listener
from checks.istio.mesh.exports import Exports
from checks.istio.mesh.proxies import Proxy
from checks.istio.mesh.services import MeshService
from checks.istio.mesh.virtual_services import VirtualServices
from checks.model.raw_values import Raw, mapping


class ImportedServices(Mapping[str, MeshService]):
    """The imported service of each host, found when it is needed."""

    def __init__(self, hosts: Callable[[], Iterable[str]], imports: Callable[[str], Iterator[MeshService]]) -> None:
        self._hosts, self._imports = hosts, imports
        self._known: dict[str, MeshService | None] = {}

    def __getitem__(self, host: str) -> MeshService:
        if host not in self._known:
            self._known[host] = _combined(self._imports(host))
        found = self._known[host]
        if found is None:
            raise KeyError(host)
        return found

    def __iter__(self) -> Iterator[str]:
        return (each for each in dict.fromkeys(self._hosts()) if each in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _combined(imports: Iterator[MeshService]) -> MeshService | None:
    """The service of a host, combined from all that are imported.

    The first one stays. A Kubernetes Service replaces a ServiceEntry, and ports are merged if everything else is equal.
    """
    present: MeshService | None = None
    for each in imports:
        if present is None:
            present = each
        elif present is each or (present.kubernetes and not each.kubernetes):
            continue
        elif present.kubernetes or not each.kubernetes:
            present = _merged(present, each)
        else:
            present = each
    return present


def _merged(present: MeshService, more: MeshService) -> MeshService:
    same = (
        present.namespace == more.namespace
        and present.resolution == more.resolution
        and present.kubernetes == more.kubernetes
        and present.labels == more.labels
        and present.selector == more.selector
        and present.export_to == more.export_to
    )
    if present.ports == more.ports or not same:
        return present
    numbers = {each.number for each in present.ports}
    return present.with_ports((*present.ports, *(each for each in more.ports if each.number not in numbers)))


def sidecar_of(proxy: Proxy, sidecars: Iterable[Sidecar], root: str) -> Sidecar | None:
    """The Sidecar that applies to a proxy, of all Sidecars, oldest first.

    A Sidecar that selects the proxy comes before its namespace's, and that before the root namespace's.
    """
    every = tuple(sidecars)
    own = [each for each in every if each.namespace == proxy.namespace]
    for each in own:
        selector = each.workload_selector
        if selector and all(proxy.labels.get(key) == value for key, value in selector.items()):
            return each
    shared = [each for each in every if each.namespace == root]
    return next((each for each in (*own, *shared) if not each.workload_selector), None)


@dataclass(frozen=True, slots=True, eq=False)
class SidecarScope:
    """The services and rules that a proxy imports."""

    namespace: str
    sidecar: Sidecar | None
    listeners: tuple[EgressListener, ...]
    outbound_policy: str
    egress_proxy: Raw | None
    by_host: ImportedServices
    """One service for each host, for clusters."""


def sidecar_scope(
    namespace: str,
    sidecar: Sidecar | None,
    exports: Exports,
    virtual_services: VirtualServices,
    outbound_policy: str,
) -> SidecarScope:
    """The scope of a sidecar; without a Sidecar it imports everything visible."""
    entries: Sequence[Raw] = (sidecar.egress if sidecar is not None else ()) or ({"hosts": ["*/*"]},)
    listeners = tuple(
        egress_listener(raw, index, namespace, exports, virtual_services) for index, raw in enumerate(entries)
    )
    own = sidecar.outbound_policy if sidecar is not None else None
    proxy = mapping(sidecar.raw, "spec", "outboundTrafficPolicy", "egressProxy") if sidecar is not None else {}

    def imports(host: str) -> Iterator[MeshService]:
        for each in listeners:
            yield from _imports(each, host, namespace, exports)

    services = ImportedServices(lambda: exports.by_host, imports)
    return SidecarScope(namespace, sidecar, listeners, own or outbound_policy, proxy or None, services)


def gateway_scope(namespace: str, exports: Exports, outbound_policy: str) -> SidecarScope:
    """The scope of a gateway: everything visible to its namespace."""
    services = ImportedServices(lambda: exports.by_host, lambda host: iter(exports.with_host(host, namespace)))
    return SidecarScope(namespace, None, (), outbound_policy, None, services)


def _imports(listener: EgressListener, host: str, namespace: str, exports: Exports) -> Iterator[MeshService]:
    """The services of a host that an egress entry imports.

    It imports its own services and those that its VirtualServices name as destinations.
    """
    own = listener.services_of(host)
    yield from own
    found = _destination(exports, host, namespace)
    if found is None or own[:1] == [found]:
        return  # a destination adds nothing to a service that is imported with all its ports
    for ports in listener.destination_ports(host):
        imported = found.of_port(listener.port) if listener.one_port else _of_ports(found, ports)
        if imported is not None:
            yield imported


def _destination(exports: Exports, host: str, namespace: str) -> MeshService | None:
    """The service that a VirtualService's destination means.

    The client's own namespace comes first, then the visible Kubernetes Service, then the oldest visible service.
    """
    known = exports.by_host.get(host, {})
    if namespace in known:
        return known[namespace]
    visible = [each for each in known.values() if exports.is_visible(each, namespace)]
    if not exports.version.prefers_oldest_service:
        return min(visible, key=lambda each: each.namespace, default=None)
    kubernetes = [each for each in visible if each.kubernetes]
    return min(kubernetes or visible, key=lambda each: each.created, default=None)


def _of_ports(service: MeshService, ports: frozenset[int]) -> MeshService | None:
    if not ports or 0 in ports:
        return service
    found = tuple(each for each in service.ports if each.number in ports)
    if len(found) == len(service.ports):
        return service
    return service.with_ports(found) if found else None
