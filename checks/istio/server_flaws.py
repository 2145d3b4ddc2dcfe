"""Which fields of a Gateway's server are invalid or have an unusual value."""

from collections.abc import Iterator

from checks.istio.configured.configured_hosts import server_hosts
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.model.raw_values import flag, text

SERVER_TLS_PROTOCOLS = ("HTTPS", "TLS")


_TERMINATING = frozenset({"SIMPLE", "MUTUAL", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL"})
"""Modes in which the gateway terminates TLS."""
_CREDENTIAL_FIELDS = ("credentialName", "credentialNames", "serverCertificate", "privateKey", "caCertificates")


ServerFlaw = tuple[str, str, str, str]
"""A field of the server, its observed and its expected value, and the rest of the sentence."""


def rejected_fields(server: GatewayServer) -> Iterator[ServerFlaw]:
    """Fields that Istio's validation rejects."""
    written, tls = server.server, server.server.tls
    protocol = written.port.protocol
    if protocol in SERVER_TLS_PROTOCOLS and tls is None:
        yield "tls", "(none)", "a mode", f"has protocol {protocol} but no tls block, which Istio rejects"
    if protocol in ("HTTP", "HTTP2", "GRPC") and tls is not None and set(tls) - {"httpsRedirect"}:
        yield (
            "tls",
            f"mode {written.tls_mode}",
            "(none)",
            f"has protocol {protocol} and a tls block, which Istio rejects",
        )
    if (
        tls is not None
        and written.tls_mode == "ISTIO_MUTUAL"
        and (given := [k for k in _CREDENTIAL_FIELDS if tls.get(k)])
    ):
        yield (
            "tls",
            ", ".join(given),
            "(none)",
            "has mode ISTIO_MUTUAL and its own certificates, which Istio rejects",
        )
    names = [each.port.name for each in server.gateway.servers if each.port.name]
    if names.count(written.port.name) > 1 and names.index(written.port.name) != _position(server):
        yield (
            "port.name",
            written.port.name,
            "a unique name",
            f"has port name {written.port.name}, like another server",
        )


def _position(server: GatewayServer) -> int:
    named = [index for index, each in enumerate(server.gateway.servers) if each.port.name]
    return named.index(server.index) if server.index in named else -1


def unusual_fields(server: GatewayServer) -> Iterator[ServerFlaw]:
    """Valid fields whose effect is rarely intended."""
    written, tls = server.server, server.server.tls
    if tls is not None and written.port.protocol in SERVER_TLS_PROTOCOLS and not text(tls, "mode"):
        yield "tls.mode", "(not set: PASSTHROUGH)", "a mode", "has no TLS mode, so it passes TLS through"
    if written.bind:
        yield "bind", written.bind, "(not set)", f"listens only on {written.bind}"
    if "*" in server_hosts(server) and (server.is_http or server.is_tls):  # plain TCP names no host
        yield "hosts", "*", "the routed hosts", "matches every host"
    if written.port.protocol in ("HTTP2", "GRPC", "GRPC-WEB") and written.port.number == 80:
        yield (
            "port.protocol",
            written.port.protocol,
            "HTTP",
            f"accepts only {written.port.protocol}, not plain HTTP/1.1",
        )
    if tls is not None and flag(tls, "httpsRedirect") and written.tls_mode not in _TERMINATING:
        yield "tls.httpsRedirect", "true", "(not set)", "redirects plain requests to https://"
