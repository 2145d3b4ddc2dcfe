"""TLS sessions of a proxy.

The module decides whether a handshake with its servers succeeds, and which session its clusters open.
"""

from checks.istio.mesh.gateway_api.listener_servers import BUILT_IN
from checks.istio.mesh.objects.hosts import without_port
from checks.istio.proxy.listeners import DownstreamTls
from checks.istio.proxy.upstream_tls import UpstreamTls
from checks.istio.request.credentials import undelivered_certificates
from checks.istio.request.proxy_configuration import ProxyConfiguration
from checks.istio.request.wire import Connection, Http, Tls


def awaited_secret(tls: DownstreamTls, here: ProxyConfiguration) -> str:
    """The Secret for which a server's listener waits; "" if it waits for none."""
    waits = next(iter(undelivered_certificates(tls.secrets, here, tls.mode)), None) if not _mesh_only(tls) else None
    return waits[0].removeprefix("kubernetes://") if waits is not None else ""


def _mesh_only(tls: DownstreamTls) -> bool:
    # A context without any certificate has the proxy's own one and trusts the mesh (`buildGatewayListenerTLSContext`).
    return tls.mode == "ISTIO_MUTUAL" or not (tls.secrets or tls.files)


def handshake_problem(tls: DownstreamTls, session: Tls, here: ProxyConfiguration) -> str:
    """Why a TLS handshake at a server that has its certificates fails; "" if it succeeds."""
    own = _mesh_only(tls)
    mesh_certificate = own or tls.secrets[:1] == (BUILT_IN,)
    if tls.mode in ("MUTUAL", "ISTIO_MUTUAL"):
        if not session.identity and not session.certificate:
            return "the client presents no certificate"
        if own != bool(session.identity):
            return "the client's certificate is not issued by the authority that the server trusts"
    if session.trusts == "mesh" and not mesh_certificate:
        return "the server's certificate is not issued by the mesh"
    if session.trusts == "public" and mesh_certificate:
        return "the server's certificate is issued by the mesh, which the client does not trust"
    identity = here.proxy.identity(here.mesh.configuration)
    if mesh_certificate and session.names and identity not in session.names:
        return "the server's certificate does not name what the client expects"
    return ""


def opened_session(tls: UpstreamTls, connection: Connection, here: ProxyConfiguration) -> Tls:
    """The TLS session that a cluster opens."""
    inside = connection.outermost
    name = tls.sni
    if not name and tls.automatic_sni and isinstance(inside, Http):
        name = without_port(inside.authority)
    identity = here.proxy.identity(here.mesh.configuration) if tls.mode == "ISTIO_MUTUAL" else ""
    return Tls(name, tls.alpn, identity, tls.mode == "MUTUAL", tls.trusts, tls.names)
