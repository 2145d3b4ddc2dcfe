"""ServiceEntries: which of them a proxy gets for a host, and what they make of it (domain.md 5.2.5)."""

from dataclasses import dataclass

from checks.facts.istio_networking import Port, ServiceEntry
from checks.facts.view import Facts
from checks.istio.route.registry import service_entries
from checks.istio.route.visibility import MeshConfig, discovered, visible


@dataclass(frozen=True, slots=True)
class Entry:
    """A ServiceEntry that covers a host, by the host that is written in it."""

    entry: ServiceEntry
    host: str

    @property
    def ref(self) -> str:
        return self.entry.ref

    def port(self, number: int) -> Port | None:
        """Its port of this number."""
        return next((port for port in self.entry.ports if port.number == number), None)


def entries_for(facts: Facts, host: str) -> tuple[Entry, ...]:
    """Every ServiceEntry that covers the host, the most specific first, then the oldest. Reads ServiceEntry."""
    return tuple(Entry(entry, written) for written, entry in service_entries(facts).covering(host))


def is_visible(facts: Facts, entry: ServiceEntry, viewer: str, mesh: MeshConfig) -> bool:
    """Whether proxies of namespace `viewer` get it. Reads Namespace and ConfigMap."""
    return visible(entry, viewer, mesh) and discovered(facts, entry.namespace, mesh)


def seen_from(facts: Facts, host: str, viewer: str, mesh: MeshConfig) -> tuple[Entry, ...]:
    """The ServiceEntries that proxies of namespace `viewer` get for the host: of the most specific host, the viewer's own
    namespace first, then the oldest."""
    seen = [each for each in entries_for(facts, host) if is_visible(facts, each.entry, viewer, mesh)]
    best = [each for each in seen if each.host == seen[0].host]
    return tuple(sorted(best, key=lambda each: each.entry.namespace != viewer))


def destination_entries(facts: Facts, host: str, viewer: str, mesh: MeshConfig) -> tuple[Entry, ...]:
    """The ServiceEntries that make a cluster for a destination of this name. A cluster is named for the very host that
    the ServiceEntry writes: a wildcard makes none for the names under it (Istio's GetDestinationCluster)."""
    return tuple(each for each in seen_from(facts, host, viewer, mesh) if each.host == host)


def providing(entries: tuple[Entry, ...], port: int) -> Entry | None:
    """Of entries in order of preference the first that has the port."""
    return next((each for each in entries if each.port(port) is not None), None)


def conflicts(entries: tuple[Entry, ...]) -> tuple[str, ...]:
    """In what several entries for one host disagree: `resolution`, `protocol of port 443`."""
    found = []
    if len({each.entry.resolution for each in entries}) > 1:
        found.append("resolution")
    protocols: dict[int, set[str]] = {}
    for each in entries:
        for port in each.entry.ports:
            # HTTPS and TLS behave alike: opaque bytes, routed by SNI.
            protocols.setdefault(port.number, set()).add("TLS" if port.protocol == "HTTPS" else port.protocol)
    found.extend(f"protocol of port {port}" for port, names in sorted(protocols.items()) if len(names) > 1)
    return tuple(found)
