"""Clusters of a proxy: services by host, port and subset, with endpoints and TLS context.

Source: Istio `pilot/pkg/networking/core/cluster*.go`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from checks.istio.mesh.destination_rules import MergedRule, policy_for
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.objects.hosts import is_wildcard
from checks.istio.mesh.protocols import Protocol
from checks.istio.mesh.proxies import Proxy
from checks.istio.mesh.services import MeshPort, MeshService, Resolution
from checks.istio.proxy.endpoints import Endpoint, Endpoints
from checks.istio.proxy.upstream_tls import UpstreamContexts, UpstreamTls
from checks.model.raw_values import Raw, labels, mapping, text
from checks.model.value_types import value

_ON_REQUEST = (Protocol.HTTP, Protocol.TLS, Protocol.GRPC, Protocol.HTTP2)
"""The protocols of ports whose hosts a proxy can resolve on request.

Source: Istio `buildOutboundClusters`.
"""

PASSTHROUGH, BLACK_HOLE = "PassthroughCluster", "BlackHoleCluster"


@value(frozen=True, slots=True)
class ClusterName:
    """`outbound|port|subset|host`, or one of Istio's own clusters with only a host."""

    host: str
    port: int = 0
    subset: str = ""

    @property
    def own(self) -> bool:
        """Whether it is one of Istio's own clusters."""
        return not self.port

    def __str__(self) -> str:
        return f"outbound|{self.port}|{self.subset}|{self.host}" if not self.own else self.host


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """An Envoy cluster of a proxy, with the DestinationRule that applies to it."""

    name: ClusterName
    service: MeshService
    port: MeshPort
    rule: MergedRule | None
    policy: Mapping[str, Any]
    original_destination: bool
    http2: bool
    tls: UpstreamTls | None

    @property
    def dynamic(self) -> bool:
        """Whether it resolves the host of each request (a dynamic forward proxy)."""
        return _resolves_on_request(self.service)


class Clusters:
    """The clusters of one proxy, built on first use."""

    def __init__(self, mesh: Mesh, proxy: Proxy) -> None:
        self._mesh, self._proxy = mesh, proxy
        self._scope = mesh.scope(proxy)
        self._endpoints = Endpoints(mesh)
        self._contexts = UpstreamContexts(mesh, proxy, self._endpoints)
        self._built: dict[ClusterName, Cluster | None] = {}

    def get(self, name: ClusterName) -> Cluster | None:
        """The cluster of a name; None if the proxy has none (NC)."""
        if name not in self._built:
            self._built[name] = self._build(name)
        return self._built[name]

    def rule_for(self, service: MeshService) -> MergedRule | None:
        """The DestinationRule that applies to a service for this proxy."""
        return self._mesh.destination_rules.rule_for(
            service.host, service.namespace, self._proxy.namespace, self._proxy.labels
        )

    def _build(self, name: ClusterName) -> Cluster | None:
        service = self._scope.by_host.get(name.host)
        port = service.port(name.port) if service is not None else None
        if service is None or port is None or service.resolution is Resolution.ALIAS or port.protocol is Protocol.UDP:
            return None
        dynamic = _resolves_on_request(service)
        if dynamic and port.protocol not in _ON_REQUEST:
            return None
        rule = self.rule_for(service)
        if name.subset and (rule is None or name.subset not in rule.subsets or dynamic):
            return None
        policy = policy_for(rule, name.subset, port.number)
        original = self._keeps_destination(service, (policy, *_broader_policies(rule, name.subset, port.number)))
        found_by_name = service.resolution is Resolution.DNS and not original
        if found_by_name and not self._endpoints.of(service, port, _subset_labels(rule, name.subset)):
            return None  # istiod leaves out a DNS cluster without an endpoint
        http2 = port.protocol.is_http2 or self._upgraded(policy, port)
        tls = self._contexts.context(service, port, name.subset, rule, policy, original=original, http2=http2)
        return Cluster(name, service, port, rule, policy, original, http2, tls)

    def _keeps_destination(self, service: MeshService, policies: Iterable[Raw]) -> bool:
        """Whether connections keep their original destination.

        They do at a sidecar for a service without resolution, or if a policy says so.
        """
        if any(text(each, "loadBalancer", "simple").upper() == "PASSTHROUGH" for each in policies):
            return True
        unresolved = service.resolution is Resolution.ORIGINAL_DESTINATION and not service.kubernetes
        return unresolved and not self._proxy.gateway

    def _upgraded(self, policy: Mapping[str, Any], port: MeshPort) -> bool:
        wanted = text(policy, "connectionPool", "http", "h2UpgradePolicy").upper() or "DEFAULT"
        if port.protocol is not Protocol.HTTP:
            return False
        return wanted == "UPGRADE" or (wanted == "DEFAULT" and self._mesh.configuration.h2_upgrade)

    def endpoints(self, cluster: Cluster) -> list[Endpoint]:
        """The endpoints of a cluster that finds them itself."""
        return self._endpoints.of(cluster.service, cluster.port, _subset_labels(cluster.rule, cluster.name.subset))

    def instances(self, service: MeshService, port: MeshPort) -> list[Endpoint]:
        """The endpoints of a service's port without a subset."""
        return self._endpoints.of(service, port, {})


def _resolves_on_request(service: MeshService) -> bool:
    return service.resolution is Resolution.DYNAMIC_DNS and is_wildcard(service.host)


def _broader_policies(rule: MergedRule | None, subset: str, port: int) -> Iterator[Raw]:
    """The policies that determine the type of a subset's cluster.

    They are those of the cluster without a subset and of the subset itself. They count even if settings of the port
    replace them.

    Source: Istio `buildSubsetCluster`.
    """
    if subset and rule is not None:
        yield policy_for(rule, "", port)
        yield mapping(rule.subsets[subset][0], "trafficPolicy")


def _subset_labels(rule: MergedRule | None, subset: str) -> Mapping[str, str]:
    return labels(rule.subsets[subset][0], "labels") if subset and rule is not None else {}
