"""Mismatches of TLS between gateway and destination.

Source: docs/domain/istio.md#tls-origination.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

from checks.facts.changes import JsonPatch, ObjectChange, ObjectWrite
from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import ServiceEntry
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import Fix, RouteFault
from checks.istio.faults.destinations.entry_hop import EntryHop, entry_hop
from checks.istio.faults.tls.destination_tls_mismatch import DestinationTlsFault
from checks.istio.fixes.entries import port_for_rule
from checks.istio.fixes.fields import appended, remove_field, set_field
from checks.istio.fixes.origination import origination_rules
from checks.istio.fixes.readers_of_rules import only_the_gateway
from checks.istio.fixes.tls_settings import with_tls, without_tls
from checks.istio.request.external_servers import TLS_TO_PLAIN_PORT
from checks.istio.request.outcome import Ending
from checks.model.findings import Evidence

_TLS_PORT = 443


def _gateway_without_tls(at: EntryHop, broken: BrokenRequest) -> ObjectWrite | None:
    """The change by which the gateway originates no TLS; None if no rule applies at it."""
    if at.cluster is None:
        return None
    return without_tls(at.cluster, broken.facts.gateway.namespace, only_the_gateway(broken.facts))


def at_destination_tls(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The setting that sends the destination what it does not understand."""
    hop = entry_hop(broken)
    if hop is None or hop.cluster is None or broken.end.ending is not Ending.NOT_UNDERSTOOD:
        return
    if hop.tls is None:
        # The gateway sends what it gets: plain text, or the application's TLS.
        if hop.kind == "http":
            yield PlainToTls(hop)
        elif broken.end.reason == TLS_TO_PLAIN_PORT:
            yield TlsToPlain(hop)
        return
    if hop.tls.mode == "ISTIO_MUTUAL":
        yield MeshTlsOutside(hop)
    if broken.end.reason == TLS_TO_PLAIN_PORT:
        yield TlsToPlain(hop)
    elif hop.kind != "http":
        yield DoubleAtGateway(hop)
    if hop.tls.names:
        yield OtherNames(hop)


class PlainToTls(DestinationTlsFault):
    """The gateway sends plain text to a TLS port (docs/domain/istio.md#b17)."""

    __slots__ = ()
    name: ClassVar[str] = "plain-to-tls"
    certain: ClassVar[bool] = True
    expected: ClassVar[str] = "SIMPLE or MUTUAL"

    def sentence(self) -> str:
        unset = (
            f"{self.setting} sets no TLS" if self.setting else "no DestinationRule that applies at the gateway sets TLS"
        )
        start = self.at.egress[:1].upper() + self.at.egress[1:]
        return f"{start} sends {self.at.host} in plain text to {self.target}, a TLS port, because {unset}"

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        for change in origination_rules(self.at):
            yield Fix("Originate TLS at the gateway", (change,))


class TlsToPlain(DestinationTlsFault):
    """The gateway sends TLS to a plain text port.

    Source: docs/domain/istio.md#b18, docs/rulings.md#ruling-22.
    """

    __slots__ = ()
    name: ClassVar[str] = "tls-to-plain"
    certain: ClassVar[bool] = True
    expected: ClassVar[str] = "only on a TLS port"

    def sentence(self) -> str:
        start = self.at.egress[:1].upper() + self.at.egress[1:]
        set_by = f"in TLS ({self.mode}, set by {self.setting})" if self.mode else "in the application's TLS"
        return f"{start} sends {self.at.host} to {self.target}, a plain text port, {set_by}"

    def evidence(self) -> tuple[Evidence, ...]:
        return tuple(each for each in super().evidence() if self.mode or each.field != "spec.host")

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        source = self.at.service.source if self.at.service is not None else None
        known = self.at.service.port(_TLS_PORT) if self.at.service is not None else None
        kind = "tls" if self.at.kind == "tls" else "http"
        before: tuple[JsonPatch, ...] = ()
        if known is None and isinstance(source, ServiceEntry):
            before = (appended(source, "spec.ports", port_for_rule(kind, _TLS_PORT, originates=True)),)
        for thing, path, _ in self.at.destinations():
            changes: tuple[ObjectChange, ...] = (*before, set_field(thing, f"{path}.port", {"number": _TLS_PORT}))
            yield Fix("Route to the TLS port of the destination", changes)
        without = _gateway_without_tls(self.at, broken)
        if without is not None:
            yield Fix("Disable TLS origination for the plain text port", (without,))
        for index, port in enumerate(source.ports if isinstance(source, ServiceEntry) else ()):
            if isinstance(source, ServiceEntry) and port.number == self.at.name.port and port.target:
                change = remove_field(source, f"spec.ports[{index}].targetPort")
                yield Fix(f"Send port {port.number} of {self.at.name.host} to itself", (change,))


class _WithoutTls(DestinationTlsFault):
    __slots__ = ()
    expected: ClassVar[str] = "(none)"

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        change = _gateway_without_tls(self.at, broken)
        if change is not None:
            yield Fix("Disable TLS origination, so that the gateway passes the application's TLS through", (change,))


class DoubleAtGateway(_WithoutTls):
    """The gateway wraps TLS that it passes through (docs/domain/istio.md#b21)."""

    __slots__ = ()
    name: ClassVar[str] = "double-at-gateway"
    certain: ClassVar[bool] = True

    def sentence(self) -> str:
        start = self.at.egress[:1].upper() + self.at.egress[1:]
        passes = f"{start} passes the application's TLS for {self.at.host} through"
        return f"{passes}, but {self.setting} wraps it in {self.mode} again"


class MeshTlsOutside(DestinationTlsFault):
    """The gateway uses the mesh's mutual TLS to a destination outside."""

    __slots__ = ()
    name: ClassVar[str] = "mesh-tls-outside"
    expected: ClassVar[str] = "SIMPLE or MUTUAL"

    def sentence(self) -> str:
        uses = f"{self.setting} makes {self.at.egress} use mesh mutual TLS (ISTIO_MUTUAL) to {self.at.name.host}"
        return f"{uses}, which is outside the mesh"

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        if self.place is not None and self.at.kind == "http":
            yield Fix("Replace ISTIO_MUTUAL by SIMPLE", (set_field(*self.place, {"mode": "SIMPLE"}),))
        cluster, namespace = self.at.cluster, broken.facts.gateway.namespace
        if cluster is None or self.place is None:
            return
        readers = only_the_gateway(broken.facts)
        if self.at.kind == "http" and (change := with_tls(cluster, {"mode": "SIMPLE"}, namespace, readers)):
            yield Fix("Replace ISTIO_MUTUAL by SIMPLE", (change,))
        if change := _gateway_without_tls(self.at, broken):
            yield Fix("Remove ISTIO_MUTUAL", (change,))


class OtherNames(DestinationTlsFault):
    """The gateway expects another name in the destination's certificate."""

    __slots__ = ()
    name: ClassVar[str] = "other-certificate-names"

    @property
    def _names(self) -> tuple[str, ...]:
        return self.at.tls.names if self.at.tls is not None else ()

    @property
    def _owner(self) -> tuple[KubernetesObject, str] | None:
        """The object and field that list the names."""
        if self.at.cluster is not None and self.place is not None and self.at.cluster.policy["tls"].get(_SANS):
            return self.place[0], f"{self.place[1]}.{_SANS}"
        source = self.at.service.source if self.at.service is not None else None
        return (source, f"spec.{_SANS}") if isinstance(source, ServiceEntry) else None

    def sentence(self) -> str:
        owner = f"{self._owner[1]} of {self._owner[0].ref}" if self._owner is not None else "The configuration"
        names = ", ".join(self._names[:3]) or "another name"
        return f"{owner} expects {names} in the certificate of {self.target}, which has {self.at.name.host}"

    def evidence(self) -> tuple[Evidence, ...]:
        if self._owner is None:
            return ()
        return (Evidence(self._owner[0].ref, self._owner[1], ", ".join(self._names), self.at.name.host),)

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        if self._owner is not None:
            value: Any = [self.at.name.host]
            yield Fix(f"Expect {self.at.name.host} in the certificate", (set_field(*self._owner, value),))


_SANS = "subjectAltNames"
