"""ServiceEntries for one host of which a proxy uses the wrong one.

Source: docs/domain/istiod-behaviour.md#one-service-per-host.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from checks.facts.changes import MergePatch
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import ServiceEntry
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import Fix, RouteFault
from checks.istio.faults.destinations.entry_hop import entry_hop
from checks.istio.mesh.configuration import PUBLIC
from checks.istio.mesh.services import MeshService
from checks.istio.request.proxy_configuration import ProxyConfiguration
from checks.model.findings import Evidence
from checks.model.raw_values import items, number, text
from checks.model.route import HopName


def at_conflicting_entries(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The ServiceEntries that differ from the one that the sidecar or the gateway uses."""
    hop = entry_hop(broken)
    if hop is not None:
        for kept, other in conflicting_entries(hop.proxy, hop.name.host):
            yield EntryAtGateway(kept, other, hop.name.host, broken.facts.gateway.ref)
    elif broken.client is not None and not broken.at_gateway:
        for kept, other in conflicting_entries(broken.client, broken.request.host):
            yield EntryAtSidecar(kept, other, broken.request.host, "the sidecars of clients")


def conflicting_entries(proxy: ProxyConfiguration, host: str) -> Iterator[tuple[ServiceEntry, ServiceEntry]]:
    """The entry that a proxy uses for a host, with each one of which it ignores something."""
    used = proxy.scope.by_host.get(host)
    kept = used.source if used is not None else None
    if used is None or not isinstance(kept, ServiceEntry):
        return
    others: list[MeshService] = proxy.mesh.exports.with_host(host, proxy.proxy.namespace)
    for each in dict.fromkeys(other.source for other in others):
        if not isinstance(each, ServiceEntry) or each.key == kept.key or _is_merged(used, kept, each):
            continue
        if differing_fields(kept, each):
            yield kept, each


def _is_merged(used: MeshService, kept: ServiceEntry, other: ServiceEntry) -> bool:
    """Whether the proxy also has the ports and endpoints of the other entry."""
    ports = {(each.number, str(each.protocol).upper()) for each in used.ports}
    same_service = kept.namespace == other.namespace and kept.resolution == other.resolution
    return same_service and all((each.number, each.protocol) in ports for each in other.ports)


def differing_fields(one: ServiceEntry, two: ServiceEntry) -> tuple[str, ...]:
    """The names of the fields that decide a route and that differ."""
    mine, theirs = _written(one), _written(two)
    return tuple(name for name in mine if mine[name] != theirs[name])


def _written(entry: ServiceEntry) -> dict[str, object]:
    # HTTPS and TLS are the same: routed by SNI.
    ports = ((each.number, each.protocol.replace("HTTPS", "TLS"), each.target or each.number) for each in entry.ports)
    return {
        "resolution": entry.resolution,
        "ports": sorted(ports),
        "endpoints": sorted(text(each, "address") for each in entry.endpoints),
    }


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
        return f"For {self.host}, {self.proxy} use {one} and ignore {two}, which differs in {self._fields}"

    @property
    def _fields(self) -> str:
        return ", ".join(differing_fields(self.kept, self.other))

    def evidence(self) -> tuple[Evidence, ...]:
        return evidence_of(self.kept, self.other)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        own = {each.number for each in self.kept.ports}
        added = [each for each in items(self.other.raw, "spec", "ports") if number(each, "number") not in own]
        ports: dict[str, Any] = {"ports": [*items(self.kept.raw, "spec", "ports"), *added]} if added else {}
        resolution = {"resolution": self.other.resolution or "NONE"}
        either = self.other.endpoints or self.kept.endpoints
        endpoints = {"endpoints": list(self.other.endpoints) or None} if either else {}
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
        one, two = self.kept.ref, self.other.ref
        return f"For {self.host}, the {self.proxy} uses {one} and ignores {two}, which differs in {self._fields}"


def evidence_of(kept: ServiceEntry, other: ServiceEntry) -> tuple[Evidence, ...]:
    """The fields that differ, and the one by which a proxy prefers the entry that it uses."""
    found = [
        Evidence(kept.ref, f"spec.{field}", _shown(kept, field), _shown(other, field))
        for field in differing_fields(kept, other)
    ]
    return (*found, _precedence(kept, other))


def _precedence(kept: ServiceEntry, other: ServiceEntry) -> Evidence:
    mine, theirs = (text(each.raw, "metadata", "creationTimestamp") or "(unknown)" for each in (kept, other))
    if mine <= theirs:
        return Evidence(kept.ref, "metadata.creationTimestamp", mine, f"after {theirs}")
    if set(kept.export_to) - {PUBLIC}:
        exported = [", ".join(each.export_to) or PUBLIC for each in (kept, other)]
        return Evidence(kept.ref, "spec.exportTo", exported[0], f"{exported[1]}, as in {other.ref}")
    return Evidence(kept.ref, "metadata.namespace", kept.namespace, "another namespace than that of the sidecars")


def _shown(entry: ServiceEntry, field: str) -> str:
    if field == "resolution":
        return entry.resolution or "NONE"
    if field == "ports":
        return ", ".join(f"{each.number} {each.protocol}" for each in entry.ports) or "(none)"
    return ", ".join(text(each, "address") for each in entry.endpoints[:3]) or "(none)"
