"""Reasons why a client's sidecar has no listener for the host.

No ServiceEntry declares the host there, or one declares it in another form than the request needs.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.changes import Apply
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import ServiceEntry, Sidecar
from checks.istio.faults.definition.broken_request import BrokenRequest, namespaces_listed, rules_of
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.istio.fixes.entries import entry_for, entry_port, fitting_protocols
from checks.istio.fixes.exports import exported_to
from checks.istio.fixes.fields import appended, name_for_host, set_field
from checks.istio.fixes.rules import kind_of_scheme, server_for, virtual_service_for
from checks.istio.fixes.sidecars import importing, written_imports
from checks.istio.mesh.objects.hosts import is_subset
from checks.istio.mesh.objects.routing_rules import RoutingRule
from checks.istio.request.client_request import ANY_NAME
from checks.model.commands import ISTIO_WILDCARD
from checks.model.findings import Evidence, Involved
from checks.model.raw_values import number
from checks.model.route import HopName


def at_service_entry(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The ServiceEntries for the host that are of no use to the sidecar.

    They are not visible to it, or declare the port with another protocol.
    """
    client, request = broken.client, broken.request
    if client is None or broken.at_gateway:
        return
    entries = [each for each in broken.facts.all(ServiceEntry) if _covers(each, request.host)]
    services = (client.scope.by_host.get(host) for each in entries for host in each.hosts)
    known = {each.source.key for each in services if each is not None and isinstance(each.source, ServiceEntry)}
    for each in entries:
        if each.key in known and not _matches(each, request.port, request.scheme):
            needing = _needing(broken)
            if needing is not None or all(port.number != request.port for port in each.ports):
                yield WrongProtocol(each, needing, request.host, request.port, request.scheme)
    imported = any(each.key in known for each in entries)
    # A VirtualService brings its destinations with it, but no listener for them.
    sidecar = client.scope.sidecar
    for each in entries:
        if sidecar is not None:
            yield EntryHidden(sidecar, each, request.host, request.port, broken.client_namespaces)
        if not imported:
            yield UnknownHost(request.host, each, namespaces_listed(broken.client_namespaces))
    if not entries and broken.to_gateway:
        wildcard = request.host.replace(ANY_NAME, "*", 1)
        yield UnknownWildcard(wildcard, None, "") if request.is_example else UnknownHost(request.host, None, "")


def _covers(entry: ServiceEntry, host: str) -> bool:
    return any(is_subset(host, each.lower()) for each in entry.hosts)


def _needing(broken: BrokenRequest) -> RoutingRule | None:
    """The rule to the gateway that needs the port."""
    field = f"spec.{kind_of_scheme(broken.request.scheme)}["
    rules = (rule for routes in broken.to_gateway for rule in rules_of(routes) if rule.field.startswith(field))
    leading = (rule for rule in rules if broken.leads_to_gateway(rule))
    return next((rule for rule in leading if _has_port(rule, broken.request.port)), None)


def _has_port(rule: RoutingRule, port: int) -> bool:
    matches = rule.matches()
    return not matches or any(number(each, "port") in (None, port) for each in matches)


def _matches(entry: ServiceEntry, port: int, scheme: str) -> bool:
    return any(each.number == port and each.protocol in fitting_protocols(scheme) for each in entry.ports)


@dataclass(frozen=True, slots=True)
class UnknownHost(RouteFault):
    """A host that no ServiceEntry declares to the client's sidecar (docs/domain/istio.md#b11)."""

    name: ClassVar[str] = "unknown-host"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = "service-entry-missing"
    host: str
    entry: ServiceEntry | None
    clients: str

    def sentence(self) -> str:
        if self.entry is not None:
            return f"{self.entry.ref} for {self.host} is not exported to clients in {self.clients}"
        return f"No ServiceEntry declares {self.host}"

    def evidence(self) -> tuple[Evidence, ...]:
        if self.entry is None:
            return (Evidence("serviceentries.networking.istio.io", "spec.hosts", "(none)", self.host),)
        written = ", ".join(self.entry.export_to) or "(not set)"
        return (Evidence(self.entry.ref, "spec.exportTo", written, "the clients' namespaces"),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        if self.entry is None:
            yield Fix(f"Create a ServiceEntry for {self.host}", (entry_for(broken),))
            server = server_for(broken)
            if server is not None:
                title = f"Create a ServiceEntry and a VirtualService for {self.host}"
                yield Fix(title, (entry_for(broken), virtual_service_for(broken, server)))
            return
        namespaces = (*broken.client_namespaces, broken.facts.gateway.namespace)
        yield Fix(f"Export {self.entry.ref} to the clients", (exported_to(self.entry, namespaces),))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.entry,) if self.entry is not None else ()

    def involved(self) -> tuple[Involved, ...]:
        return (Involved("destination", self.host),)


@dataclass(frozen=True, slots=True)
class UnknownWildcard(UnknownHost):
    """A wildcard host that no ServiceEntry declares.

    Only the owner of the host knows the address that answers for it.
    """

    certain: ClassVar[bool] = True

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        address = f"www.{self.host.removeprefix('*.')}"
        if self.host.count(".") > 1:
            written = deepcopy(dict(entry_for(broken).manifest))
            written["metadata"] = {**written["metadata"], "name": name_for_host(self.host)}
            written["spec"] = {**written["spec"], "hosts": [self.host], "endpoints": [{"address": address}]}
            title = f"Create a ServiceEntry for {self.host} with endpoint {address}, if that answers for every name"
            yield Fix(title, (Apply(written),), ISTIO_WILDCARD)
        yield Fix(f"Create a ServiceEntry for {self.host} with DNS resolution and the endpoint that answers for it")


@dataclass(frozen=True, slots=True)
class EntryHidden(RouteFault):
    """A Sidecar that does not import the ServiceEntry for the host (docs/domain/istio.md#b25)."""

    name: ClassVar[str] = "entry-hidden"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = "sidecar-hides-route"
    sidecar: Sidecar
    entry: ServiceEntry
    host: str
    port: int
    namespaces: tuple[str, ...]

    @property
    def _wanted(self) -> str:
        return f"{self.entry.namespace}/{self.host}"

    def sentence(self) -> str:
        return f"{self.sidecar.ref} does not import {self.entry.ref} for {namespaces_listed(self.namespaces)}"

    def evidence(self) -> tuple[Evidence, ...]:
        return (Evidence(self.sidecar.ref, "spec.egress[*].hosts", written_imports(self.sidecar), self._wanted),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        for host in dict.fromkeys((self.host, *self.entry.hosts)):
            entry = f"{self.entry.namespace}/{host}"
            for title, changes in importing(self.sidecar, entry, self.port, broken.client_namespaces):
                yield Fix(title, changes)

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.sidecar,)


@dataclass(frozen=True, slots=True)
class WrongProtocol(RouteFault):
    """A ServiceEntry that declares the port with another protocol, or not at all.

    Source: docs/domain/istio.md#b14.
    """

    name: ClassVar[str] = "wrong-protocol"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    entry: ServiceEntry
    rule: RoutingRule | None
    host: str
    port: int
    scheme: str

    @property
    def _declared(self) -> str:
        return next((each.protocol for each in self.entry.ports if each.number == self.port), "")

    @property
    def _needed(self) -> str:
        return str(entry_port(self.scheme, self.port)["protocol"])

    def sentence(self) -> str:
        declares = f"declares it as {self._declared}" if self._declared else "does not declare it"
        where = f"{self.rule.field} of {self.rule.source.ref} needs" if self.rule is not None else "Sidecars need"
        return f"{where} port {self.port} of {self.host} as {self._needed}, but {self.entry.ref} {declares}"

    def evidence(self) -> tuple[Evidence, ...]:
        wanted = f"{self.port} {'TLS or HTTPS' if self._needed == 'TLS' else self._needed}"
        written = ", ".join(f"{each.number} {each.protocol}" for each in self.entry.ports) or "(none)"
        return (Evidence(self.entry.ref, "spec.ports", written, wanted),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        title = f"Declare port {self.port} as {self._needed}"
        numbers = [each.number for each in self.entry.ports]
        if self.port in numbers:
            field = f"spec.ports[{numbers.index(self.port)}].protocol"
            yield Fix(title, (set_field(self.entry, field, self._needed),))
        elif numbers:
            yield Fix(title, (appended(self.entry, "spec.ports", entry_port(self.scheme, self.port)),))
        else:
            yield Fix(title, (set_field(self.entry, "spec.ports", [entry_port(self.scheme, self.port)]),))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.entry,)
