"""The bytes of a connection, as layers from outside to inside.

A layer is TLS, HTTP, CONNECT, or anything else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from checks.istio.mesh.objects.hosts import is_address
from checks.model.value_types import value


@value(frozen=True, slots=True)
class Http:
    """A plain HTTP request; header names are in lower case."""

    authority: str
    method: str = "GET"
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=dict)
    scheme: str = "http"
    http2: bool = False

    def with_headers(self, headers: Mapping[str, str]) -> "Http":
        """The same request with these headers."""
        return Http(self.authority, self.method, self.path, headers, self.scheme, self.http2)


@dataclass(frozen=True, slots=True)
class Connect:
    """A CONNECT (or POST) request that opens a tunnel."""

    authority: str
    post: bool = False


@value(frozen=True, slots=True)
class Tls:
    """A TLS session."""

    server_name: str
    alpn: tuple[str, ...] = ()
    identity: str = ""
    """The client's SPIFFE identity, "" without a mesh certificate."""
    certificate: bool = False
    """Whether the client presents another certificate."""
    trusts: str = "public"
    """`mesh`, `public`, or `` if the client accepts any certificate."""
    names: tuple[str, ...] = ()
    """Names, one of which the server's certificate must have; empty: any."""


@dataclass(frozen=True, slots=True)
class Bytes:
    """Neither TLS nor HTTP."""


Layer = Http | Connect | Tls | Bytes


@value(frozen=True, slots=True)
class Connection:
    """A connection to an address and port, with the layers of its first bytes.

    The address is an IP address, or a name outside the cluster.
    """

    address: str
    port: int
    layers: tuple[Layer, ...]

    @property
    def outermost(self) -> Layer:
        return self.layers[0]

    def inside(self) -> "Connection":
        """The connection without its outermost layer."""
        return Connection(self.address, self.port, self.layers[1:])

    def carrying(self, layers: tuple[Layer, ...]) -> "Connection":
        """The same connection with other layers."""
        return Connection(self.address, self.port, layers)

    def to(self, address: str) -> "Connection":
        """The same connection to another address."""
        return Connection(address, self.port, self.layers)


def request_layers(
    scheme: str, host: str, port: int, method: str, path: str, headers: Mapping[str, str]
) -> tuple[Layer, ...]:
    """The layers that an application sends for a request."""
    usual = {"http": 80, "grpc": 80, "https": 443}.get(scheme)
    authority = host if port == usual else f"{host}:{port}"
    lower = {name.lower(): value for name, value in headers.items()}
    match scheme:
        case "http":
            return (Http(authority, method, path, lower),)
        case "grpc":
            return (Http(authority, "POST", path, {**lower, "content-type": "application/grpc"}, http2=True),)
        case "https":
            name = "" if is_address(host) else host
            return (Tls(name, ("h2", "http/1.1")), Http(authority, method, path, lower, "https"))
        case "tls":
            return (Tls("" if is_address(host) else host), Bytes())
        case _:
            return (Bytes(),)
