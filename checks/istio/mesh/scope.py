"""The services and rules that a proxy imports: by its Sidecar, or everything that is visible to its namespace.

Source: Istio `pilot/pkg/model/sidecar.go`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from checks.facts.istio_networking import Sidecar
from checks.istio.mesh.exports import Exports
from checks.istio.mesh.host_index import HostIndex
from checks.istio.mesh.names import hosts_overlap, is_subset, is_wildcard, most_specific
from checks.istio.mesh.protocols import Protocol, parse_protocol
from checks.istio.mesh.services import MeshService
from checks.istio.mesh.virtual_services import MESH, RoutingRules, VirtualServices
from checks.model.raw_values import Raw, mapping, number, text, texts


@dataclass(frozen=True, eq=False)
class EgressListener:
    """One `egress` entry of a Sidecar, or the one that imports everything."""

    raw: Raw
    index: int
    services: tuple[MeshService, ...]
    rules: tuple[RoutingRules, ...]
    most_specific_rules: Mapping[str, RoutingRules]
    """By host of a service: the VirtualService with the most specific host for it."""

    def rules_overlapping(self, host: str) -> list[RoutingRules]:
        """The VirtualServices with a host that overlaps."""
        return self._rules_by_host.overlapping(host)

    @cached_property
    def _rules_by_host(self) -> HostIndex[RoutingRules]:
        return HostIndex((each, each.hosts) for each in self.rules)

    @cached_property
    def port(self) -> int:
        """Its port; 0 for all ports that no other entry has."""
        return number(self.raw, "port", "number") or 0

    @property
    def protocol(self) -> Protocol:
        return parse_protocol(text(self.raw, "port", "protocol"))

    @property
    def bind(self) -> str:
        return text(self.raw, "bind")

    @property
    def captured(self) -> bool:
        """Whether connections reach it by interception; a listener without capture has a socket of its own."""
        return text(self.raw, "captureMode").upper() != "NONE"


@dataclass(slots=True, eq=False)
class SidecarScope:
    """The services and rules that a proxy imports."""

    namespace: str
    sidecar: Sidecar | None
    listeners: tuple[EgressListener, ...]
    outbound_policy: str
    egress_proxy: Raw | None
    services: list[MeshService] = field(default_factory=list)
    """One for each host, for clusters."""
    by_host: dict[str, MeshService] = field(default_factory=dict)

    def add(self, service: MeshService | None) -> None:
        """Import a service. The first one of a host stays, a Kubernetes Service replaces a ServiceEntry, and ports merge
        if everything else is equal."""
        if service is None:
            return
        present = self.by_host.get(service.host)
        if present is None:
            self.services.append(service)
        elif present is service or (present.kubernetes and not service.kubernetes):
            return
        else:
            if present.kubernetes or not service.kubernetes:
                merged = _merged(present, service)
                if merged is None:
                    return
                service = merged
            self.services[self.services.index(present)] = service
        self.by_host[service.host] = service


def _merged(present: MeshService, more: MeshService) -> MeshService | None:
    same = (
        present.namespace == more.namespace
        and present.resolution == more.resolution
        and present.kubernetes == more.kubernetes
        and present.labels == more.labels
        and present.selector == more.selector
        and present.export_to == more.export_to
    )
    if present.ports == more.ports or not same:
        return None
    numbers = {each.number for each in present.ports}
    return present.with_ports((*present.ports, *(each for each in more.ports if each.number not in numbers)))


def sidecar_scope(
    namespace: str,
    sidecar: Sidecar | None,
    exports: Exports,
    virtual_services: VirtualServices,
    outbound_policy: str,
) -> SidecarScope:
    """The scope of a sidecar; without a Sidecar it imports everything visible."""
    entries: Sequence[Raw] = (sidecar.egress if sidecar is not None else ()) or ({"hosts": ["*/*"]},)
    listeners = tuple(_listener(raw, index, namespace, exports, virtual_services) for index, raw in enumerate(entries))
    own = sidecar.outbound_policy if sidecar is not None else None
    proxy = mapping(sidecar.raw, "spec", "outboundTrafficPolicy", "egressProxy") if sidecar is not None else {}
    scope = SidecarScope(namespace, sidecar, listeners, own or outbound_policy, proxy or None)
    for each in listeners:
        _import(scope, each, exports)
    return scope


def gateway_scope(namespace: str, exports: Exports, outbound_policy: str) -> SidecarScope:
    """The scope of a gateway: everything visible to its namespace."""
    scope = SidecarScope(namespace, None, (), outbound_policy, None)
    for each in exports.visible_in(namespace):
        scope.add(each)
    return scope


def _import(scope: SidecarScope, listener: EgressListener, exports: Exports) -> None:
    for each in listener.services:
        scope.add(each)
    by_port = listener.port != 0 and listener.protocol is not Protocol.HTTP_PROXY
    for rules in listener.rules:
        destinations: dict[str, set[int]] = {}
        for host, port in rules.destinations(scope.namespace):
            destinations.setdefault(host, set()).add(port)
        for host, ports in destinations.items():
            found = _destination(exports, host, scope.namespace)
            if found is not None:
                scope.add(found.of_port(listener.port) if by_port else _of_ports(found, ports))


def _destination(exports: Exports, host: str, namespace: str) -> MeshService | None:
    """The service that a VirtualService's destination means: in the client's namespace, else the visible Kubernetes
    Service, else the oldest visible one."""
    known = exports.by_host.get(host, {})
    if namespace in known:
        return known[namespace]
    visible = [each for each in known.values() if exports.is_visible(each, namespace)]
    kubernetes = [each for each in visible if each.kubernetes]
    return min(kubernetes or visible, key=lambda each: each.created, default=None)


def _of_ports(service: MeshService, ports: set[int]) -> MeshService | None:
    if not ports or 0 in ports:
        return service
    found = tuple(each for each in service.ports if each.number in ports)
    if len(found) == len(service.ports):
        return service
    return service.with_ports(found) if found else None


class _Hosts:
    """The hosts of a Sidecar's egress entry for one namespace."""

    def __init__(self) -> None:
        self.imported: list[str] = []
        self.excluded: list[str] = []

    def matches(self, host: str) -> bool:
        return any(is_subset(host, each) for each in self.imported)

    def overlaps(self, host: str) -> bool:
        return any(hosts_overlap(host, each) for each in self.imported)

    def excludes(self, host: str) -> bool:
        return any(is_subset(host, each) for each in self.excluded)


def _listener(
    raw: Raw, index: int, namespace: str, exports: Exports, virtual_services: VirtualServices
) -> EgressListener:
    hosts = _hosts(raw, namespace)
    everywhere = hosts.get("*", _Hosts())
    rules = tuple(
        each
        for each in virtual_services.for_gateway(namespace, MESH)
        if any(_selects(hosts.get(each.namespace, _Hosts()), everywhere, host, each) for host in each.hosts)
    )
    port = number(raw, "port", "number") or 0
    by_port = port != 0 and parse_protocol(text(raw, "port", "protocol")) is not Protocol.HTTP_PROXY
    services = tuple(_one_namespace(_imported(exports.visible_in(namespace), hosts, port if by_port else 0), namespace))
    return EgressListener(raw, index, services, rules, _most_specific(rules, services))


def _selects(own: _Hosts, everywhere: _Hosts, host: str, rules: RoutingRules) -> bool:
    """Whether an entry imports a VirtualService by one of its hosts; a Gateway API route must lie within the import."""
    if rules.gateway_api:
        imported = own.matches(host) or everywhere.matches(host)
    else:
        imported = own.overlaps(host) or everywhere.overlaps(host)
    return imported and not (own.excludes(host) or everywhere.excludes(host))


def _hosts(raw: Raw, namespace: str) -> dict[str, _Hosts]:
    found: dict[str, _Hosts] = {}
    for written in texts(raw, "hosts"):
        place, slash, host = written.partition("/")
        if not slash:
            continue
        excluded = place.startswith("~")
        place = place.removeprefix("~") or "*"
        hosts = found.setdefault(namespace if place == "." else place, _Hosts())
        (hosts.excluded if excluded else hosts.imported).append(host)
    return found


def _imported(visible: Iterable[MeshService], hosts: Mapping[str, _Hosts], port: int) -> Iterator[MeshService]:
    everywhere = hosts.get("*", _Hosts())
    for each in visible:
        own = hosts.get(each.namespace, _Hosts())
        if own.excludes(each.host) or everywhere.excludes(each.host):
            continue
        if own.matches(each.host) or everywhere.matches(each.host):
            found = each.of_port(port) if port else each
            if found is not None:
                yield found


def _one_namespace(imported: Iterable[MeshService], namespace: str) -> Iterator[MeshService]:
    """If several namespaces have a host: the client's own, else a Kubernetes Service's, else the first."""
    kept = list(imported)
    chosen: dict[str, tuple[str, bool]] = {}
    for each in kept:
        present = chosen.get(each.host)
        better = present is not None and not present[1] and each.kubernetes and present[0] != namespace
        if present is None or each.namespace == namespace or better:
            chosen[each.host] = (each.namespace, each.kubernetes)
    return (each for each in kept if chosen[each.host][0] == each.namespace)


def _most_specific(rules: Iterable[RoutingRules], services: Iterable[MeshService]) -> dict[str, RoutingRules]:
    by_host: dict[str, RoutingRules] = {}
    for each in rules:
        for host in each.hosts:
            by_host.setdefault(host, each)
    wildcards = [host for host in by_host if is_wildcard(host)]
    found: dict[str, RoutingRules] = {}
    for service in services:
        best = service.host if service.host in by_host else most_specific(service.host, wildcards)
        if best is not None:
            found[service.host] = by_host[best]
    return found
