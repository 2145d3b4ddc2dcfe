"""ServiceEntries for one host of which a proxy uses the wrong one.

Source: docs/domain/istiod-behaviour.md#one-service-per-host.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from checks.facts.changes import MergePatch
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import ServiceEntry
from checks.istio.faults.broken_request import BrokenRequest
from checks.istio.faults.entry_hop import entry_hop
from checks.istio.faults.fault import Fix, RouteFault
from checks.istio.mesh.services import MeshService
from checks.istio.request.proxy_configuration import ProxyConfiguration
from checks.model.findings import Evidence
from checks.model.raw_values import items, number, text
from checks.model.route import HopName


def at_conflicting_entries(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The ServiceEntries that differ from the one that the sidecar or the gateway uses."""
    hop = entry_hop(broken)
    if hop is not None:
        for kept, other in _conflicts(hop.proxy, hop.name.host):
            yield EntryAtGateway(kept, other, hop.name.host, broken.facts.gateway.ref)
    elif broken.client is not None and not broken.at_gateway:
        for kept, other in _conflicts(broken.client, broken.request.host):
            yield EntryAtSidecar(kept, other, broken.request.host, "the sidecars of clients")


def _conflicts(proxy: ProxyConfiguration, host: str) -> Iterator[tuple[ServiceEntry, ServiceEntry]]:
    """The entry that a proxy uses for a host, with each other one that differs."""
    used = proxy.scope.by_host.get(host)
    kept = used.source if used is not None else None
    if not isinstance(kept, ServiceEntry):
        return
    others: list[MeshService] = proxy.mesh.exports.with_host(host, proxy.proxy.namespace)
    for each in dict.fromkeys(other.source for other in others):
        if isinstance(each, ServiceEntry) and each.key != kept.key and _written(each) != _written(kept):
            yield kept, each


def _written(entry: ServiceEntry) -> tuple[object, ...]:
    ports = sorted((each.number, each.protocol, each.target or each.number) for each in entry.ports)
    return entry.resolution or "NONE", tuple(ports), bool(entry.endpoints)


@dataclass(frozen=True, slots=True)
class EntryConflict(RouteFault):
    """A ServiceEntry that a proxy uses instead of another one for the same host.

    Source: docs/domain/istio.md#b31.
    """

    name: ClassVar[str] = "service-entries-conflict"
    check: ClassVar[str] = "service-entries-conflict"
    kept: ServiceEntry
    other: ServiceEntry
    host: str
    proxy: str

    def sentence(self) -> str:
        one, two = self.kept.ref, self.other.ref
        return f"For {self.host}, {self.proxy} use {one} and ignore {two}, which differs in {', '.join(self._fields())}"

    def _fields(self) -> list[str]:
        names, one, two = ("resolution", "ports", "endpoints"), _written(self.kept), _written(self.other)
        return [name for name, mine, theirs in zip(names, one, two, strict=True) if mine != theirs]

    def evidence(self) -> tuple[Evidence, ...]:
        found = []
        for field in self._fields():
            mine, theirs = (_shown(each, field) for each in (self.kept, self.other))
            found.append(Evidence(self.kept.ref, f"spec.{field}", mine, theirs))
        created = [text(each.raw, "metadata", "creationTimestamp") or "(unknown)" for each in (self.kept, self.other)]
        return (*found, Evidence(self.kept.ref, "metadata.creationTimestamp", created[0], f"after {created[1]}"))

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        own = {each.number for each in self.kept.ports}
        added = [each for each in items(self.other.raw, "spec", "ports") if number(each, "number") not in own]
        ports: dict[str, Any] = {"ports": [*items(self.kept.raw, "spec", "ports"), *added]} if added else {}
        resolution = {"resolution": self.other.resolution or "NONE"}
        endpoints = {"endpoints": list(self.other.endpoints)} if self.other.endpoints else {}
        title = f"Patch {self.kept.ref} to agree with {self.other.ref}"
        theirs = {"ports": list(items(self.other.raw, "spec", "ports"))}
        for spec in (ports, resolution, {**ports, **resolution, **endpoints}, {**theirs, **resolution, **endpoints}):
            if spec:
                yield Fix(title, (MergePatch(self.kept, {"spec": spec}),))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.kept, self.other)


class EntryAtSidecar(EntryConflict):
    """The conflict at the clients' sidecars."""

    __slots__ = ()
    hop: ClassVar[HopName] = HopName.MESH_ROUTE


class EntryAtGateway(EntryConflict):
    """The conflict at the gateway."""

    __slots__ = ()
    hop: ClassVar[HopName] = HopName.ENTRY

    def sentence(self) -> str:
        fields, one, two = ", ".join(self._fields()), self.kept.ref, self.other.ref
        return f"For {self.host}, the {self.proxy} uses {one} and ignores {two}, which differs in {fields}"


def _shown(entry: ServiceEntry, field: str) -> str:
    if field == "resolution":
        return entry.resolution or "NONE"
    if field == "ports":
        return ", ".join(f"{each.number} {each.protocol}" for each in entry.ports) or "(none)"
    return f"{len(entry.endpoints)} endpoints" if entry.endpoints else "(none)"
