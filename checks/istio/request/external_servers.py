"""Servers outside the cluster: what they understand on which port."""

from checks.istio.request.wire import Connect, Connection, Http, Tls

_TLS_PORTS = frozenset({443, 465, 636, 853, 993, 995, 5671, 6443, 8443, 9443})
_PLAIN_PORTS = frozenset({80, 8080})

TLS_TO_PLAIN_PORT = "TLS to a plain text port"


def external_problem(host: str, port: int, connection: Connection) -> str:
    """Why a server outside does not understand what arrives, "" if it does."""
    first = connection.outermost
    if port in _TLS_PORTS and isinstance(first, Http | Connect):
        return "plain text to a TLS port"
    if not isinstance(first, Tls):
        return ""
    if port in _PLAIN_PORTS:
        return TLS_TO_PLAIN_PORT
    if len(connection.layers) > 1 and isinstance(connection.layers[1], Tls):
        return "TLS in TLS to a server that expects one TLS session"
    if first.trusts == "mesh":
        return "the server's certificate is not issued by the mesh"
    known = {host, first.server_name, f"*.{host.partition('.')[2]}"} - {""}
    if first.names and not known & set(first.names):
        return "the server's certificate does not name what the proxy expects"
    return ""
