"""A mismatch between the TLS of the gateway and a destination: its evidence."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import DestinationRule
from checks.istio.faults.definition.fault import RouteFault
from checks.istio.faults.destinations.entry_hop import EntryHop
from checks.istio.faults.tls.server_tls_mismatch import TLS_CHECK
from checks.istio.fixes.origination import applying_elsewhere
from checks.istio.fixes.tls_settings import dropping_entry, policy_place, tls_place
from checks.model.findings import Evidence
from checks.model.raw_values import text
from checks.model.route import HopName


@dataclass(frozen=True, slots=True)
class DestinationTlsFault(RouteFault):
    """A mismatch between the TLS of the gateway and the destination."""

    hop: ClassVar[HopName] = HopName.ENTRY
    check: ClassVar[str] = TLS_CHECK
    expected: ClassVar[str] = ""
    at: EntryHop

    @property
    def mode(self) -> str:
        """The TLS mode of the gateway."""
        return self.at.tls.mode if self.at.tls is not None else ""

    @property
    def place(self) -> tuple[DestinationRule, str] | None:
        """The object and field path of the gateway's TLS settings."""
        return tls_place(self.at.cluster) if self.at.cluster is not None else None

    @property
    def setting(self) -> str:
        """The deciding setting as sentences name it; "" if no DestinationRule applies."""
        if self.place is not None:
            return f"{self.place[1]} of {self.place[0].ref}"
        whole = policy_place(self.at.cluster) if self.at.cluster is not None else None
        if whole is None or self.at.cluster is None:
            return ""
        dropping = dropping_entry(self.at.cluster)
        return f"{dropping} of {whole[0].ref}, which replaces the tls above it," if dropping else whole[0].ref

    @property
    def target(self) -> str:
        """The destination's host and the port at which the request arrives."""
        return f"{self.at.name.host}:{self.at.broken.end.port or self.at.name.port}"

    def evidence(self) -> tuple[Evidence, ...]:
        source, field = self.at.step.origin.source, f"{self.at.step.origin.field}.route[*].destination.port.number"
        routed = (Evidence(source.ref, field, str(self.at.name.port)),) if source is not None else ()
        return (self._observed(), *routed, *self._left_out())

    def _observed(self) -> Evidence:
        if self.place is not None:
            sni = text(self.at.cluster.policy, "tls", "sni") if self.at.cluster is not None else ""
            written = self.mode + (f", sni {sni}" if sni else "")
            return Evidence(self.place[0].ref, self.place[1], written, self.expected)
        whole = policy_place(self.at.cluster) if self.at.cluster is not None else None
        if whole is None or self.at.cluster is None:
            kind = "destinationrules.networking.istio.io"
            return Evidence(kind, "spec.host", "(none that applies)", self.at.name.host)
        field = dropping_entry(self.at.cluster) or whole[1]
        return Evidence(whole[0].ref, f"{field}.tls", "(not set)", self.expected)

    def _left_out(self) -> Iterator[Evidence]:
        """DestinationRules for the destination that do not apply at the gateway."""
        for each in applying_elsewhere(self.at)[:3]:
            if each.workload_selector:
                selector = ", ".join(f"{key}={value}" for key, value in sorted(each.workload_selector.items()))
                yield Evidence(each.ref, "spec.workloadSelector", selector, "the proxy's labels, or none")
            else:
                written = ", ".join(each.export_to) or "(not set)"
                yield Evidence(each.ref, "spec.exportTo", written, "(not used: in another namespace, or not exported)")

    def shown(self) -> tuple[KubernetesObject, ...]:
        rule = self.at.cluster.rule if self.at.cluster is not None else None
        return (*(rule.sources[:2] if rule is not None else ()), *applying_elsewhere(self.at)[:2])
