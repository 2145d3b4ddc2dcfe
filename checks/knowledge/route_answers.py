"""What an application sees when its request breaks at a fault, and which check tells that fault in full (domain.md 5.3, 5.6).

A sidecar answers plain HTTP with a status code and a response flag of Envoy; of TLS that it passes on unread it can only end
the connection, which an application sees as a reset during its handshake.
"""

from dataclasses import dataclass

RESET = "a connection reset during the TLS handshake"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application sees of `http` and of `tls` requests, and the code of the check."""

    http: str
    tls: str
    finding: str


ANSWERS: dict[str, Answer] = {
    # on the way to the gateway
    "unknown-host": Answer("502 (no route: block_all)", "a connection reset (BlackHoleCluster)", "EG508"),
    "sidecar-hides": Answer("502 (no route: block_all)", "a connection reset (BlackHoleCluster)", "EG516"),
    "entry-hidden": Answer("502 (no route: block_all)", "a connection reset (BlackHoleCluster)", "EG516"),
    "no-route": Answer("502 (no route: block_all)", "a connection reset (BlackHoleCluster)", "EG507"),
    "not-mesh": Answer("502 (no route: block_all)", "a connection reset (BlackHoleCluster)", "EG507"),
    "not-seen-by-clients": Answer("502 (no route: block_all)", "a connection reset (BlackHoleCluster)", "EG507"),
    "not-discovered": Answer("502 (no route: block_all)", "a connection reset (BlackHoleCluster)", "EG517"),
    "no-mesh-rule": Answer("502 (no route: block_all)", "a connection reset (BlackHoleCluster)", "EG507"),
    "other-scheme": Answer("502 (no route: block_all)", "a connection reset (BlackHoleCluster)", "EG512"),
    "wrong-protocol": Answer(
        "503, or a reset: the sidecar does not read it as HTTP", f"{RESET} (protocol error)", "EG507"
    ),
    "wrong-name": Answer("503 (NC, cluster_not_found)", RESET, "EG507"),
    "wrong-port": Answer("503 (NC, cluster_not_found)", RESET, "EG507"),
    "no-subset": Answer("503 (NC, cluster_not_found)", RESET, "EG507"),
    "elsewhere": Answer("503 (NC, cluster_not_found)", RESET, "EG507"),
    "answered": Answer("the answer that the rule gives", RESET, "EG507"),
    "double-direct": Answer("503 (UF)", "a TLS error: the destination gets TLS in TLS", "EG510"),
    # between the sidecar and the gateway
    "no-service": Answer("503 (NC, cluster_not_found)", RESET, "EG304"),
    "no-ready-pod": Answer("503 (UH, no healthy upstream)", RESET, "EG307"),
    "not-selected": Answer("503 (UF, connection refused)", RESET, "EG505"),
    "server-left-out": Answer("503 (UC), or 404 (NR)", RESET, "EG506"),
    "no-server": Answer("404 (NR), or 503 (UF) where nothing listens on the port", RESET, "EG507"),
    "wrong-kind": Answer("404 (NR), or 503 (UC) where the server expects TLS", f"{RESET} (no filter chain)", "EG507"),
    "not-to-plain": Answer("503 (UC, TLS into plain text)", RESET, "EG510"),
    "tls-missing": Answer("503 (UC, connection reset)", RESET, "EG510"),
    "wrong-mode": Answer("503 (UF, TLS error: the certificate does not fit)", RESET, "EG510"),
    "double-at-sidecar": Answer("503 (UC)", "a TLS error: the destination gets TLS in TLS", "EG510"),
    "no-sni": Answer("503 (UC, connection reset: no filter chain has the SNI)", RESET, "EG510"),
    "denied": Answer("403 (RBAC: access denied)", RESET, "EG513"),
    # at the gateway
    "no-such-gateway": Answer("404 (NR)", f"{RESET} (no filter chain)", "EG507"),
    "not-bound": Answer("404 (NR)", f"{RESET} (no filter chain)", "EG507"),
    "no-overlap": Answer("404 (NR)", f"{RESET} (no filter chain)", "EG507"),
    "not-seen-by-gateway": Answer("404 (NR)", f"{RESET} (no filter chain)", "EG507"),
    "no-gateway-rule": Answer("404 (NR)", f"{RESET} (no filter chain)", "EG507"),
    "loop": Answer("503, or a time-out: the gateway sends to itself", "a time-out or a reset: a loop", "EG507"),
    "unknown-destination": Answer("503 (NC, cluster_not_found)", RESET, "EG508"),
    "no-destination-port": Answer("503 (NC, cluster_not_found)", RESET, "EG507"),
    # from the gateway to the destination
    "not-resolved": Answer("503 (UF, or UH): the gateway sends to itself or to nobody", RESET, "EG509"),
    "plain-to-tls": Answer("400 (plain HTTP to a TLS port), or a reset", RESET, "EG510"),
    "tls-to-plain": Answer("503 (UF, TLS error: WRONG_VERSION_NUMBER)", RESET, "EG510"),
    "mesh-tls-outside": Answer("503 (UF, TLS error)", RESET, "EG510"),
    "double-at-gateway": Answer("503 (UF)", "a TLS error: the destination gets TLS in TLS", "EG510"),
    "credential-missing": Answer("503 (the cluster or listener never finishes warming)", RESET, "EG511"),
    "no-answer": Answer("503 (UH, no healthy upstream)", RESET, ""),
    "no-prefix": Answer("503 (UH): the gateway's pods get no network without an address", RESET, "EG405"),
    # what leaves past the gateway arrives, only from another address
    "not-injected": Answer("", "", "EG515"),
    "excluded": Answer("", "", "EG515"),
    "no-annotation": Answer("", "", "EG404"),
    "not-default": Answer("", "", "EG412"),
}


def answer(name: str, scheme: str) -> str:
    """What an application sees of a request of this scheme that breaks at this fault."""
    found = ANSWERS[name]
    return found.http if scheme == "http" else found.tls
