"""The bytes on a connection, as protocol layers from the outside in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Tls:
    """A TLS session: what its ClientHello says, and which certificate the client presents."""

    sni: str
    alpn: tuple[str, ...] = ()
    identity: str = ""  # the SPIFFE identity of the client's certificate; empty: no mesh certificate
    other_certificate: bool = False  # the client's certificate is not the mesh's
    trust: Literal["public", "mesh", "none"] = "public"  # how the client verifies the server
    names: tuple[Mapping[str, Any], ...] = ()  # what the server's certificate must name; empty: any
    by: str = "application"


@dataclass(frozen=True, slots=True)
class Http:
    """An HTTP request that is not encrypted at this layer."""

    authority: str
    method: str = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    version: str = "http/1.1"
    scheme: str = "http"

    def header(self, name: str) -> str | None:
        """The value of a header or pseudo header; None where the request has none."""
        match name.lower():
            case ":authority" | "host":
                return self.authority
            case ":method":
                return self.method
            case ":path":
                return self.path
            case ":scheme":
                return self.scheme
            case _:
                pass
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ",".join(values) if values else None

    def with_header(self, name: str, value: str, *, append: bool = False) -> Http:
        """The request with the header set, or added to what it has."""
        if name.lower() in (":authority", "host"):
            return replace(self, authority=value)
        kept = self.headers if append else tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return replace(self, headers=(*kept, (name, value)))

    def without_header(self, name: str) -> Http:
        """The request without the header."""
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0].lower() != name.lower()))


@dataclass(frozen=True, slots=True)
class Connect:
    """An HTTP CONNECT request whose tunnel holds the layers inside."""

    authority: str
    method: str = "CONNECT"
    version: str = "http/1.1"


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes of a protocol that Envoy does not recognize."""

    server_first: bool = False


Layer = Tls | Http | Connect | Raw
Layers = tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Connection:
    """A TCP connection as it arrives at a listener."""

    address: str
    port: int
    layers: Layers
    source: str = ""  # IP address of the peer
    restored: bool = False  # the address is the original destination of an intercepted connection


def described(layers: Layers) -> str:
    """The layers in one short line."""
    return " in ".join(_name(layer) for layer in reversed(layers)) or "nothing"


def _name(layer: Layer) -> str:
    match layer:
        case Tls():
            return f"TLS({layer.sni or 'no SNI'}, {layer.by})"
        case Http():
            return "HTTP"
        case Connect():
            return f"CONNECT {layer.authority}"
        case Raw():
            return "TCP"
