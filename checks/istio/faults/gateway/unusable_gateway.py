"""Gateways that do not exist, are not discovered, or do not select the gateway's pods."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import Gateway
from checks.facts.namespaces import ConfigMap
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import Fix, RouteFault
from checks.istio.faults.gateway.gateway_hop import GatewayHop, HostRules
from checks.istio.fixes.discovery import discovered_by
from checks.istio.fixes.gateways import new_gateway, new_server, pod_label, selecting, selecting_title
from checks.istio.fixes.rules import kind_of_scheme
from checks.istio.mesh.objects.hosts import is_subset
from checks.model.commands import MESHCFG
from checks.model.findings import Evidence, Involved
from checks.model.route import HopName


def written_labels(labels: object) -> str:
    """Labels or a selector in one line."""
    if not isinstance(labels, dict) or not labels:
        return "(empty)"
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))


@dataclass(frozen=True, slots=True)
class GatewayNotDiscovered(RouteFault):
    """A Gateway in a namespace that istiod does not discover (docs/domain/istio.md#b28)."""

    name: ClassVar[str] = "gateway-not-discovered"
    hop: ClassVar[HopName] = HopName.SERVER
    check: ClassVar[str] = "namespace-not-discovered"
    gateway: Gateway
    host: str
    settings: tuple[ConfigMap, ...]

    def sentence(self) -> str:
        return f"Istiod does not discover the namespace of {self.gateway.ref}, which has a server for {self.host}"

    def evidence(self) -> tuple[Evidence, ...]:
        change = discovered_by(self.settings, self.gateway.namespace)
        where = change.ref if change is not None else "MeshConfig"
        wanted = f"a selector that matches {self.gateway.namespace}"
        return (Evidence(where, "data.mesh", "discoverySelectors", wanted),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        change = discovered_by(self.settings, self.gateway.namespace)
        if change is not None:
            title = f"Edit the mesh configuration: add a selector that matches {self.gateway.namespace}"
            yield Fix(title, (change,), MESHCFG)

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.gateway,)

    def involved(self) -> tuple[Involved, ...]:
        return (Involved("namespace", self.gateway.namespace),)


@dataclass(frozen=True, slots=True)
class NotSelected(RouteFault):
    """A Gateway that does not select the gateway's pods, or not all of them.

    Source: docs/domain/istio.md#b01.
    """

    name: ClassVar[str] = "not-selected"
    hop: ClassVar[HopName] = HopName.SERVER
    check: ClassVar[str] = "gateway-selector-mismatch"
    gateway: Gateway
    wanted: dict[str, str]
    egress: str
    sole: bool = True
    """Whether it selects no proxy of another gateway, which would lose its servers."""
    refusing: tuple[int, int] | None = None
    """(ready pods that it does not select, all ready pods), if it selects a part of them."""

    def sentence(self) -> str:
        selector = written_labels(self.gateway.selector)
        if self.refusing is not None:
            some, every = self.refusing
            return f"{self.gateway.ref} selects {selector}, which {some} of {every} ready pods of {self.egress} do not have"
        return (
            f"{self.gateway.ref} selects {selector}, but the pods of {self.egress} have {written_labels(self.wanted)}"
        )

    def evidence(self) -> tuple[Evidence, ...]:
        written, wanted = written_labels(self.gateway.selector), written_labels(self.wanted)
        return (Evidence(self.gateway.ref, "spec.selector", written, wanted),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        labels, own = [each.proxy.labels for each in broken.gateways], broken.facts.gateway.namespace
        change = selecting(self.gateway, labels)
        yield Fix(selecting_title(self.gateway, own), (change,) if self.sole else ())

    def shown(self) -> tuple[KubernetesObject, ...]:
        return (self.gateway,)


@dataclass(frozen=True, slots=True)
class NoGateway(RouteFault):
    """A Gateway that a VirtualService names, and that does not exist.

    No other Gateway has the host (docs/domain/istio.md#b03).
    """

    name: ClassVar[str] = "no-such-gateway"
    hop: ClassVar[HopName] = HopName.SERVER
    check: ClassVar[str] = "gateway-selector-mismatch"
    at: GatewayHop
    gateway: str

    @property
    def _routes(self) -> list[HostRules]:
        return [each for each in self.at.routes if self.gateway in each.gateways]

    def sentence(self) -> str:
        service, routes = self.at.broken.facts.gateway.ref, ", ".join(each.source.ref for each in self._routes[:3])
        return f"Gateway {self.gateway}, which {routes} names, does not exist, and no server of {service} has {self.at.host}"

    def evidence(self) -> tuple[Evidence, ...]:
        written = (Evidence(each.source.ref, "spec.gateways", ", ".join(each.source.gateways)) for each in self._routes)
        wanted = written_labels(pod_label([each.proxy.labels for each in self.at.proxies]))
        return (Evidence("gateways.networking.istio.io", "spec.selector", "(no match)", wanted), *written)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        labels = pod_label([each.proxy.labels for each in self.at.proxies])
        hosts = dict.fromkeys((self.at.host, *(host for each in self._routes for host in each.hosts)))
        kept = [each for each in hosts if each != self.at.host or not self._within(hosts)]
        mesh_tls = self.at.tls is not None and self.at.tls.mode == "ISTIO_MUTUAL"
        server = new_server(kind_of_scheme(broken.request.scheme), self.at.name.port, kept, mesh_tls=mesh_tls)
        yield Fix("Create the Gateway", (new_gateway(self.gateway, labels, server),))

    def _within(self, hosts: dict[str, None]) -> bool:
        return any(each != self.at.host and is_subset(self.at.host, each) for each in hosts)

    def shown(self) -> tuple[KubernetesObject, ...]:
        return tuple(each.source for each in self._routes)
