"""The services of a sidecar's egress entry on one port, by host in lower case."""

from collections.abc import Iterable

from checks.istio.mesh.egress_listeners import EgressListener
from checks.istio.mesh.objects.hosts import is_address
from checks.istio.mesh.services import MeshService

_CLUSTER_DOMAIN = (".svc.cluster.local", ".cluster.local")


class PortServices:
    """The services that have the port, each with this port only.

    Of several services with one host, the last one is kept.
    """

    def __init__(self, egress: EgressListener, port: int) -> None:
        """`port` 0 means every port."""
        self._egress, self._port = egress, port
        self._known: dict[str, tuple[int, MeshService] | None] = {}

    def get(self, host: str) -> MeshService | None:
        """The service of a host; None if no service with the port has it."""
        found = self._found(host)
        return found[1] if found is not None else None

    def overlapping(self, host: str) -> list[MeshService]:
        """The services whose host overlaps, in the order in which they are imported."""
        return self._ordered(self._egress.imported.hosts_overlapping(host))

    def near(self, authority: str, namespace: str) -> list[MeshService]:
        """The services that a client of the namespace can mean by an authority.

        An authority is a full name, an abbreviated name or an address.
        """
        hosts = set(self._egress.imported.hosts_overlapping(authority))
        labels = authority.removesuffix(".").split(".")
        for at in range(len(labels)):  # the endpoints of a headless Service have names below its own
            name = ".".join(labels[at:])
            hosts |= {name, *(name + domain for domain in _CLUSTER_DOMAIN), f"{name}.{namespace}{_CLUSTER_DOMAIN[0]}"}
        hosts |= self._egress.imported.hosts_with_alias(hosts)
        if is_address(authority):
            hosts |= self._egress.imported.hosts_at(authority)
        return self._ordered(hosts)

    def _ordered(self, hosts: Iterable[str]) -> list[MeshService]:
        found = sorted((place for each in hosts if (place := self._found(each)) is not None), key=lambda each: each[0])
        return [service for _, service in found]

    def _found(self, host: str) -> tuple[int, MeshService] | None:
        """(position, service) of a host."""
        if host not in self._known:
            with_port = [
                (place, kept)
                for place, each in self._egress.imported.placed(host)
                if (kept := each.of_port(self._port) if self._port else each) is not None
            ]
            self._known[host] = (with_port[0][0], with_port[-1][1]) if with_port else None
        return self._known[host]
