"""Protocols of ports, and how istiod selects that of a Service's port.

Source: Istio `pkg/config/protocol`.
"""

from enum import StrEnum


class Protocol(StrEnum):
    """The protocol of a port; UNSUPPORTED is detected from the first bytes of a connection."""

    TCP = "TCP"
    UDP = "UDP"
    GRPC = "GRPC"
    GRPC_WEB = "GRPC-Web"
    HTTP = "HTTP"
    HTTP_PROXY = "HTTP_PROXY"
    HTTP2 = "HTTP2"
    HTTPS = "HTTPS"
    TLS = "TLS"
    MONGO = "Mongo"
    REDIS = "Redis"
    MYSQL = "MySQL"
    HBONE = "HBONE"
    UNSUPPORTED = "UnsupportedProtocol"

    @property
    def is_http(self) -> bool:
        return self in _HTTP

    @property
    def is_http2(self) -> bool:
        return self in (Protocol.HTTP2, Protocol.GRPC, Protocol.GRPC_WEB)

    @property
    def is_tls(self) -> bool:
        return self in (Protocol.HTTPS, Protocol.TLS)

    @property
    def is_tcp(self) -> bool:
        return self in _TCP

    @property
    def is_http_or_detected(self) -> bool:
        return self.is_http or self is Protocol.UNSUPPORTED


_HTTP = (Protocol.HTTP, Protocol.HTTP2, Protocol.HTTP_PROXY, Protocol.GRPC, Protocol.GRPC_WEB)
_TCP = (Protocol.TCP, Protocol.HTTPS, Protocol.TLS, Protocol.MONGO, Protocol.REDIS, Protocol.MYSQL)
_BY_NAME = {each.value.lower(): each for each in Protocol if each is not Protocol.UNSUPPORTED} | {
    "grpc-web-text": Protocol.GRPC_WEB
}
_APPLICATION_PROTOCOLS = {
    "kubernetes.io/h2c": Protocol.HTTP2,
    "kubernetes.io/ws": Protocol.HTTP,
    "kubernetes.io/wss": Protocol.HTTPS,
}
_WELL_KNOWN = {3306: Protocol.MYSQL, 27017: Protocol.MONGO, 25: Protocol.TCP, 53: Protocol.TCP}


def parse_protocol(text: str) -> Protocol:
    """The protocol that a port of a ServiceEntry or of a Gateway's server names.

    Any other text is UNSUPPORTED.
    """
    return _BY_NAME.get(text.lower(), Protocol.UNSUPPORTED)


def service_protocol(number: int, name: str, transport: str, application: str) -> Protocol:
    """The protocol of a Service's port.

    It comes from `appProtocol`, the prefix of the port's name, or a well-known number.
    """
    if transport == "UDP":
        return Protocol.UDP
    if application:
        known = _APPLICATION_PROTOCOLS.get(application)
        return known or parse_protocol(application)
    if name.startswith("grpc-web"):
        return Protocol.GRPC_WEB
    found = parse_protocol(name.partition("-")[0]) if name else Protocol.UNSUPPORTED
    return _WELL_KNOWN.get(number, Protocol.UNSUPPORTED) if found is Protocol.UNSUPPORTED else found
