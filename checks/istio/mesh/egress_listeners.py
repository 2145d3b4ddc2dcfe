"""The egress entries of a Sidecar: the services and VirtualServices that each imports.

Source: Istio `convertIstioListenerToWrapper` in `pilot/pkg/model/sidecar.go`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from checks.istio.mesh.exports import Exports
from checks.istio.mesh.host_index import HostIndex
from checks.istio.mesh.imported_hosts import (
    ImportedHosts,
    hosts_by_namespace,
    imports_everything,
    imports_rules,
    named_services,
)
from checks.istio.mesh.imported_services import EntryServices
from checks.istio.mesh.objects.hosts import is_wildcard, most_specific
from checks.istio.mesh.objects.routing_rules import MESH, RoutingRules
from checks.istio.mesh.protocols import Protocol, parse_protocol
from checks.istio.mesh.services import MeshService
from checks.istio.mesh.virtual_services import VirtualServices
from checks.model.raw_values import Raw, number, text, texts


@dataclass(frozen=True, eq=False)
class EgressListener:
    """One `egress` entry of a Sidecar, or the one that imports everything."""

    raw: Raw
    index: int
    namespace: str
    """The namespace of the client."""
    imported: EntryServices
    rules: tuple[RoutingRules, ...]

    @cached_property
    def port(self) -> int:
        """Its port; 0 for all ports that no other entry has."""
        return number(self.raw, "port", "number") or 0

    @property
    def protocol(self) -> Protocol:
        return parse_protocol(text(self.raw, "port", "protocol"))

    @property
    def one_port(self) -> bool:
        """Whether it imports only one port of each service."""
        return self.port != 0 and self.protocol is not Protocol.HTTP_PROXY

    @property
    def bind(self) -> str:
        return text(self.raw, "bind")

    @property
    def captured(self) -> bool:
        """Whether connections reach it by interception.

        A listener without capture has a socket of its own.
        """
        return text(self.raw, "captureMode").upper() != "NONE"

    @property
    def services(self) -> Sequence[MeshService]:
        """The services that it imports."""
        return self.imported.services

    def services_of(self, host: str) -> list[MeshService]:
        """The imported services of exactly this host."""
        return [each for _, each in self.imported.placed(host.lower()) if each.host == host]

    def rules_near(self, hosts: Iterable[str]) -> list[RoutingRules]:
        """The VirtualServices with a host, in lower case, that overlaps one of the hosts."""
        return self._rules_by_lower_host.overlapping_any(hosts)

    @cached_property
    def _rules_by_lower_host(self) -> HostIndex[RoutingRules]:
        return HostIndex((each, [host.lower() for host in each.hosts]) for each in self.rules)

    def rules_overlapping(self, host: str) -> list[RoutingRules]:
        """The VirtualServices with a host that overlaps."""
        return self._rules_by_host.overlapping(host)

    @cached_property
    def _rules_by_host(self) -> HostIndex[RoutingRules]:
        return HostIndex((each, each.hosts) for each in self.rules)

    def most_specific_rules(self, host: str) -> RoutingRules | None:
        """The VirtualService with the most specific host for a service."""
        best = host if host in self._first_rules else most_specific(host, self._wildcards)
        return self._first_rules[best] if best is not None else None

    @cached_property
    def _first_rules(self) -> dict[str, RoutingRules]:
        found: dict[str, RoutingRules] = {}
        for each in self.rules:
            for host in each.hosts:
                found.setdefault(host, each)
        return found

    @cached_property
    def _wildcards(self) -> list[str]:
        return [host for host in self._first_rules if is_wildcard(host)]

    def destination_ports(self, host: str) -> list[frozenset[int]]:
        """For each VirtualService with destinations at a host: their ports, 0 for any."""
        return self._destinations.get(host, [])

    @cached_property
    def _destinations(self) -> dict[str, list[frozenset[int]]]:
        found: dict[str, list[frozenset[int]]] = {}
        for rules in self.rules:
            ports: dict[str, set[int]] = {}
            for host, port in rules.destinations(self.namespace):
                ports.setdefault(host, set()).add(port)
            for host, numbers in ports.items():
                found.setdefault(host, []).append(frozenset(numbers))
        return found


def egress_listener(
    raw: Raw, index: int, namespace: str, exports: Exports, virtual_services: VirtualServices
) -> EgressListener:
    """An egress entry with what it imports for clients of a namespace."""
    hosts, nothing = hosts_by_namespace(raw, namespace, exports.version), ImportedHosts()
    everywhere = hosts.get("*", nothing)
    visible = virtual_services.for_gateway(namespace, MESH)
    if not imports_everything(hosts):
        visible = (
            each
            for each in visible
            if any(imports_rules(hosts.get(each.namespace, nothing), everywhere, host, each) for host in each.hosts)
        )
    rules = tuple(visible)
    port = number(raw, "port", "number") or 0
    by_port = port != 0 and parse_protocol(text(raw, "port", "protocol")) is not Protocol.HTTP_PROXY
    services = _services_of_entry(exports, hosts, namespace, port if by_port else 0, texts(raw, "hosts"))
    return EgressListener(raw, index, namespace, services, rules)


def _services_of_entry(
    exports: Exports, hosts: Mapping[str, ImportedHosts], namespace: str, port: int, written: Sequence[str]
) -> EntryServices:
    """The services that an entry imports for clients of a namespace.

    They have all their ports if `port` is 0. `written`: the hosts as the entry has them. Entries with the same ones share
    their services.
    """
    key = (namespace, port, tuple(written))
    if key not in exports.imported:
        named = named_services(hosts) if exports.version.imports_one_service_by_name else None
        visible = exports.visible_in(namespace) if named is None else exports.oldest_of(named, namespace)
        found = _imported(visible, hosts, port)
        exports.imported[key] = EntryServices(tuple(_one_namespace(found, namespace, exports)))
    return exports.imported[key]


def _imported(visible: Iterable[MeshService], hosts: Mapping[str, ImportedHosts], port: int) -> Iterator[MeshService]:
    nothing = ImportedHosts()
    everywhere = hosts.get("*", nothing)
    if not port and imports_everything(hosts):
        yield from visible
        return
    for each in visible:
        own = hosts.get(each.namespace, nothing)
        if own.excludes(each.host) or everywhere.excludes(each.host):
            continue
        importing = own if own.matches(each.host) else everywhere
        if importing.matches(each.host):
            found = each.of_port(port) if port else each
            if found is not None:
                yield found.with_aliases(tuple(filter(importing.matches, found.aliases))) if found.aliases else found


def _one_namespace(imported: Iterable[MeshService], namespace: str, exports: Exports) -> Iterator[MeshService]:
    """The imported services, each host from one namespace only.

    The client's own namespace comes first, then that of a Kubernetes Service, then the first one imported.
    """
    kept = list(imported)
    shared = [each for each in kept if each.host in exports.shared_hosts]
    chosen: dict[str, tuple[str, bool]] = {}
    for each in shared:
        present = chosen.get(each.host)
        better = present is not None and not present[1] and each.kubernetes and present[0] != namespace
        if present is None or each.namespace == namespace or better:
            chosen[each.host] = (each.namespace, each.kubernetes)
    return (each for each in kept if each.host not in chosen or chosen[each.host][0] == each.namespace)
