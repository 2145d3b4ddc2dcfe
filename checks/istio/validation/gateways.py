"""Gateways and Sidecars that istiod refuses.

Source: Istio, `ValidateGateway`, `validateServer`, `validateTLSOptions` and `ValidateSidecar` in
`pkg/config/validation/validation.go`.
"""

from collections.abc import Iterator

from checks.istio.mesh.objects.hosts import is_address
from checks.istio.validation.host_names import host_flaw, is_label, is_protocol, port_flaw, scoped_host_flaw
from checks.model.raw_values import Raw, items, mapping, number, text, texts

_HTTP = frozenset({"http", "http2", "grpc", "grpc-web", "http_proxy"})
_TLS = frozenset({"https", "tls"})
_OWN_CERTIFICATES = (
    "serverCertificate", "privateKey", "caCertificates", "tlsCertificates", "credentialName", "credentialNames",
)  # fmt: skip


def gateway_flaws(raw: Raw) -> Iterator[str]:
    """Why istiod refuses a Gateway."""
    if not is_label(text(raw, "metadata", "name")):
        yield "the name of a Gateway is one label of DNS"
    servers = items(raw, "spec", "servers")
    if not servers:
        yield "spec.servers is empty"
    for position, server in enumerate(servers):
        yield from (f"spec.servers[{position}]: {flaw}" for flaw in _server_flaws(server))
    names = [text(each, "port", "name") for each in servers if mapping(each, "port")]
    yield from (f"two servers have the port name {each}" for each in dict.fromkeys(names) if names.count(each) > 1)


def _server_flaws(server: Raw) -> Iterator[str]:
    hosts = texts(server, "hosts")
    if not hosts:
        yield "hosts is empty"
    yield from filter(None, (scoped_host_flaw(each, gateway=True) for each in hosts))
    yield from _port_flaws(server)
    yield from _protocol_flaws(server)


def _port_flaws(server: Raw) -> Iterator[str]:
    port, bind = mapping(server, "port"), text(server, "bind")
    if not port:
        yield "port is missing"
        return
    if not is_protocol(text(port, "protocol")):
        yield f"port.protocol {text(port, 'protocol')!r} is not known"
    unix = bind.startswith("unix://")
    if bind and not unix and not is_address(bind):
        yield f"bind {bind!r} is no IP address"
    if not unix and (flaw := port_flaw(number(port, "number"))):
        yield flaw
    if not text(port, "name"):
        yield "port.name is missing"
    if number(port, "targetPort"):
        yield "port.targetPort has no meaning in a Gateway"


def _protocol_flaws(server: Raw) -> Iterator[str]:
    """The flaws of a server's TLS settings, and of those that its protocol does not allow."""
    protocol, tls = text(server, "port", "protocol"), server.get("tls")
    yield from tls_flaws(mapping(server, "tls")) if isinstance(tls, dict) else ()
    if protocol.lower() in _TLS and not isinstance(tls, dict):
        yield f"protocol {protocol} needs tls"
    elif protocol.lower() not in _TLS and isinstance(tls, dict) and is_protocol(protocol):
        passed = (text(tls, "mode") or "PASSTHROUGH") in ("PASSTHROUGH", "AUTO_PASSTHROUGH")
        own = any(text(tls, each) for each in _OWN_CERTIFICATES[:3])
        if protocol.lower() not in _HTTP or not passed or own:
            yield f"protocol {protocol} has tls settings"


def tls_flaws(tls: Raw) -> Iterator[str]:
    """Why istiod refuses the TLS settings of a server."""
    mode = text(tls, "mode") or "PASSTHROUGH"
    if mode == "ISTIO_MUTUAL":
        own = [each for each in _OWN_CERTIFICATES if tls.get(each)]
        if own:
            yield f"tls.mode ISTIO_MUTUAL has {own[0]}"
        return
    files = bool(text(tls, "serverCertificate") and text(tls, "privateKey"))
    sources = (files, *(bool(tls.get(each)) for each in ("credentialName", "credentialNames", "tlsCertificates")))
    if sum(sources) > 1:
        yield "tls has several sources of certificates"
    if mode not in ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL") or tls.get("credentialName") or tls.get("credentialNames"):
        return
    if mode != "SIMPLE" and not text(tls, "caCertificates"):
        yield f"tls.mode {mode} needs caCertificates or credentialName"
    if not files and not tls.get("tlsCertificates"):
        yield f"tls.mode {mode} needs credentialName, or serverCertificate and privateKey"


def sidecar_flaws(raw: Raw) -> Iterator[str]:
    """Why istiod refuses a Sidecar."""
    egress = items(raw, "spec", "egress")
    written = any(
        mapping(raw, "spec").get(each) is not None for each in ("outboundTrafficPolicy", "inboundConnectionPool")
    )
    if not egress and not items(raw, "spec", "ingress") and not written:
        yield "spec is empty"
    for position, listener in enumerate(items(raw, "spec", "ingress")):
        if listener.get("port") is None:
            yield f"spec.ingress[{position}]: port is missing"
    for position, listener in enumerate(egress):
        where = f"spec.egress[{position}]"
        if not mapping(listener, "port") and position != len(egress) - 1:
            yield f"{where}: a listener without a port is the last one"
        hosts = texts(listener, "hosts")
        if not hosts:
            yield f"{where}: hosts is empty"
        yield from (f"{where}: {flaw}" for each in hosts if (flaw := scoped_host_flaw(each, gateway=False)))
    numbers = [number(each, "port", "number") for each in egress if mapping(each, "port")]
    yield from (f"two egress listeners have port {each}" for each in dict.fromkeys(numbers) if numbers.count(each) > 1)
    policy = mapping(raw, "spec", "outboundTrafficPolicy", "egressProxy")
    if policy and (flaw := host_flaw(text(policy, "host"))):
        yield f"spec.outboundTrafficPolicy.egressProxy: {flaw}"
