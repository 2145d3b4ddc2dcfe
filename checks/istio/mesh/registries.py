"""Services from Kubernetes Services and ServiceEntries, as istiod converts them.

Source: Istio `pilot/pkg/serviceregistry`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache, partial
from ipaddress import ip_interface
from types import MappingProxyType
from typing import Any

from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import ServiceEntry
from checks.facts.services import Service
from checks.istio.mesh.objects.hosts import is_address
from checks.istio.mesh.protocols import parse_protocol, service_protocol
from checks.istio.mesh.services import UNSPECIFIED, MeshPort, MeshService, Resolution
from checks.model.raw_values import Raw, items, labels, number, text


@lru_cache(maxsize=4096)
def _service_port(port: int, name: str, transport: str, application: str, target: str) -> MeshPort:
    protocol = service_protocol(port, name, transport or "TCP", application)
    return MeshPort(port, name, protocol, int(target) if target.isdecimal() else target or port)


@lru_cache(maxsize=4096)
def _entry_port(port: int, name: str, protocol: str, target: int | None) -> MeshPort:
    return MeshPort(port, name, parse_protocol(protocol.upper()), target or port)


class KubernetesDefinition:
    """A Service as istiod's Kubernetes registry converts it."""

    kubernetes = True
    external = False
    allocated: Mapping[str, str] = MappingProxyType({})

    def __init__(self, service: Service) -> None:
        self.source = service
        self.namespace = service.namespace
        self.created = text(service.raw, "metadata", "creationTimestamp")
        exported = text(service.raw, "metadata", "annotations", "networking.istio.io/exportTo")
        self.export_to = frozenset(each.strip() for each in exported.split(",") if each.strip())

    @cached_property
    def ports(self) -> tuple[MeshPort, ...]:
        return tuple(
            _service_port(
                number(each, "port") or 0,
                text(each, "name"),
                text(each, "protocol"),
                text(each, "appProtocol"),
                text(each, "targetPort"),
            )
            for each in items(self.source.raw, "spec", "ports")
        )

    @cached_property
    def resolution(self) -> Resolution:
        if self.source.type == "ExternalName":
            return Resolution.ALIAS
        return Resolution.ORIGINAL_DESTINATION if self.headless else Resolution.ENDPOINTS

    @cached_property
    def selector(self) -> Mapping[str, str]:
        return self.source.selector

    @property
    def alias_of(self) -> str:
        return text(self.source.raw, "spec", "externalName") if self.source.type == "ExternalName" else ""

    @property
    def headless(self) -> bool:
        return self.source.cluster_ip == "None"


def kubernetes_service(service: Service) -> MeshService:
    """The service that a Kubernetes Service defines."""
    address = service.cluster_ip
    return MeshService(service.host, KubernetesDefinition(service), address if is_address(address) else UNSPECIFIED)


_RESOLUTIONS = {
    "NONE": Resolution.ORIGINAL_DESTINATION,
    "STATIC": Resolution.ENDPOINTS,
    "DNS": Resolution.DNS,
    "DNS_ROUND_ROBIN": Resolution.DNS,
    "DYNAMIC_DNS": Resolution.DYNAMIC_DNS,
}


class EntryDefinition:
    """A ServiceEntry as istiod converts it."""

    kubernetes = False
    alias_of = ""
    headless = False

    def __init__(self, entry: ServiceEntry) -> None:
        self.source = entry
        self.namespace = entry.namespace
        self.created = text(entry.raw, "metadata", "creationTimestamp")
        self.export_to = frozenset(entry.export_to)

    @cached_property
    def ports(self) -> tuple[MeshPort, ...]:
        return tuple(
            _entry_port(
                number(each, "number") or 0, text(each, "name"), text(each, "protocol"), number(each, "targetPort")
            )
            for each in items(self.source.raw, "spec", "ports")
        )

    @cached_property
    def resolution(self) -> Resolution:
        return _RESOLUTIONS.get(self.source.resolution, Resolution.ORIGINAL_DESTINATION)

    @property
    def external(self) -> bool:
        return self.source.location == "MESH_EXTERNAL"

    @cached_property
    def selector(self) -> Mapping[str, str]:
        return labels(self.source.raw, "spec", "workloadSelector", "labels")

    @cached_property
    def allocated(self) -> Mapping[str, str]:
        """Addresses that istiod allocated, by host, from the status.

        An address without a host is for every host.
        """
        entry = self.source
        if entry.resolution == "NONE" or entry.addresses:
            return {}
        if entry.labels.get("networking.istio.io/enable-autoallocate-ip", "").lower() == "false":
            return {}
        if any(host.startswith("*") for host in entry.hosts) and entry.resolution != "DYNAMIC_DNS":
            return {}
        found: dict[str, str] = {}
        for each in items(entry.raw, "status", "addresses"):
            address = text(each, "value")
            if "." in address:
                for host in (text(each, "host"),) if text(each, "host") else entry.hosts:
                    found.setdefault(host, address)
        return found


def entry_services(entry: ServiceEntry) -> Iterator[MeshService]:
    """The services that a ServiceEntry defines: one for each host and address."""
    definition = EntryDefinition(entry)
    addresses = tuple(_addresses(entry))
    for host in entry.hosts:
        for address in addresses:
            yield MeshService(host, definition, address)


def _addresses(entry: ServiceEntry) -> Iterator[str]:
    written = entry.addresses
    if not written:
        yield UNSPECIFIED
    for each in written:
        try:
            found = ip_interface(each)
        except ValueError:
            continue
        whole = found.network.prefixlen == found.max_prefixlen
        yield str(found.ip) if whole or "/" not in each else each


def listed_endpoints(endpoints: Iterable[Raw], port: MeshPort) -> tuple[tuple[str, int, Mapping[str, str]], ...]:
    """The address or name, the port and the labels of each listed endpoint.

    ServiceEntries and WorkloadEntries list endpoints.
    """
    found = []
    for each in endpoints:
        ports = {str(name): number({"n": value}, "n") or 0 for name, value in dict(each.get("ports") or {}).items()}
        target = ports.get(port.name) or (port.target if isinstance(port.target, int) else port.number)
        found.append((text(each, "address"), target, labels(each, "labels")))
    return tuple(found)


def mesh_services(
    services: Iterable[Service],
    entries: Iterable[ServiceEntry],
    of_object: Callable[[str, KubernetesObject, Callable[[], Any]], Any],
) -> Iterator[MeshService]:
    """The services of all Services and ServiceEntries. `of_object` keeps those of one object."""
    found: list[MeshService] = [of_object("service", each, partial(kubernetes_service, each)) for each in services]
    aliases = _aliases(found)
    for entry in entries:
        found += of_object("services", entry, partial(_services_of, entry))
    for each in found:
        yield each.with_aliases(aliases[each.host]) if each.host in aliases else each


def _aliases(services: Iterable[MeshService]) -> dict[str, tuple[str, ...]]:
    """The ExternalName Services of each host, also through other ones, by namespace and name.

    Source: Istio `resolveServiceAliases`.
    """
    aliases = {each.host: each for each in services if each.resolution is Resolution.ALIAS}
    found: dict[str, list[MeshService]] = {}
    for each in aliases.values():
        seen, host = {each.host}, each.alias_of
        while host in aliases and host not in seen:
            seen.add(host)
            host = aliases[host].alias_of
        if host not in seen:
            found.setdefault(host, []).append(each)
    return {
        host: tuple(each.host for each in sorted(every, key=lambda each: (each.namespace, each.host)))
        for host, every in found.items()
    }


def _services_of(entry: ServiceEntry) -> tuple[MeshService, ...]:
    return tuple(entry_services(entry))
