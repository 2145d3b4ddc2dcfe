"""The answer that an application gets at each fault of a route, and the check that reports the fault.

A sidecar answers plain HTTP with a status code and a response flag of Envoy. It can only close a TLS connection that it
passes through, which the application sees as a reset during the handshake. Sources: docs/domain/istio.md#breakages,
docs/domain/istio.md#log-lines.
"""

from dataclasses import dataclass

RESET = "a connection reset during the TLS handshake"
_BLOCKED = ("502 (no route: block_all)", "a connection reset (BlackHoleCluster)")
_NO_CLUSTER = ("503 (NC, cluster_not_found)", RESET)
_NO_ROUTE = ("404 (NR)", f"{RESET} (no filter chain)")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to `http` and to `tls` requests, and the code of the check that reports the fault."""

    http: str
    tls: str
    finding: str


ANSWERS: dict[str, Answer] = {
    # at the client and its sidecar
    "unknown-host": Answer(*_BLOCKED, "EG508"),
    "sidecar-hides": Answer(*_BLOCKED, "EG516"),
    "entry-hidden": Answer(*_BLOCKED, "EG516"),
    "no-route": Answer(*_BLOCKED, "EG507"),
    "not-mesh": Answer(*_BLOCKED, "EG507"),
    "not-seen-by-clients": Answer(*_BLOCKED, "EG507"),
    "not-discovered": Answer(*_BLOCKED, "EG517"),
    "no-mesh-rule": Answer(*_BLOCKED, "EG507"),
    "other-scheme": Answer(*_BLOCKED, "EG512"),
    "wrong-protocol": Answer(
        "503, or a reset: the sidecar does not parse it as HTTP", f"{RESET} (protocol error)", "EG507"
    ),
    "wrong-name": Answer(*_NO_CLUSTER, "EG507"),
    "wrong-port": Answer(*_NO_CLUSTER, "EG507"),
    "no-subset": Answer(*_NO_CLUSTER, "EG507"),
    "elsewhere": Answer(*_NO_CLUSTER, "EG507"),
    "answered": Answer("the response of the rule", RESET, "EG507"),
    "double-direct": Answer("503 (UF)", "a TLS error: the destination gets TLS in TLS", "EG510"),
    # between the sidecar and the gateway
    "no-service": Answer(*_NO_CLUSTER, "EG304"),
    "no-ready-pod": Answer("503 (UH, no healthy upstream)", RESET, "EG307"),
    "not-selected": Answer("503 (UF, connection refused)", RESET, "EG505"),
    "server-left-out": Answer("503 (UC), or 404 (NR)", RESET, "EG506"),
    "no-server": Answer("404 (NR), or 503 (UF) if nothing listens on the port", RESET, "EG507"),
    "wrong-kind": Answer("404 (NR), or 503 (UC) if the server expects TLS", f"{RESET} (no filter chain)", "EG507"),
    "not-to-plain": Answer("503 (UC, TLS into plain text)", RESET, "EG510"),
    "tls-missing": Answer("503 (UC, connection reset)", RESET, "EG510"),
    "wrong-mode": Answer("503 (UF, TLS error: the certificate does not match)", RESET, "EG510"),
    "double-at-sidecar": Answer("503 (UC)", "a TLS error: the destination gets TLS in TLS", "EG510"),
    "no-sni": Answer("503 (UC, connection reset: no filter chain has the SNI)", RESET, "EG510"),
    "denied": Answer("403 (RBAC: access denied)", RESET, "EG513"),
    # at the gateway
    "no-such-gateway": Answer(*_NO_ROUTE, "EG507"),
    "not-bound": Answer(*_NO_ROUTE, "EG507"),
    "no-overlap": Answer(*_NO_ROUTE, "EG507"),
    "not-seen-by-gateway": Answer(*_NO_ROUTE, "EG507"),
    "no-gateway-rule": Answer(*_NO_ROUTE, "EG507"),
    "loop": Answer("503, or a time-out: the gateway sends to itself", "a time-out or a reset: a loop", "EG507"),
    "unknown-destination": Answer(*_NO_CLUSTER, "EG508"),
    "no-destination-port": Answer(*_NO_CLUSTER, "EG507"),
    # from the gateway to the destination
    "not-resolved": Answer("503 (UF, or UH): the gateway sends to itself or has no address", RESET, "EG509"),
    "plain-to-tls": Answer("400 (plain HTTP to a TLS port), or a reset", RESET, "EG510"),
    "tls-to-plain": Answer("503 (UF, TLS error: WRONG_VERSION_NUMBER)", RESET, "EG510"),
    "mesh-tls-outside": Answer("503 (UF, TLS error)", RESET, "EG510"),
    "double-at-gateway": Answer("503 (UF)", "a TLS error: the destination gets TLS in TLS", "EG510"),
    "credential-missing": Answer("503 (the cluster or listener never finishes warming)", RESET, "EG511"),
    "no-answer": Answer("503 (UH, no healthy upstream)", RESET, ""),
    "no-prefix": Answer("503 (UH): the gateway's pods get no network without an egress IP prefix", RESET, "EG405"),
    # requests that bypass the gateway succeed, from another address
    "not-injected": Answer("", "", "EG515"),
    "excluded": Answer("", "", "EG515"),
    "no-annotation": Answer("", "", "EG404"),
    "not-default": Answer("", "", "EG412"),
}


def answer(name: str, scheme: str) -> str:
    """The answer that an application gets to a request of this scheme that fails at this fault."""
    found = ANSWERS[name]
    return found.http if scheme == "http" else found.tls
