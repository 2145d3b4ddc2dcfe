"""Why the gateway knows no destination for a request: no ServiceEntry, port or subset."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.changes import Apply
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import ServiceEntry
from checks.facts.namespaces import ConfigMap
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.istio.faults.destinations.entry_hop import EntryHop, entry_hop
from checks.istio.fixes.discovery import discovered_by
from checks.istio.fixes.entries import port_for_rule
from checks.istio.fixes.exports import exported_to
from checks.istio.fixes.fields import appended, name_for_host, networking_manifest, remove_field, set_field
from checks.istio.mesh.configuration import settings_maps
from checks.istio.mesh.objects.hosts import is_wildcard
from checks.istio.request.outcome import Ending
from checks.model.commands import MESHCFG
from checks.model.findings import Evidence, Involved
from checks.model.route import HopName


def at_destination(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The part that the cluster of the gateway's rule lacks."""
    hop = entry_hop(broken)
    if broken.end.ending is not Ending.NO_CLUSTER:
        return
    source = broken.end.steps[-1].origin.source if broken.end.steps else None
    if hop is None and broken.at_gateway and source is not None:
        yield UnknownBackend(source, broken.end.steps[-1].origin.field, broken.request.host)
    if hop is None:
        return
    if hop.service is None:
        entries = hop.entries
        discovered = not entries or hop.proxy.mesh.discovers(entries[0].namespace)
        yield UnknownDestination(hop) if discovered else UndiscoveredDestination(hop)
    elif hop.service.port(hop.name.port) is None:
        yield NoDestinationPort(hop)
    elif not hop.defines_subset:
        yield NoDestinationSubset(hop)


@dataclass(frozen=True, slots=True)
class UnknownDestination(RouteFault):
    """A destination that no ServiceEntry visible to the gateway declares.

    Source: docs/domain/istio.md#b11.
    """

    name: ClassVar[str] = "unknown-destination"
    hop: ClassVar[HopName] = HopName.ENTRY
    check: ClassVar[str] = "service-entry-missing"
    certain: ClassVar[bool] = True
    at: EntryHop

    def sentence(self) -> str:
        name, entries = self.at.name.host, self.at.entries
        routes = f"{self.at.rule_place} routes {self.at.host} from the gateway to {name}"
        if not entries:
            return f"{routes}, which no visible ServiceEntry declares"
        return (
            f"{routes}, but {entries[0].ref}, which declares it, is not exported to the namespace of {self.at.egress}"
        )

    def evidence(self) -> tuple[Evidence, ...]:
        namespace = self.at.broken.facts.gateway.namespace
        hidden = (
            Evidence(each.ref, "spec.exportTo", ", ".join(each.export_to) or "(not set)", f"* or {namespace}")
            for each in self.at.entries[:3]
        )
        none = (Evidence("serviceentries.networking.istio.io", "spec.hosts", "(none)", self.at.name.host),)
        return tuple(hidden) or none

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        namespace = broken.facts.gateway.namespace
        for entry in self.at.entries:
            title = f"Export {entry.ref} to the namespaces that need it"
            yield Fix(title, (exported_to(entry, [*broken.client_namespaces, namespace]),))
        for source, path, _ in self.at.destinations() if self.at.name.host != self.at.host else ():
            yield Fix(f"Route to {self.at.host}", (set_field(source, f"{path}.host", self.at.host),))
        if not self.at.entries and not is_wildcard(self.at.name.host):
            yield Fix(f"Declare {self.at.name.host}", (self._entry(),))

    def _entry(self) -> Apply:
        host, port = self.at.name.host, self.at.name.port
        ports = [port_for_rule(self.at.kind, port, originates=port == 443)]
        spec = {"hosts": [host], "location": "MESH_EXTERNAL", "ports": ports, "resolution": "DNS"}
        namespace = self.at.broken.facts.gateway.namespace
        return Apply(networking_manifest("ServiceEntry", name_for_host(host), namespace, spec))

    def shown(self) -> tuple[KubernetesObject, ...]:
        source = self.at.step.origin.source
        return (*self.at.entries[:2], *((source,) if source is not None else ()))


class UndiscoveredDestination(UnknownDestination):
    """A destination whose ServiceEntry is in a namespace that istiod does not discover.

    Source: docs/domain/istio.md#b28.
    """

    __slots__ = ()
    name: ClassVar[str] = "destination-not-discovered"
    check: ClassVar[str] = "namespace-not-discovered"

    def sentence(self) -> str:
        entry, to = self.at.entries[0], self.at.name.host
        undiscovered = f"Istiod does not discover the namespace of {entry.ref}, which declares {to}"
        return f"{undiscovered}, so {self.at.egress} has no destination for {self.at.host}"

    def evidence(self) -> tuple[Evidence, ...]:
        entry = self.at.entries[0]
        wanted = f"a selector that matches {entry.namespace}"
        return (
            Evidence(f"Namespace {entry.namespace}", "metadata.labels", "(not selected)", wanted),
            Evidence(entry.ref, "spec.hosts", ", ".join(entry.hosts)),
        )

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        maps = settings_maps(broken.facts.readable(ConfigMap), self.at.proxy.mesh.revision)
        for entry in self.at.entries:
            if found := discovered_by(maps, entry.namespace):
                yield Fix(f"Make istiod discover namespace {entry.namespace}", (found,), MESHCFG)

    def involved(self) -> tuple[Involved, ...]:
        return (Involved("namespace", self.at.entries[0].namespace),)


@dataclass(frozen=True, slots=True)
class UnknownBackend(RouteFault):
    """A backend of the Gateway API that does not exist, or that the route may not name."""

    name: ClassVar[str] = "unknown-destination"
    hop: ClassVar[HopName] = HopName.ENTRY
    check: ClassVar[str] = "service-entry-missing"
    certain: ClassVar[bool] = True
    source: KubernetesObject
    field: str
    host: str

    def sentence(self) -> str:
        names = f"{self.field} of {self.source.ref} names a backend for {self.host}"
        return f"{names} that does not exist, or that no ReferenceGrant allows"

    def evidence(self) -> tuple[Evidence, ...]:
        return (Evidence(self.source.ref, f"{self.field}.backendRefs", "(not found)", "an existing backend"),)

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.source,)


@dataclass(frozen=True, slots=True)
class NoDestinationPort(RouteFault):
    """A port of the destination that its ServiceEntry does not declare.

    Source: docs/domain/istio.md#b13.
    """

    name: ClassVar[str] = "no-destination-port"
    hop: ClassVar[HopName] = HopName.ENTRY
    check: ClassVar[str] = ROUTE_CHECK
    certain: ClassVar[bool] = True
    undecided: ClassVar[bool] = True
    at: EntryHop

    @property
    def _source(self) -> KubernetesObject | None:
        return self.at.service.source if self.at.service is not None else None

    def sentence(self) -> str:
        source, port = self._source, self.at.name.port
        declares = source.ref if source is not None else "its ServiceEntry"
        routes = f"{self.at.rule_place} routes {self.at.host} from the gateway to port {port} of {self.at.name.host}"
        return f"{routes}, which {declares} does not have"

    def evidence(self) -> tuple[Evidence, ...]:
        service, source = self.at.service, self._source
        if service is None or source is None:
            return ()
        ports = ", ".join(str(each.number) for each in service.ports) or "(none)"
        return (Evidence(source.ref, "spec.ports[*].number", ports, str(self.at.name.port)),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        source, number, service = self._source, self.at.name.port, self.at.service
        if isinstance(source, ServiceEntry):
            port = port_for_rule(self.at.kind, number, originates=number == 443)
            title = f"Declare port {number} of {self.at.name.host}, if the destination answers on it"
            yield Fix(title, (appended(source, "spec.ports", port),))
        for known in service.ports if service is not None else ():
            for thing, path, _ in self.at.destinations():
                change = set_field(thing, f"{path}.port", {"number": known.number})
                title = f"Route to port {known.number} of {self.at.name.host}, if the destination answers on that one"
                yield Fix(title, (change,))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return tuple(each for each in (self._source, self.at.step.origin.source) if each is not None)


@dataclass(frozen=True, slots=True)
class NoDestinationSubset(RouteFault):
    """A subset of the destination that no DestinationRule that applies at the gateway defines."""

    name: ClassVar[str] = "no-destination-subset"
    hop: ClassVar[HopName] = HopName.ENTRY
    check: ClassVar[str] = ROUTE_CHECK
    certain: ClassVar[bool] = True
    at: EntryHop

    def sentence(self) -> str:
        routes = f"{self.at.rule_place} routes {self.at.host} from the gateway to subset {self.at.name.subset}"
        return f"{routes} of {self.at.name.host}, which no DestinationRule that applies at the gateway defines"

    def evidence(self) -> tuple[Evidence, ...]:
        source = self.at.step.origin.source
        field = f"{self.at.step.origin.field}.route[*].destination.subset"
        return (Evidence(source.ref, field, self.at.name.subset, "(not set)"),) if source is not None else ()

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        for source, path, _ in self.at.destinations():
            yield Fix("Route without a subset", (remove_field(source, f"{path}.subset"),))

    def shown(self) -> tuple[KubernetesObject, ...]:
        source = self.at.step.origin.source
        return (source,) if source is not None else ()
