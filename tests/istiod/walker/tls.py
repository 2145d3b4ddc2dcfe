"""TLS at both ends of a proxy.

It is the TLS of a cluster's connections, and whether a handshake succeeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.istiod.walker.matching import Json, NotModelledError, string_matches
from tests.istiod.walker.wire import Http, Layer, Tls

_RAW = ("raw_buffer.v3.RawBuffer",)
_UPSTREAM = "tls.v3.UpstreamTlsContext"
_DOWNSTREAM = "tls.v3.DownstreamTlsContext"
_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def upstream_context(cluster: Json, endpoint: Json) -> Json | None:
    """The TLS context for an endpoint; None for plain text.

    The first match over the endpoint's metadata decides.
    """
    labels = endpoint.get("metadata", {}).get("filter_metadata", {}).get("envoy.transport_socket_match", {})
    for each in cluster.get("transport_socket_matches", ()):
        if all(labels.get(key) == value for key, value in each.get("match", {}).items()):
            return _context(each["transport_socket"])
    socket = cluster.get("transport_socket")
    return _context(socket) if socket else None


def _context(socket: Json) -> Json | None:
    config: Json = socket.get("typed_config", {})
    kind = config.get("@type", "")
    if kind.endswith(_RAW):
        return None
    if kind.endswith(_UPSTREAM):
        return config
    raise NotModelledError(f"transport socket {kind.rpartition('.')[2]}")


def downstream_context(chain: Json) -> Json | None:
    """The TLS context with which a filter chain terminates TLS; None where it does not."""
    socket = chain.get("transport_socket")
    if not socket:
        return None
    config: Json = socket.get("typed_config", {})
    kind = config.get("@type", "")
    if kind.endswith(_RAW):
        return None
    if kind.endswith(_DOWNSTREAM):
        return config
    raise NotModelledError(f"transport socket {kind.rpartition('.')[2]}")


def client_side(context: Json, cluster: Json, inside: Layer, identity: str, proxy: str) -> Tls:
    """The TLS session that a proxy opens with the context."""
    common = context.get("common_tls_context", {})
    certificates = [each["name"] for each in common.get("tls_certificate_sds_secret_configs", ())]
    authority, names = _verification(common)
    sni = context.get("sni", "")
    options = (
        cluster.get("typed_extension_protocol_options", {}).get(_OPTIONS, {}).get("upstream_http_protocol_options", {})
    )
    if not sni and isinstance(inside, Http) and options.get("auto_sni"):
        sni = inside.authority.rpartition(":")[0] or inside.authority
    return Tls(
        sni=sni,
        alpn=tuple(common.get("alpn_protocols", ())),
        identity=identity if "default" in certificates else "",
        other_certificate=bool(common.get("tls_certificates")) or any(name != "default" for name in certificates),
        trust="mesh" if authority == "ROOTCA" else "public" if authority else "none",
        names=tuple(names),
        by=proxy,
    )


def _verification(common: Json) -> tuple[str, Sequence[Mapping[str, Any]]]:
    combined = common.get("combined_validation_context", {})
    plain = common.get("validation_context", {}) or combined.get("default_validation_context", {})
    secret = (
        combined.get("validation_context_sds_secret_config") or common.get("validation_context_sds_secret_config") or {}
    )
    names = plain.get("match_subject_alt_names") or [
        each["matcher"] for each in plain.get("match_typed_subject_alt_names", ())
    ]
    return secret.get("name") or ("file" if plain.get("trusted_ca") else ""), names


def refused(context: Json, client: Tls, identity: str) -> str | None:
    """Why a handshake at a filter chain fails; None where it succeeds."""
    common = context.get("common_tls_context", {})
    certificates = [each["name"] for each in common.get("tls_certificate_sds_secret_configs", ())]
    mesh_certificate = "default" in certificates
    if context.get("require_client_certificate"):
        authority, _ = _verification(common)
        if not client.identity and not client.other_certificate:
            return "the client presents no certificate"
        if (authority == "ROOTCA") != bool(client.identity):
            return "the client's certificate is not issued by the authority that the listener trusts"
    return _server_refused(client, mesh_certificate, identity)


def _server_refused(client: Tls, mesh_certificate: bool, identity: str) -> str | None:
    if client.trust == "mesh" and not mesh_certificate:
        return "the server's certificate is not issued by the mesh"
    if client.trust == "public" and mesh_certificate:
        return "the server's certificate is issued by the mesh, which the client does not trust"
    if mesh_certificate and client.names and not any(string_matches(name, identity) for name in client.names):
        return "the server's certificate does not name what the client expects"
    return None
