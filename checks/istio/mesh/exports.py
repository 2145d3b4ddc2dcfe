"""Services by visibility and age.

Source: Istio `PushContext.initServiceRegistry`, `PushContext.servicesExportedToNamespace`."""

from collections.abc import Hashable, Iterable, Iterator
from functools import cached_property

from checks.istio.mesh.configuration import NOWHERE, PRIVATE, PUBLIC
from checks.istio.mesh.host_index import HostIndex
from checks.istio.mesh.imported_services import EntryServices
from checks.istio.mesh.objects.versions import Version
from checks.istio.mesh.services import MeshService


class Exports:
    """Services by visibility, oldest first.

    Source: Istio `PushContext.servicesExportedToNamespace`.
    """

    def __init__(self, services: Iterable[MeshService], default: frozenset[str], version: Version) -> None:
        self._default = default
        self.version = version
        self._public: list[MeshService] = []
        self._for: dict[str, list[MeshService]] = {}
        self.by_host: dict[str, dict[str, MeshService]] = {}
        """By host and namespace: the oldest, but a Kubernetes Service first."""
        self._services: dict[str, list[MeshService]] = {}
        self._kubernetes: dict[str, dict[str, None]] = {}
        self.shared_hosts: set[str] = set()
        """The hosts that services of several namespaces have."""
        self.imported: dict[Hashable, EntryServices] = {}
        """The services of each egress entry of a Sidecar, which its clients share."""
        for each in sorted(services, key=_age):
            self._index(each)

    def _index(self, service: MeshService) -> None:
        self._services.setdefault(service.host, []).append(service)
        namespaces = self.by_host.setdefault(service.host, {})
        if namespaces and service.namespace not in namespaces:
            self.shared_hosts.add(service.host)
        if service.kubernetes:
            self._kubernetes.setdefault(service.namespace, {})[service.host] = None
        present = namespaces.get(service.namespace)
        if present is None or (service.kubernetes and not present.kubernetes):
            namespaces[service.namespace] = service
        exported = service.export_to or self._default
        if PUBLIC in exported:
            self._public.append(service)
        elif NOWHERE not in exported:
            for name in _names(exported, service.namespace):
                self._for.setdefault(name, []).append(service)

    def visible_in(self, namespace: str) -> Iterator[MeshService]:
        """The services visible in a namespace: privately exported ones first."""
        yield from self._for.get(namespace, ())
        yield from self._public

    def oldest_of(self, named: Iterable[tuple[str, str]], namespace: str) -> list[MeshService]:
        """The first service of each (namespace, host) that is visible in a namespace, oldest first.

        Source: Istio `servicesForExactHosts`.
        """
        found = (self.by_host.get(host, {}).get(place) for place, host in named)
        return sorted((each for each in found if each is not None and self.is_visible(each, namespace)), key=_age)

    def kubernetes_hosts(self, namespace: str) -> list[str]:
        """The hosts of a namespace's own Kubernetes Services that are visible to it, oldest first."""
        own = self._kubernetes.get(namespace, {})
        if len(own) > 1:
            return list(dict.fromkeys(each.host for each in self.visible_in(namespace) if each.host in own))
        return [each for each in own if self.with_host(each, namespace)]

    def with_host(self, host: str, namespace: str) -> list[MeshService]:
        """The services of exactly this host that are visible in a namespace, in the same order."""
        private, public = [], []
        for each in self._services.get(host, ()):
            exported = each.export_to or self._default
            if PUBLIC in exported:
                public.append(each)
            elif NOWHERE not in exported and namespace in _names(exported, each.namespace):
                private.append(each)
        return [*private, *public]

    def hosts_overlapping(self, host: str) -> list[str]:
        """The hosts of services that overlap with a host in lower case."""
        return self._hosts.overlapping(host)

    @cached_property
    def _hosts(self) -> HostIndex[str]:
        return HostIndex((each, [each.lower()]) for each in self.by_host)

    def is_visible(self, service: MeshService, namespace: str) -> bool:
        """Whether the service is visible to a namespace."""
        exported = service.export_to or self._default
        private = PRIVATE in exported and service.namespace == namespace
        return PUBLIC in exported or namespace in exported or private


def _names(exported: frozenset[str], own: str) -> set[str]:
    return {own if each == PRIVATE else each for each in exported}


def _age(service: MeshService) -> tuple[str, str, str]:
    # istiod compares the names only if the times are equal.
    return service.created, service.source.name if service.kubernetes else service.host, service.namespace
