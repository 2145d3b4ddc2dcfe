"""The rules of VirtualServices, and those that istiod makes of Gateway API routes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from checks.facts.fact import KubernetesObject
from checks.istio.mesh.objects.hosts import qualified
from checks.model.raw_values import Raw, items, mapping, number, text, texts

MESH = "mesh"
"""The name by which VirtualServices apply to sidecars."""


@dataclass(frozen=True)
class RoutingRule:
    """A rule of a VirtualService, or of the delegate that was merged into it.

    `field` is its path in its own object, such as `spec.http[0]`.
    """

    raw: Raw
    field: str
    source: KubernetesObject
    namespace: str
    """The namespace that completes short names."""
    gateway_api: bool = False
    """Whether it comes from a route of the Gateway API.

    The hosts of such a rule are complete, and a missing cluster is answered with 500.
    """

    @cached_property
    def _matches(self) -> tuple[Raw, ...]:
        return items(self.raw, "match")

    def matches(self) -> tuple[Raw, ...]:
        """Its match blocks; empty if it matches every request."""
        return self._matches

    @cached_property
    def destinations(self) -> tuple[tuple[str, int], ...]:
        """(host, port, 0 for any) of each destination of its routes."""
        found = (mapping(each, "destination") for each in items(self.raw, "route"))
        return tuple((self.destination(each), number(each, "port", "number") or 0) for each in found)

    def destination(self, destination: Raw) -> str:
        """The full host of a destination."""
        host = text(destination, "host")
        return host if self.gateway_api else qualified(host, self.namespace)

    def gateways(self, match: Raw) -> tuple[str, ...]:
        """The Gateways of a match block as `namespace/name`, or `mesh`."""
        return tuple(gateway_name(each, self.namespace) for each in texts(match, "gateways"))


@dataclass(frozen=True, slots=True)
class ProtocolRules:
    """The rules of a VirtualService by protocol, in order."""

    http: tuple[RoutingRule, ...] = ()
    tls: tuple[RoutingRule, ...] = ()
    tcp: tuple[RoutingRule, ...] = ()


@dataclass(frozen=True, eq=False)
class RoutingRules:
    """A VirtualService with full names and merged delegates."""

    source: KubernetesObject
    namespace: str
    hosts: tuple[str, ...]
    gateways: frozenset[str]
    read: Callable[[], ProtocolRules]
    """Reads the rules when a request needs them: most VirtualServices decide none of a run's."""
    name: str
    """The name by which istiod orders it.

    It is the name of the VirtualService, or of the one that istiod makes of a route.
    """
    gateway_api: bool = False
    """Whether it comes from routes of the Gateway API."""

    @cached_property
    def age(self) -> tuple[str, str, str]:
        """Its place in istiod's order."""
        return text(self.source.raw, "metadata", "creationTimestamp"), self.name, self.namespace

    @cached_property
    def export_to(self) -> tuple[str, ...]:
        """Its `exportTo` as written, empty for a route of the Gateway API."""
        return () if self.gateway_api else texts(self.source.raw, "spec", "exportTo")

    @cached_property
    def rules(self) -> ProtocolRules:
        """Its rules with merged delegates."""
        return self.read()

    @property
    def http(self) -> tuple[RoutingRule, ...]:
        return self.rules.http

    @property
    def tls(self) -> tuple[RoutingRule, ...]:
        return self.rules.tls

    @property
    def tcp(self) -> tuple[RoutingRule, ...]:
        return self.rules.tcp

    def applies_in(self, namespace: str, services: Iterable[str]) -> bool:
        """Whether clients of a namespace apply its HTTP rules.

        `services`: the namespaces of the services of its hosts.

        A route of the Gateway API applies to the clients of its own namespace, and to all clients of services of that
        namespace.

        Source: Istio `BuildSidecarVirtualHostWrapper`; Gateway API, "Gateway API for Service Mesh".
        """
        return not self.gateway_api or self.namespace in (namespace, *services)

    def destinations(self, namespace: str | None) -> Iterator[tuple[str, int]]:
        """(host, port, 0 for any) of each destination that a client in the namespace can have.

        `namespace`: None for clients in any namespace.
        """
        for rule in (*self.http, *self.tls, *self.tcp):
            if namespace is not None and not _from_namespace(rule, namespace):
                continue
            yield from rule.destinations


def _from_namespace(rule: RoutingRule, namespace: str) -> bool:
    matches = rule.matches()
    return not matches or any(text(each, "sourceNamespace") in ("", namespace) for each in matches)


def gateway_name(written: str, namespace: str) -> str:
    """The full name of a Gateway that a VirtualService names."""
    if written == MESH:
        return MESH
    if "/" in written:
        return written.removeprefix("./") if not written.startswith("./") else f"{namespace}/{written[2:]}"
    return f"{namespace}/{written}"
