"""Clusters of a proxy: services by host, port and subset, with endpoints and TLS context.

Source: Istio `pilot/pkg/networking/core/cluster*.go`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from checks.facts.istio_networking import ServiceEntry
from checks.facts.pods import Pod
from checks.istio.mesh.destination_rules import MergedRule, policy_for
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.names import is_wildcard
from checks.istio.mesh.protocols import Protocol
from checks.istio.mesh.proxies import Proxy
from checks.istio.mesh.registries import entry_endpoints
from checks.istio.mesh.services import UNSPECIFIED, MeshPort, MeshService, Resolution
from checks.model.raw_values import flag, items, labels, mapping, number, text, texts

PASSTHROUGH, BLACK_HOLE = "PassthroughCluster", "BlackHoleCluster"


@dataclass(frozen=True, slots=True)
class ClusterName:
    """`outbound|port|subset|host`, or one of Istio's own clusters with only a host."""

    host: str
    port: int = 0
    subset: str = ""

    def __str__(self) -> str:
        return f"outbound|{self.port}|{self.subset}|{self.host}" if self.port else self.host


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint of a cluster: an address or a name, and a port."""

    address: str
    port: int
    mutual_tls: bool = False
    """Whether its proxy accepts Istio's mutual TLS (label `security.istio.io/tlsMode: istio`)."""
    pod: Pod | None = None


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """The TLS context of a cluster."""

    mode: str
    """`SIMPLE`, `MUTUAL` or `ISTIO_MUTUAL`."""
    sni: str
    automatic_sni: bool
    """The SNI is the request's authority if none is set."""
    alpn: tuple[str, ...]
    trusts: str
    """`mesh`, `public`, or `` if it does not verify the server."""
    names: tuple[str, ...]
    """Subject alternative names that it accepts; empty: any."""
    secret: str = ""
    """A Secret in the proxy's namespace that it needs."""
    automatic: bool = False
    """Only for endpoints that accept Istio's mutual TLS."""


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """A cluster of a proxy."""

    name: ClusterName
    service: MeshService
    port: MeshPort
    rule: MergedRule | None
    policy: Mapping[str, Any]
    original_destination: bool
    http2: bool
    tls: UpstreamTls | None


class Clusters:
    """The clusters of one proxy, built when they are asked for."""

    def __init__(self, mesh: Mesh, proxy: Proxy) -> None:
        self._mesh, self._proxy = mesh, proxy
        self._scope = mesh.scope(proxy)
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
        dynamic = service.resolution is Resolution.DYNAMIC_DNS
        rule = self.rule_for(service)
        if name.subset and (rule is None or name.subset not in rule.subsets or dynamic):
            return None
        policy = policy_for(rule, name.subset, port.number)
        passthrough = text(policy, "loadBalancer", "simple").upper() == "PASSTHROUGH"
        headless = service.resolution is Resolution.ORIGINAL_DESTINATION and not self._proxy.gateway
        original = passthrough or (headless and not service.kubernetes)
        wanted = labels(rule.subsets[name.subset][0], "labels") if name.subset and rule is not None else {}
        if (
            service.resolution is Resolution.DNS
            and not original
            and not list(self._entry_endpoints(service, port, wanted))
        ):
            return None  # istiod leaves out a DNS cluster without an endpoint
        http2 = port.protocol.is_http2 or self._upgraded(policy, port)
        return Cluster(
            name, service, port, rule, policy, original, http2, self._tls(name, service, rule, policy, original, http2)
        )

    def _upgraded(self, policy: Mapping[str, Any], port: MeshPort) -> bool:
        wanted = text(policy, "connectionPool", "http", "h2UpgradePolicy").upper() or "DEFAULT"
        if port.protocol is not Protocol.HTTP:
            return False
        return wanted == "UPGRADE" or (wanted == "DEFAULT" and self._mesh.configuration.h2_upgrade)

    # TLS

    def _tls(
        self,
        name: ClusterName,
        service: MeshService,
        rule: MergedRule | None,
        policy: Mapping[str, Any],
        original: bool,
        http2: bool,
    ) -> UpstreamTls | None:
        written = policy.get("tls")
        if written is None:
            return self._automatic(name, service, rule, original)
        mode = text(written, "mode").upper() or "DISABLE"
        if mode == "ISTIO_MUTUAL":
            names = texts(written, "subjectAltNames") or self._accounts(service)
            return UpstreamTls(mode, text(written, "sni") or _dns_name(name), False, ("istio",), "mesh", names)
        if mode not in ("SIMPLE", "MUTUAL"):
            return None
        secret = text(written, "credentialName")
        if (
            secret
            and not secret.startswith("configmap://")
            and not self._proxy.gateway
            and (rule is None or rule.selector is None)
        ):
            return None  # a sidecar ignores credentialName of a rule that does not select workloads
        sni, names = text(written, "sni"), texts(written, "subjectAltNames")
        if not names and isinstance(service.source, ServiceEntry):
            names = texts(service.source.raw, "spec", "subjectAltNames")
        insecure = flag(written, "insecureSkipVerify") is True
        verified = not insecure
        return UpstreamTls(
            mode,
            sni,
            not sni,
            ("h2",) if http2 else (),
            "public" if verified else "",
            names,
            secret,
        )

    def _automatic(
        self, name: ClusterName, service: MeshService, rule: MergedRule | None, original: bool
    ) -> UpstreamTls | None:
        """Istio's mutual TLS without a setting: for endpoints that accept it. A cluster that keeps the original
        destination knows no endpoint, so there all of the service's must."""
        if service.external or not self._mesh.configuration.automatic_mutual_tls:
            return None
        own: Mapping[str, Any] = (rule.policy or {}) if rule is not None else {}
        if name.subset and rule is not None:
            own = mapping(rule.subsets[name.subset][0], "trafficPolicy")
        keeps = text(own, "loadBalancer", "simple").upper() == "PASSTHROUGH"
        if keeps or service.resolution is Resolution.ORIGINAL_DESTINATION:
            port = service.port(name.port)
            found = self.instances(service, port) if port is not None else []
            if not found or not all(each.mutual_tls for each in found):
                return None
        if self._peer_authentication(service.namespace) == "DISABLE":
            return None
        accounts = self._accounts(service)
        return UpstreamTls("ISTIO_MUTUAL", _dns_name(name), False, ("istio",), "mesh", accounts, automatic=not original)

    def _peer_authentication(self, namespace: str) -> str:
        """The mode of the namespace's or the mesh's PeerAuthentication without a selector; the oldest one."""
        for place in (namespace, self._mesh.configuration.root):
            for each in self._mesh.peer_authentications:
                if each.namespace == place and not mapping(each.raw, "spec", "selector"):
                    mode = text(each.raw, "spec", "mtls", "mode").upper()
                    if mode not in ("", "UNSET"):
                        return mode
        return "PERMISSIVE"

    def _accounts(self, service: MeshService) -> tuple[str, ...]:
        """The identities of the service's endpoints, which its certificate must name."""
        domain = self._mesh.configuration.trust_domain
        if not service.kubernetes:
            return texts(service.source.raw, "spec", "subjectAltNames")
        found = {
            f"spiffe://{domain}/ns/{pod.namespace}/sa/{pod.service_account or 'default'}" for pod in self._pods(service)
        }
        return tuple(sorted(found))

    # endpoints

    def _pods(self, service: MeshService) -> Iterator[Pod]:
        addresses = {
            address
            for each in self._mesh.slices.get((service.namespace, service.source.name), ())
            for address in each.ready_addresses
        }
        yield from self._mesh.pods_by_address(addresses)

    def endpoints(self, cluster: Cluster) -> list[Endpoint]:
        """The endpoints of a cluster that finds them itself."""
        service, port = cluster.service, cluster.port
        wanted = self._subset_labels(cluster)
        if service.kubernetes:
            return list(self._slice_endpoints(service, port, wanted))
        return list(self._entry_endpoints(service, port, wanted))

    def instances(self, service: MeshService, port: MeshPort) -> list[Endpoint]:
        """The endpoints of a service's port without a subset."""
        if service.kubernetes:
            return list(self._slice_endpoints(service, port, {}))
        return list(self._entry_endpoints(service, port, {}))

    def _subset_labels(self, cluster: Cluster) -> Mapping[str, str]:
        if not cluster.name.subset or cluster.rule is None:
            return {}
        return labels(cluster.rule.subsets[cluster.name.subset][0], "labels")

    def _slice_endpoints(self, service: MeshService, port: MeshPort, wanted: Mapping[str, str]) -> Iterator[Endpoint]:
        for each in self._mesh.slices.get((service.namespace, service.source.name), ()):
            target = next((number(p, "port") for p in items(each.raw, "ports") if text(p, "name") == port.name), None)
            if target is None:
                continue
            for address in each.ready_addresses:
                pod = self._mesh.pod_at(address)
                if pod is None and wanted:
                    continue
                own = pod.labels if pod is not None else {}
                if all(own.get(key) == value for key, value in wanted.items()):
                    yield Endpoint(address, target, own.get("security.istio.io/tlsMode") == "istio", pod)

    def _entry_endpoints(self, service: MeshService, port: MeshPort, wanted: Mapping[str, str]) -> Iterator[Endpoint]:
        entry = service.source
        if not isinstance(entry, ServiceEntry):
            return
        if service.selector:
            for pod in self._mesh.pods:
                own = pod.labels
                if (
                    pod.namespace == entry.namespace
                    and not pod.finished
                    and pod.ip
                    and all(own.get(key) == value for key, value in service.selector.items())
                    and all(own.get(key) == value for key, value in wanted.items())
                ):
                    target = port.target if isinstance(port.target, int) else port.number
                    yield Endpoint(pod.ip, target, own.get("security.istio.io/tlsMode") == "istio", pod)
            return
        listed = entry_endpoints(entry, port)
        for address, target, labelled in listed:
            if _has(labelled, wanted):
                yield Endpoint(address, target, labelled.get("security.istio.io/tlsMode") == "istio")
        by_name = not listed and service.resolution is Resolution.DNS and not is_wildcard(service.host)
        if by_name and _has(service.labels, wanted):
            yield Endpoint(service.host, port.target if isinstance(port.target, int) else port.number)


def _has(own: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(own.get(key) == value for key, value in wanted.items())


def _dns_name(name: ClusterName) -> str:
    return f"outbound_.{name.port}_.{name.subset}_.{name.host}"


def address_for(service: MeshService, proxy: Proxy) -> str:
    """The address by which a proxy knows a service."""
    if service.kubernetes and service.address != UNSPECIFIED:
        return service.address
    if proxy.captures_dns and service.address == UNSPECIFIED and service.allocated:
        return service.allocated
    return service.address
