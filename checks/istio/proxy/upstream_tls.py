"""The TLS contexts of clusters: from DestinationRules, or Istio's automatic mutual TLS.

Source: Istio `pilot/pkg/networking/core/cluster_tls.go`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from checks.facts.istio_networking import ServiceEntry
from checks.istio.mesh.destination_rules import MergedRule
from checks.istio.mesh.mesh import Mesh
from checks.istio.mesh.proxies import Proxy
from checks.istio.mesh.services import MeshPort, MeshService, Resolution
from checks.istio.proxy.endpoints import Endpoints
from checks.model.raw_values import Raw, flag, mapping, text, texts


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


class UpstreamContexts:
    """The TLS contexts of one proxy's clusters."""

    def __init__(self, mesh: Mesh, proxy: Proxy, endpoints: Endpoints) -> None:
        self._mesh, self._proxy, self._endpoints = mesh, proxy, endpoints

    def context(
        self,
        service: MeshService,
        port: MeshPort,
        subset: str,
        rule: MergedRule | None,
        policy: Mapping[str, Any],
        *,
        original: bool,
        http2: bool,
    ) -> UpstreamTls | None:
        """The TLS context of a cluster; None for plain text.

        `original` is set if the cluster keeps the original destination.
        """
        written = policy.get("tls")
        if written is None:
            return self._automatic(service, port, subset, rule, original=original)
        mode = text(written, "mode").upper() or "DISABLE"
        if mode == "ISTIO_MUTUAL":
            names = texts(written, "subjectAltNames") or self._endpoints.accounts(service)
            sni = text(written, "sni") or _server_name(service, port, subset)
            return UpstreamTls(mode, sni, False, ("istio",), "mesh", names)
        if mode not in ("SIMPLE", "MUTUAL"):
            return None
        return self._origination(service, rule, written, mode, http2=http2)

    def _origination(
        self, service: MeshService, rule: MergedRule | None, written: Raw, mode: str, *, http2: bool
    ) -> UpstreamTls | None:
        secret = text(written, "credentialName")
        selects = rule is not None and rule.selector is not None
        if secret and not secret.startswith("configmap://") and not self._proxy.gateway and not selects:
            return None  # a sidecar ignores credentialName of a rule that does not select workloads
        sni, names = text(written, "sni"), texts(written, "subjectAltNames")
        if not names and isinstance(service.source, ServiceEntry):
            names = texts(service.source.raw, "spec", "subjectAltNames")
        trusts = "" if flag(written, "insecureSkipVerify") is True else "public"
        return UpstreamTls(mode, sni, not sni, ("h2",) if http2 else (), trusts, names, secret)

    def _automatic(
        self, service: MeshService, port: MeshPort, subset: str, rule: MergedRule | None, *, original: bool
    ) -> UpstreamTls | None:
        """Istio's mutual TLS without a setting, for endpoints that accept it.

        If the service, or the rule's or subset's own policy, keeps the original destination, all endpoints must accept it.
        Another policy that keeps it, of a port or above a subset, is not compared with endpoints: TLS is then always used.

        Source: Istio `BestEffortInferServiceMTLSMode`, `applyUpstreamTLSSettings`.
        """
        if service.external or not self._mesh.configuration.automatic_mutual_tls:
            return None
        own: Raw = (rule.policy or {}) if rule is not None else {}
        if subset and rule is not None:
            own = mapping(rule.subsets[subset][0], "trafficPolicy")
        keeps = text(own, "loadBalancer", "simple").upper() == "PASSTHROUGH"
        accepting = [each.mutual_tls for each in self._endpoints.of(service, port, {})]
        if keeps or service.resolution is Resolution.ORIGINAL_DESTINATION:
            if not accepting or not all(accepting):
                return None
        elif not original and not any(accepting):
            return None
        if self._peer_authentication(service.namespace) == "DISABLE":
            return None
        sni, accounts = _server_name(service, port, subset), self._endpoints.accounts(service)
        return UpstreamTls("ISTIO_MUTUAL", sni, False, ("istio",), "mesh", accounts, automatic=not original)

    def _peer_authentication(self, namespace: str) -> str:
        """The mode of the oldest PeerAuthentication without a selector.

        The namespace's comes before the mesh's.
        """
        for place in (namespace, self._mesh.configuration.root):
            for each in self._mesh.peer_authentications:
                if each.namespace == place and not mapping(each.raw, "spec", "selector"):
                    mode = text(each.raw, "spec", "mtls", "mode").upper()
                    if mode not in ("", "UNSET"):
                        return mode
        return "PERMISSIVE"


def _server_name(service: MeshService, port: MeshPort, subset: str) -> str:
    """The SNI by which sidecars and gateways know a cluster."""
    return f"outbound_.{port.number}_.{subset}_.{service.host}"
