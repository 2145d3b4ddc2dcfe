"""The services of the mesh by host, as istiod's registries hold them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol as Interface

from checks.facts.fact import KubernetesObject
from checks.istio.mesh.protocols import Protocol

UNSPECIFIED = "0.0.0.0"  # noqa: S104 - Istio's address of a service without one


class Resolution(StrEnum):
    """How a proxy finds the endpoints of a service."""

    ENDPOINTS = "endpoints"
    DNS = "DNS"
    ORIGINAL_DESTINATION = "original destination"
    DYNAMIC_DNS = "dynamic DNS"
    ALIAS = "alias"


@dataclass(frozen=True, slots=True)
class MeshPort:
    """A port of a service.

    `target` is the port of its endpoints: a number or the name of a container port.
    """

    number: int
    name: str
    protocol: Protocol
    target: int | str


class ServiceDefinition(Interface):
    """The definition of all services of one Service or ServiceEntry.

    It is read from the object when it is needed.
    """

    namespace: str
    created: str
    export_to: frozenset[str]
    kubernetes: bool

    @property
    def source(self) -> KubernetesObject: ...

    @property
    def ports(self) -> tuple[MeshPort, ...]: ...

    @property
    def resolution(self) -> Resolution: ...

    @property
    def external(self) -> bool: ...

    @property
    def selector(self) -> Mapping[str, str]: ...

    @property
    def alias_of(self) -> str: ...

    @property
    def headless(self) -> bool: ...

    @property
    def allocated(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True, eq=False)
class MeshService:
    """A service by its host; several ServiceEntries can define the same host."""

    host: str
    definition: ServiceDefinition
    address: str
    """Its virtual address, a range in CIDR notation, or UNSPECIFIED."""
    kept_ports: tuple[MeshPort, ...] | None = None
    """The ports that a proxy imports; None for all that are defined."""
    aliases: tuple[str, ...] = ()
    """The hosts of the ExternalName Services that name it, which are further names of it."""

    @property
    def namespace(self) -> str:
        return self.definition.namespace

    @property
    def source(self) -> KubernetesObject:
        return self.definition.source

    @property
    def kubernetes(self) -> bool:
        return self.definition.kubernetes

    @property
    def ports(self) -> tuple[MeshPort, ...]:
        return self.definition.ports if self.kept_ports is None else self.kept_ports

    @property
    def resolution(self) -> Resolution:
        return self.definition.resolution

    @property
    def external(self) -> bool:
        """MESH_EXTERNAL: no mutual TLS by default."""
        return self.definition.external

    @property
    def allocated(self) -> str:
        """The address that istiod allocated for it, "" if none."""
        return self.definition.allocated.get(self.host, "") if self.address == UNSPECIFIED else ""

    @property
    def export_to(self) -> frozenset[str]:
        """Empty: the mesh's default."""
        return self.definition.export_to

    @property
    def selector(self) -> Mapping[str, str]:
        return self.definition.selector

    @property
    def labels(self) -> Mapping[str, str]:
        return self.definition.source.labels

    @property
    def created(self) -> str:
        return self.definition.created

    @property
    def alias_of(self) -> str:
        """The host of an ExternalName Service."""
        return self.definition.alias_of

    @property
    def headless(self) -> bool:
        return self.definition.headless

    def port(self, wanted: int) -> MeshPort | None:
        """Its port with the number; None if it has none."""
        for each in self.definition.ports if self.kept_ports is None else self.kept_ports:
            if each.number == wanted:
                return each
        return None

    def of_port(self, wanted: int) -> "MeshService | None":
        """The service with this port only; None if it does not have it."""
        found = self.port(wanted)
        if found is None:
            return None
        return self if len(self.ports) == 1 else self.with_ports((found,))

    def with_aliases(self, aliases: tuple[str, ...]) -> "MeshService":
        """The service with these aliases only."""
        return self if aliases == self.aliases else replace(self, aliases=aliases)

    def with_ports(self, ports: tuple[MeshPort, ...]) -> "MeshService":
        """The service with these ports only."""
        return replace(self, kept_ports=ports)
