"""Why no VirtualService takes a request at a client's sidecar to the gateway's Service."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.changes import MergePatch
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import Sidecar, VirtualService
from checks.facts.namespaces import ConfigMap
from checks.istio.faults.definition.broken_request import BrokenRequest, namespaces_listed
from checks.istio.faults.definition.fault import ROUTE_CHECK, Fix, RouteFault
from checks.istio.fixes.discovery import discovered_by
from checks.istio.fixes.exports import exported_to
from checks.istio.fixes.sidecars import importing, written_imports
from checks.istio.mesh.configuration import is_exported, settings_maps
from checks.istio.mesh.objects.hosts import most_specific
from checks.istio.mesh.objects.routing_rules import MESH, RoutingRules
from checks.model.commands import MESHCFG
from checks.model.findings import Evidence, Involved
from checks.model.route import HopName

REVISION_LABEL = "istio.io/rev"


def at_sidecar(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The reasons why VirtualServices that route the host to the gateway do not apply.

    Each VirtualService has one.
    """
    if broken.client is None or broken.at_gateway:
        return
    for routes in broken.to_gateway:
        fault = _not_applied(broken, routes)
        if fault is not None:
            yield fault


def _not_applied(broken: BrokenRequest, routes: RoutingRules) -> RouteFault | None:
    source, namespace, settings = routes.source, broken.request.clients.namespace, broken.mesh.configuration
    if not isinstance(source, VirtualService):
        return None
    if MESH not in routes.gateways:
        return NotForSidecars(source, broken.request.host, broken.facts.gateway.ref)
    if not broken.mesh.discovers(source.namespace):
        return NotDiscovered(
            source, broken.request.host, settings_maps(broken.facts.readable(ConfigMap), broken.mesh.revision)
        )
    revision = source.labels.get(REVISION_LABEL, "")
    if revision not in ("", broken.mesh.revision):
        return OfAnotherRevision(source, broken.mesh.revision)
    if not is_exported(source.export_to, settings.virtual_services_exported, source.namespace, namespace):
        return NotExportedToClients(source, broken.client_namespaces, broken.request.host)
    sidecar = broken.client.scope.sidecar if broken.client is not None else None
    if sidecar is not None and not broken.imports(source):
        host = most_specific(broken.request.host, [each.lower() for each in routes.hosts])
        return NotImported(sidecar, source, host or broken.request.host, broken.request.port, broken.client_namespaces)
    return None


@dataclass(frozen=True, slots=True)
class NotForSidecars(RouteFault):
    """A VirtualService that does not apply to sidecars (docs/domain/istio.md#b05)."""

    name: ClassVar[str] = "not-mesh"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    virtual_service: VirtualService
    host: str
    gateway: str

    def sentence(self) -> str:
        effect = f"so sidecars do not route {self.host} to {self.gateway}"
        return f"{self.virtual_service.ref} does not list mesh in its gateways, {effect}"

    def evidence(self) -> tuple[Evidence, ...]:
        written = ", ".join(self.virtual_service.gateways)
        return (Evidence(self.virtual_service.ref, "spec.gateways", written, MESH),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        added = MergePatch(self.virtual_service, {"spec": {"gateways": [*self.virtual_service.gateways, MESH]}})
        yield Fix(f"Patch {self.virtual_service.ref} to apply to sidecars", (added,))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.virtual_service,)


@dataclass(frozen=True, slots=True)
class NotExportedToClients(RouteFault):
    """A VirtualService that is not exported to the client's namespace.

    Source: docs/domain/istio.md#b09.
    """

    name: ClassVar[str] = "not-seen-by-clients"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    virtual_service: VirtualService
    namespaces: tuple[str, ...]
    host: str

    def sentence(self) -> str:
        return f"{self.virtual_service.ref} for {self.host} is not exported to {namespaces_listed(self.namespaces)}"

    def evidence(self) -> tuple[Evidence, ...]:
        written = ", ".join(self.virtual_service.export_to) or "(not set)"
        return (Evidence(self.virtual_service.ref, "spec.exportTo", written, ", ".join(self.namespaces[:5])),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        yield Fix(
            f"Export {self.virtual_service.ref} to the clients",
            (exported_to(self.virtual_service, broken.client_namespaces),),
        )

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.virtual_service,)


@dataclass(frozen=True, slots=True)
class NotDiscovered(RouteFault):
    """A VirtualService in a namespace that istiod does not discover (docs/domain/istio.md#b28)."""

    name: ClassVar[str] = "not-discovered"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = "namespace-not-discovered"
    virtual_service: VirtualService
    host: str
    settings: tuple[ConfigMap, ...]

    def sentence(self) -> str:
        return f"Istiod does not discover the namespace of {self.virtual_service.ref}, which routes {self.host}"

    def evidence(self) -> tuple[Evidence, ...]:
        change = discovered_by(self.settings, self.virtual_service.namespace)
        where = change.ref if change is not None else "MeshConfig"
        wanted = f"a selector that matches {self.virtual_service.namespace}"
        return (Evidence(where, "data.mesh", "discoverySelectors", wanted),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        change = discovered_by(self.settings, self.virtual_service.namespace)
        if change is not None:
            title = f"Edit the mesh configuration: add a selector that matches {self.virtual_service.namespace}"
            yield Fix(title, (change,), MESHCFG)

    def involved(self) -> tuple[Involved, ...]:
        return (Involved("namespace", self.virtual_service.namespace),)


@dataclass(frozen=True, slots=True)
class OfAnotherRevision(RouteFault):
    """A VirtualService that only another mesh revision reads."""

    name: ClassVar[str] = "other-revision"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = ROUTE_CHECK
    virtual_service: VirtualService
    revision: str

    def sentence(self) -> str:
        return f"{self.virtual_service.ref} has a label that keeps it from revision {self.revision}"

    def evidence(self) -> tuple[Evidence, ...]:
        written = self.virtual_service.labels.get(REVISION_LABEL, "")
        field = f"metadata.labels[{REVISION_LABEL}]"
        return (Evidence(self.virtual_service.ref, field, written, f"not set, or {self.revision}"),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        removed = MergePatch(self.virtual_service, {"metadata": {"labels": {REVISION_LABEL: None}}})
        yield Fix(f"Remove the revision label from {self.virtual_service.ref}", (removed,))

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.virtual_service,)


@dataclass(frozen=True, slots=True)
class NotImported(RouteFault):
    """A Sidecar that does not import the VirtualService (docs/domain/istio.md#b25)."""

    name: ClassVar[str] = "sidecar-hides"
    hop: ClassVar[HopName] = HopName.MESH_ROUTE
    check: ClassVar[str] = "sidecar-hides-route"
    sidecar: Sidecar
    virtual_service: VirtualService
    host: str
    port: int
    namespaces: tuple[str, ...]

    def sentence(self) -> str:
        clients = namespaces_listed(self.namespaces)
        return f"{self.sidecar.ref} does not import {self.virtual_service.ref} for {clients}"

    def evidence(self) -> tuple[Evidence, ...]:
        return (Evidence(self.sidecar.ref, "spec.egress[*].hosts", written_imports(self.sidecar), self._entry),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        for title, changes in importing(self.sidecar, self._entry, self.port, broken.client_namespaces):
            yield Fix(title, changes)

    @property
    def _entry(self) -> str:
        return f"{self.virtual_service.namespace}/{self.host}"

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.sidecar,)
