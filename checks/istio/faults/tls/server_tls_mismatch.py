"""A mismatch between the TLS of sidecars and a server of the gateway.

It has its evidence and the TLS that the server expects.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from checks.facts.fact import KubernetesObject
from checks.istio.faults.definition.fault import RouteFault
from checks.istio.faults.gateway.gateway_hop import GatewayHop
from checks.istio.fixes.tls_settings import dropping_entry, policy_place, tls_place
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.model.findings import Evidence
from checks.model.raw_values import text
from checks.model.route import HopName

TLS_CHECK = "tls-contract-broken"


@dataclass(frozen=True, slots=True)
class ServerTlsFault(RouteFault):
    """A mismatch between the TLS of sidecars and a server of the gateway."""

    hop: ClassVar[HopName] = HopName.SERVER
    check: ClassVar[str] = TLS_CHECK
    expected: ClassVar[str] = ""
    """The setting that is expected of sidecars; "" for the server's mode."""
    at: GatewayHop
    server: GatewayServer

    @property
    def mode(self) -> str:
        """The TLS mode of sidecars."""
        return self.at.tls.mode if self.at.tls is not None else ""

    @property
    def sni(self) -> str:
        """The SNI that a DestinationRule sets."""
        policy = self.at.sent.policy if self.at.sent is not None else {}
        return text(policy, "tls", "sni")

    @property
    def namespace(self) -> str:
        """The namespace of a DestinationRule that replaces the present one for the clients."""
        rule = self.at.sent.rule if self.at.sent is not None else None
        own = self.at.broken.client_namespaces
        return (
            rule.first.namespace
            if rule is not None and rule.first.namespace in own
            else self.at.broken.facts.gateway.namespace
        )

    @property
    def setting(self) -> str:
        """The deciding setting as sentences name it."""
        place = tls_place(self.at.sent) if self.at.sent is not None else None
        if place is not None:
            return f"{place[1]} of {place[0].ref}"
        dropping = dropping_entry(self.at.sent) if self.at.sent is not None else ""
        whole = policy_place(self.at.sent) if self.at.sent is not None else None
        if whole is None:
            return ""
        return f"{dropping} of {whole[0].ref}, which replaces the tls above it," if dropping else whole[0].ref

    def evidence(self) -> tuple[Evidence, ...]:
        mode = self.server.mode or "(none)"
        at_server = Evidence(self.server.written.ref, self.server.field("tls.mode"), mode)
        return (self._observed(), at_server, *self._ages())

    def _observed(self) -> Evidence:
        expected = self.expected or f"{self.server.mode}, sni {self.at.host}"
        place = tls_place(self.at.sent) if self.at.sent is not None else None
        if place is not None:
            return Evidence(place[0].ref, place[1], self.mode + (f", sni {self.sni}" if self.sni else ""), expected)
        whole = policy_place(self.at.sent) if self.at.sent is not None else None
        if whole is None:
            name = "destinationrules.networking.istio.io"
            return Evidence(name, "spec.host", "(none that applies)", self.at.name.host)
        dropping = dropping_entry(self.at.sent) if self.at.sent is not None else ""
        return Evidence(whole[0].ref, f"{dropping or whole[1]}.tls", "(not set)", expected)

    def _ages(self) -> Iterator[Evidence]:
        rule = self.at.sent.rule if self.at.sent is not None else None
        for each in rule.sources[:5] if rule is not None and len(rule.sources) > 1 else ():
            created = text(each.raw, "metadata", "creationTimestamp") or "(unknown)"
            yield Evidence(each.ref, "metadata.creationTimestamp", created, "oldest first")

    def shown(self) -> tuple[KubernetesObject, ...]:
        rule = self.at.sent.rule if self.at.sent is not None else None
        return (*(rule.sources[:2] if rule is not None else ()), self.server.written)

    def wanted(self) -> dict[str, Any]:
        """The TLS settings that the server expects of sidecars."""
        mode = self.server.mode if self.server.mode in ("SIMPLE", "MUTUAL") else "ISTIO_MUTUAL"
        return {"mode": mode, "sni": self.at.host}
