"""The listeners, Services and ServiceEntries that a route attaches to, and the host names.

Source: Istio `extractParentReferenceInfo`, `referenceAllowed`, `hostnameAllowedByIsolation` in
`kube/gateway/conversion.go`; Gateway API, HTTPRoute `parentRefs`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from checks.facts.gateway_api import GATEWAY_API, GatewayRoute, TCPRoute
from checks.facts.istio_networking import ServiceEntry
from checks.facts.services import Service
from checks.istio.mesh.gateway_api.gateways import Parent
from checks.istio.mesh.gateway_api.references import (
    KUBERNETES_GATEWAY,
    LISTENER_SET,
    SERVICE,
    SERVICE_ENTRY,
    GroupKind,
    normalized,
)
from checks.istio.mesh.objects.hosts import DOMAIN, hosts_overlap, is_subset, is_wildcard
from checks.istio.mesh.objects.routing_rules import MESH
from checks.model.raw_values import Raw, items, number, text


@dataclass(frozen=True, slots=True)
class Attachment:
    """One parent of a route: a listener, or a Service or ServiceEntry (`mesh`)."""

    gateway: str
    """The internal name of the listener's Gateway, or `mesh`."""
    port: int | None
    """The port that the reference names; None for all."""
    hosts: tuple[str, ...]
    """The hosts of the Service or ServiceEntry."""
    hostname: str = ""
    """The host name of the listener."""
    others: frozenset[str] = frozenset()
    """The host names of the Gateway's other listeners with this port and protocol."""

    @property
    def in_mesh(self) -> bool:
        return self.gateway == MESH

    def takes(self, host: str) -> bool:
        """Whether no other listener is more specific for a route's host.

        Source: Istio `hostnameAllowedByIsolation`.
        """
        own = self.hostname
        if own and not is_wildcard(own):
            return True
        if own and not hosts_overlap(host, own):
            return False
        return not any(len(own) <= len(each) and is_subset(host, each) for each in self.others)


class Attachments:
    """The parents that routes can have, read when a route names one."""

    def __init__(
        self,
        parents: Callable[[], Iterable[Parent]],
        services: Callable[[], Iterable[Service]],
        entries: Callable[[], Iterable[ServiceEntry]],
    ) -> None:
        self._listeners, self._every_service, self._every_entry = parents, services, entries

    @cached_property
    def _parents(self) -> Mapping[tuple[GroupKind, str, str], list[Parent]]:
        found: dict[tuple[GroupKind, str, str], list[Parent]] = {}
        for each in self._listeners():
            found.setdefault((each.owner, each.namespace, each.name), []).append(each)
        return found

    @cached_property
    def _services(self) -> frozenset[tuple[str, str]]:
        return frozenset(each.key for each in self._every_service())

    @cached_property
    def _entries(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        return {each.key: each.hosts for each in self._every_entry()}

    def of(self, route: GatewayRoute) -> list[Attachment]:
        """The parents that accept a route, in istiod's order."""
        found: list[tuple[str, str, Attachment]] = []
        for reference in items(route.raw, "spec", "parentRefs"):
            order = _order(reference, route.namespace)
            found += [(each.gateway, order, each) for each in self._accepting(route, reference)]
        return [each for _, _, each in sorted(found, key=lambda each: each[:2])]

    def _accepting(self, route: GatewayRoute, reference: Raw) -> list[Attachment]:
        kind = normalized(reference, KUBERNETES_GATEWAY)
        place, name = text(reference, "namespace") or route.namespace, text(reference, "name")
        hosts: tuple[str, ...] | None
        if kind == SERVICE:
            hosts = (f"{name}.{place}.svc.{DOMAIN}",) if (place, name) in self._services else None
        elif kind == SERVICE_ENTRY:
            hosts = self._entries.get((place, name))
        elif kind in (KUBERNETES_GATEWAY, LISTENER_SET):
            listeners = self._parents.get((kind, place, name), [])
            return [_listener(each, listeners) for each in listeners if _allows(each, route, reference)]
        else:
            return []
        return [Attachment(MESH, number(reference, "port"), hosts)] if hosts is not None else []


def _listener(parent: Parent, all_of_them: Sequence[Parent]) -> Attachment:
    others = frozenset(
        each.hostname
        for each in all_of_them
        if each is not parent and each.port == parent.port and each.protocol == parent.protocol
    )
    return Attachment(parent.internal, None, (), parent.hostname, others - {parent.hostname})


def _order(reference: Raw, namespace: str) -> str:
    """`parentRefString`: references of one Gateway stay in this order."""
    kind = normalized(reference, KUBERNETES_GATEWAY)
    place, section = text(reference, "namespace") or namespace, text(reference, "sectionName")
    return f"{kind.group}/{kind.kind}/{text(reference, 'name')}/{section}/{number(reference, 'port') or 0}.{place}"


def _allows(parent: Parent, route: GatewayRoute, reference: Raw) -> bool:
    """Whether a listener accepts a route: port, name, host names, namespace and kind."""
    if number(reference, "port") not in (None, 0, parent.port):
        return False
    if text(reference, "sectionName") not in ("", parent.section):
        return False
    return _host_allowed(parent, route) and route.kind in _kinds(parent)


def _host_allowed(parent: Parent, route: GatewayRoute) -> bool:
    wanted = ("*",) if isinstance(route, TCPRoute) else route.hostnames or ("*",)
    for each in parent.hosts:
        place, _, host = each.partition("/")
        if place in ("*", route.namespace) and any(hosts_overlap(host, name) for name in wanted):
            return True
    return False


def _kinds(parent: Parent) -> list[str]:
    """The kinds of routes that a listener accepts: `GenerateGatewaySupportedKinds`."""
    supported = {"HTTP": ["HTTPRoute", "GRPCRoute"], "HTTPS": ["HTTPRoute", "GRPCRoute"], "TCP": ["TCPRoute"]}
    found = supported.get(parent.protocol, [])
    if parent.protocol == "TLS":
        found = ["TLSRoute"]
        if text(parent.listener, "tls", "mode") == "Terminate":
            found.append("TCPRoute")
    allowed = items(parent.listener, "allowedRoutes", "kinds")
    named = {(each.get("group", GATEWAY_API), text(each, "kind")) for each in allowed}
    return [each for each in found if not allowed or (GATEWAY_API, each) in named]
