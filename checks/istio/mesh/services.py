"""The services of the mesh: Kubernetes Services and the hosts of ServiceEntries, as istiod's registries convert them.

Source: Istio `pilot/pkg/serviceregistry`, `PushContext.initServiceRegistry`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import ip_interface

from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import ServiceEntry
from checks.facts.services import Service
from checks.istio.mesh.configuration import NOWHERE, PRIVATE, PUBLIC
from checks.istio.mesh.names import is_address
from checks.istio.mesh.protocols import Protocol, parse_protocol, service_protocol
from checks.model.raw_values import items, labels, number, text

UNSPECIFIED = "0.0.0.0"  # noqa: S104 - Istio's address of a service without one
_EARLIEST = datetime.min.replace(tzinfo=UTC)


class Resolution(StrEnum):
    """How a proxy finds the endpoints of a service."""

    ENDPOINTS = "endpoints"
    DNS = "DNS"
    ORIGINAL_DESTINATION = "original destination"
    DYNAMIC_DNS = "dynamic DNS"
    ALIAS = "alias"


@dataclass(frozen=True, slots=True)
class MeshPort:
    """A port of a service; `target` is the port of its endpoints, a number or a container port's name."""

    number: int
    name: str
    protocol: Protocol
    target: int | str


@dataclass(frozen=True, slots=True, eq=False)
class MeshService:
    """A service by its host; several ServiceEntries can define the same host."""

    host: str
    namespace: str
    ports: tuple[MeshPort, ...]
    resolution: Resolution
    source: KubernetesObject
    kubernetes: bool
    external: bool
    """MESH_EXTERNAL: no mutual TLS by default."""
    address: str
    """Its virtual address, a range in CIDR notation, or UNSPECIFIED."""
    allocated: str
    """The address that istiod allocated for it, "" if none."""
    export_to: frozenset[str]
    """Empty: the mesh's default."""
    selector: Mapping[str, str]
    labels: Mapping[str, str]
    created: datetime
    alias_of: str = ""
    """The host of an ExternalName Service."""
    headless: bool = False

    def port(self, wanted: int) -> MeshPort | None:
        """Its port with the number; None if it has none."""
        return next((each for each in self.ports if each.number == wanted), None)

    def of_port(self, wanted: int) -> "MeshService | None":
        """The service with this port only; None if it does not have it."""
        found = self.port(wanted)
        if found is None:
            return None
        return self if len(self.ports) == 1 else replace(self, ports=(found,))


def kubernetes_service(service: Service) -> MeshService:
    """A Service as istiod's Kubernetes registry converts it."""
    name = service.type == "ExternalName"
    headless = service.cluster_ip == "None"
    address = service.cluster_ip if is_address(service.cluster_ip) else UNSPECIFIED
    exported = service.annotations.get("networking.istio.io/exportTo", "")
    return MeshService(
        host=service.host,
        namespace=service.namespace,
        ports=tuple(
            MeshPort(
                each.port,
                each.name,
                service_protocol(each.port, each.name, each.protocol, text(raw, "appProtocol")),
                int(each.target) if each.target.isdigit() else each.target or each.port,
            )
            for each, raw in zip(service.ports, items(service.raw, "spec", "ports"), strict=True)
        ),
        resolution=Resolution.ALIAS if name else Resolution.ORIGINAL_DESTINATION if headless else Resolution.ENDPOINTS,
        source=service,
        kubernetes=True,
        external=False,
        address=address,
        allocated="",
        export_to=frozenset(each.strip() for each in exported.split(",") if each.strip()),
        selector=service.selector,
        labels=service.labels,
        created=service.created or _EARLIEST,
        alias_of=text(service.raw, "spec", "externalName") if name else "",
        headless=headless,
    )


_RESOLUTIONS = {
    "NONE": Resolution.ORIGINAL_DESTINATION,
    "STATIC": Resolution.ENDPOINTS,
    "DNS": Resolution.DNS,
    "DNS_ROUND_ROBIN": Resolution.DNS,
    "DYNAMIC_DNS": Resolution.DYNAMIC_DNS,
}


def entry_services(entry: ServiceEntry) -> Iterator[MeshService]:
    """The services that a ServiceEntry defines: one for each host and address."""
    ports = tuple(
        MeshPort(each.number, each.name, parse_protocol(each.protocol), each.target or each.number)
        for each in entry.ports
    )
    resolution = _RESOLUTIONS.get(entry.resolution, Resolution.ORIGINAL_DESTINATION)
    allocated = _allocated(entry)
    for host in entry.hosts:
        for address in _addresses(entry):
            yield MeshService(
                host=host,
                namespace=entry.namespace,
                ports=ports,
                resolution=resolution,
                source=entry,
                kubernetes=False,
                external=entry.location == "MESH_EXTERNAL",
                address=address,
                allocated=allocated.get(host, "") if address == UNSPECIFIED else "",
                export_to=frozenset(entry.export_to),
                selector=labels(entry.raw, "spec", "workloadSelector", "labels"),
                labels=entry.labels,
                created=entry.created or _EARLIEST,
            )


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


def _allocated(entry: ServiceEntry) -> dict[str, str]:
    """Addresses that istiod allocated, by host, from the status. Without a host an address is for every host."""
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


class Exports:
    """Services by visibility, oldest first: what `PushContext.servicesExportedToNamespace` returns."""

    def __init__(self, services: Iterable[MeshService], default: frozenset[str]) -> None:
        self._default = default
        self._public: list[MeshService] = []
        self._for: dict[str, list[MeshService]] = {}
        self.by_host: dict[str, dict[str, MeshService]] = {}
        """By host and namespace: the oldest, but a Kubernetes Service first."""
        for each in sorted(services, key=_age):
            self._index(each)

    def _index(self, service: MeshService) -> None:
        namespaces = self.by_host.setdefault(service.host, {})
        present = namespaces.get(service.namespace)
        if present is None or (service.kubernetes and not present.kubernetes):
            namespaces[service.namespace] = service
        exported = service.export_to or self._default
        if PUBLIC in exported:
            self._public.append(service)
        elif NOWHERE not in exported:
            for name in {service.namespace if each == PRIVATE else each for each in exported}:
                self._for.setdefault(name, []).append(service)

    def visible_in(self, namespace: str) -> Iterator[MeshService]:
        """The services visible in a namespace: privately exported ones first."""
        yield from self._for.get(namespace, ())
        yield from self._public

    def is_visible(self, service: MeshService, namespace: str) -> bool:
        """Whether a namespace sees the service."""
        exported = service.export_to or self._default
        private = PRIVATE in exported and service.namespace == namespace
        return PUBLIC in exported or namespace in exported or private


def _age(service: MeshService) -> tuple[datetime, str, str]:
    # istiod compares the names only if the times are equal.
    return service.created, service.source.name if service.kubernetes else service.host, service.namespace


def entry_endpoints(entry: ServiceEntry, port: MeshPort) -> tuple[tuple[str, int, Mapping[str, str]], ...]:
    """(address or name, port, labels) of the endpoints that a ServiceEntry lists."""
    found = []
    for each in entry.endpoints:
        ports = {str(name): number({"n": value}, "n") or 0 for name, value in dict(each.get("ports") or {}).items()}
        target = ports.get(port.name) or (port.target if isinstance(port.target, int) else port.number)
        found.append((text(each, "address"), target, labels(each, "labels")))
    return tuple(found)
