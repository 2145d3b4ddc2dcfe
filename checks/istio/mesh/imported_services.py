"""The services that an egress entry of a Sidecar imports, by host, address and port.

Source: Istio `convertIstioListenerToWrapper` in `pilot/pkg/model/sidecar.go`.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property

from checks.istio.mesh.host_index import HostIndex
from checks.istio.mesh.services import MeshPort, MeshService


class EntryServices:
    """The services that an egress entry imports, in their order."""

    def __init__(self, services: Sequence[MeshService]) -> None:
        self.services = services
        self._on_port: dict[int, list[tuple[MeshService, MeshPort]]] = {}

    def on_port(self, port: int) -> Sequence[tuple[MeshService, MeshPort]]:
        """The services that have a port, with it."""
        if port not in self._on_port:
            found = ((each, each.port(port)) for each in self.services)
            self._on_port[port] = [(each, own) for each, own in found if own is not None]
        return self._on_port[port]

    def placed(self, host: str) -> list[tuple[int, MeshService]]:
        """The services of a host in lower case, with their positions."""
        return self._by_host.get(host, [])

    @cached_property
    def _by_host(self) -> dict[str, list[tuple[int, MeshService]]]:
        found: dict[str, list[tuple[int, MeshService]]] = {}
        for position, each in enumerate(self.services):
            found.setdefault(each.host.lower(), []).append((position, each))
        return found

    def hosts_overlapping(self, host: str) -> list[str]:
        """The hosts of services, in lower case, that overlap."""
        return self._hosts.overlapping(host)

    @cached_property
    def _hosts(self) -> HostIndex[str]:
        return HostIndex((each, [each]) for each in self._by_host)

    def hosts_with_alias(self, names: Iterable[str]) -> set[str]:
        """The hosts of services, in lower case, of which one of the names is an alias."""
        if not self._aliased:
            return set()
        return {host for name in names for host in self._aliased.get(name, ())}

    @cached_property
    def _aliased(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for each in self.services:
            for alias in each.aliases:
                found.setdefault(alias.lower(), set()).add(each.host.lower())
        return found

    def hosts_at(self, address: str) -> set[str]:
        """The hosts of services, in lower case, with an address."""
        return self._addresses.get(address, set())

    @cached_property
    def _addresses(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for each in self.services:
            found.setdefault(each.address, set()).add(each.host.lower())
        return found
