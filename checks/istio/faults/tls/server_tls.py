"""Mismatches of TLS between sidecars and the gateway's server.

Source: docs/domain/istio.md#tls-contract.
"""

from collections.abc import Iterator
from typing import ClassVar

from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.istio.faults.definition.fault import Fix, RouteFault
from checks.istio.faults.gateway.gateway_hop import GatewayHop, gateway_hop, server_place
from checks.istio.faults.tls.server_tls_mismatch import ServerTlsFault
from checks.istio.fixes.fields import name_for_host, set_field
from checks.istio.fixes.tls_settings import (
    new_rule,
    new_subset,
    with_tls,
    without_tls,
)
from checks.istio.mesh.objects.hosts import is_subset
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.istio.request.outcome import Result


def at_server_tls(broken: BrokenRequest) -> Iterator[RouteFault]:
    """The mismatch between the sidecar's TLS and each server on the port."""
    hop = gateway_hop(broken)
    if hop is None or broken.end.result is not Result.FAILS:
        return
    for server in hop.on_port:
        kind = _mismatch(hop, server)
        if kind is not None:
            yield kind(hop, server)


def _mismatch(hop: GatewayHop, server: GatewayServer) -> "type[ServerTlsFault] | None":
    mode = hop.tls.mode if hop.tls is not None else ""
    if server.server.tls is None or server.protocol.is_http:
        return NotToPlain if mode else None
    if server.passthrough:
        return DoubleAtSidecar if mode else None
    if not mode:
        return TlsMissing
    if mode != server.mode and not (server.mode == "OPTIONAL_MUTUAL" and mode in ("SIMPLE", "MUTUAL")):
        return WrongMode
    names = [each.lower() for each in server.server_names]
    return None if hop.tls is not None and any(is_subset(hop.tls.sni.lower(), each) for each in names) else NoSni


class _Disabled(ServerTlsFault):
    """A fault that is fixed by sidecars without TLS."""

    __slots__ = ()
    title: ClassVar[str] = ""
    expected: ClassVar[str] = "(none)"

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        change = without_tls(self.at.sent, self.namespace) if self.at.sent is not None else None
        if change is not None:
            yield Fix(self.title, (change,))


class NotToPlain(_Disabled):
    """Sidecars send TLS to a server that expects plain text (docs/domain/istio.md#b15)."""

    __slots__ = ()
    name: ClassVar[str] = "not-to-plain"
    title: ClassVar[str] = "Disable TLS from sidecars to the gateway"

    def sentence(self) -> str:
        egress, server = self.at.broken.facts.gateway.ref, server_place(self.server)
        sends = f"makes sidecars send TLS ({self.mode}) to {egress} for {self.at.host}"
        return f"{self.setting} {sends}, but {server} expects plain text"


class DoubleAtSidecar(_Disabled):
    """Sidecars wrap the application's TLS, which the gateway passes through.

    Source: docs/domain/istio.md#b21.
    """

    __slots__ = ()
    name: ClassVar[str] = "double-at-sidecar"
    title: ClassVar[str] = "Disable TLS from sidecars, so that they pass the application's TLS through"

    def sentence(self) -> str:
        server = server_place(self.server)
        passes = f"{server} passes the application's TLS for {self.at.host} through"
        return f"{passes}, but {self.setting} wraps it in {self.mode} again"


class _Enabled(ServerTlsFault):
    """A fault that is fixed by the TLS that the server expects."""

    __slots__ = ()

    @property
    def title(self) -> str:
        """The title of the fix."""
        return f"Set TLS mode {self.server.mode} from sidecars to the gateway"

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        sent, wanted, namespace = self.at.sent, self.wanted(), broken.facts.gateway.namespace
        if sent is None:
            return
        change = with_tls(sent, wanted, self.namespace)
        if change is not None:
            yield Fix(self.title, (change,))
        port, host, subset = sent.port.number, self.at.name.host, name_for_host(self.at.host)
        if sent.rule is None:
            name = f"egressgateway-for-{subset}"
            yield Fix(self.title, (new_rule(host, namespace, port, wanted, name),))
        used = tuple(set_field(source, f"{path}.subset", subset) for source, path, _ in self.at.destination_paths())
        if used and not self.at.name.subset:
            yield Fix(self.title, (new_subset(host, namespace, port, wanted, subset), *used))


class TlsMissing(_Enabled):
    """A server that terminates TLS gets plain text.

    Source: docs/domain/istio.md#b15, docs/domain/istio.md#b20.
    """

    __slots__ = ()
    name: ClassVar[str] = "tls-missing"

    def sentence(self) -> str:
        setting, egress = self.setting, self.at.broken.facts.gateway.ref
        plain = (
            f"{setting} makes sidecars send plain text"
            if setting
            else "without a DestinationRule sidecars send plain text"
        )
        return f"{server_place(self.server)} expects {self.server.mode} for {self.at.host}, but {plain} to {egress}"


class WrongMode(_Enabled):
    """Sidecars use another TLS mode than the server expects (docs/domain/istio.md#b15)."""

    __slots__ = ()
    name: ClassVar[str] = "wrong-mode"

    def sentence(self) -> str:
        expects = f"{server_place(self.server)} expects {self.server.mode} for {self.at.host}"
        return f"{expects}, but {self.setting} makes sidecars send {self.mode}"


class NoSni(_Enabled):
    """Sidecars send an SNI that the server does not list (docs/domain/istio.md#b16)."""

    __slots__ = ()
    name: ClassVar[str] = "no-sni"

    @property
    def title(self) -> str:
        """The title of the fix."""
        return "Set the host as SNI"

    def sentence(self) -> str:
        sends = f"{self.setting} sends {self.sni or 'none'} for {self.at.host}"
        return f"{server_place(self.server)} is selected by SNI, but {sends}, which the server does not list"
