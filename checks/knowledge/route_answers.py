"""The answer that an application gets at each fault of a route.

With the check that reports the fault.

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
class ApplicationAnswer:
    """The answer to `http` and to `tls` requests.

    With the code of the check that reports the fault.
    """

    http: str
    tls: str
    finding: str


ANSWERS: dict[str, ApplicationAnswer] = {
    # at the client and its sidecar
    "unknown-host": ApplicationAnswer(*_BLOCKED, "EG508"),
    "sidecar-hides": ApplicationAnswer(*_BLOCKED, "EG516"),
    "entry-hidden": ApplicationAnswer(*_BLOCKED, "EG516"),
    "no-route": ApplicationAnswer(*_BLOCKED, "EG507"),
    "not-mesh": ApplicationAnswer(*_BLOCKED, "EG507"),
    "not-seen-by-clients": ApplicationAnswer(*_BLOCKED, "EG507"),
    "not-discovered": ApplicationAnswer(*_BLOCKED, "EG517"),
    "no-mesh-rule": ApplicationAnswer(*_BLOCKED, "EG507"),
    "other-scheme": ApplicationAnswer(*_BLOCKED, "EG512"),
    "wrong-protocol": ApplicationAnswer(
        "503, or a reset: the sidecar does not parse it as HTTP", f"{RESET} (protocol error)", "EG507"
    ),
    "wrong-name": ApplicationAnswer(*_NO_CLUSTER, "EG507"),
    "wrong-port": ApplicationAnswer(*_NO_CLUSTER, "EG507"),
    "no-subset": ApplicationAnswer(*_NO_CLUSTER, "EG507"),
    "elsewhere": ApplicationAnswer(*_NO_CLUSTER, "EG507"),
    "answered": ApplicationAnswer("the response of the rule", RESET, "EG507"),
    "double-direct": ApplicationAnswer("503 (UF)", "a TLS error: the destination gets TLS in TLS", "EG510"),
    # between the sidecar and the gateway
    "no-service": ApplicationAnswer(*_NO_CLUSTER, "EG304"),
    "no-ready-pod": ApplicationAnswer("503 (UH, no healthy upstream)", RESET, "EG307"),
    "not-selected": ApplicationAnswer("503 (UF, connection refused)", RESET, "EG505"),
    "server-left-out": ApplicationAnswer("503 (UC), or 404 (NR)", RESET, "EG506"),
    "no-server": ApplicationAnswer("404 (NR), or 503 (UF) if nothing listens on the port", RESET, "EG507"),
    "wrong-kind": ApplicationAnswer(
        "404 (NR), or 503 (UC) if the server expects TLS", f"{RESET} (no filter chain)", "EG507"
    ),
    "not-to-plain": ApplicationAnswer("503 (UC, TLS into plain text)", RESET, "EG510"),
    "tls-missing": ApplicationAnswer("503 (UC, connection reset)", RESET, "EG510"),
    "wrong-mode": ApplicationAnswer("503 (UF, TLS error: the certificate does not match)", RESET, "EG510"),
    "double-at-sidecar": ApplicationAnswer("503 (UC)", "a TLS error: the destination gets TLS in TLS", "EG510"),
    "no-sni": ApplicationAnswer("503 (UC, connection reset: no filter chain has the SNI)", RESET, "EG510"),
    "denied": ApplicationAnswer("403 (RBAC: access denied)", RESET, "EG513"),
    # at the gateway
    "no-such-gateway": ApplicationAnswer(*_NO_ROUTE, "EG507"),
    "not-bound": ApplicationAnswer(*_NO_ROUTE, "EG507"),
    "no-overlap": ApplicationAnswer(*_NO_ROUTE, "EG507"),
    "not-seen-by-gateway": ApplicationAnswer(*_NO_ROUTE, "EG507"),
    "no-gateway-rule": ApplicationAnswer(*_NO_ROUTE, "EG507"),
    "loop": ApplicationAnswer(
        "503, or a time-out: the gateway sends to itself", "a time-out or a reset: a loop", "EG507"
    ),
    "unknown-destination": ApplicationAnswer(*_NO_CLUSTER, "EG508"),
    "no-destination-port": ApplicationAnswer(*_NO_CLUSTER, "EG507"),
    # from the gateway to the destination
    "not-resolved": ApplicationAnswer("503 (UF, or UH): the gateway sends to itself or has no address", RESET, "EG509"),
    "plain-to-tls": ApplicationAnswer("400 (plain HTTP to a TLS port), or a reset", RESET, "EG510"),
    "tls-to-plain": ApplicationAnswer("503 (UF, TLS error: WRONG_VERSION_NUMBER)", RESET, "EG510"),
    "mesh-tls-outside": ApplicationAnswer("503 (UF, TLS error)", RESET, "EG510"),
    "double-at-gateway": ApplicationAnswer("503 (UF)", "a TLS error: the destination gets TLS in TLS", "EG510"),
    "credential-missing": ApplicationAnswer("503 (the cluster or listener never finishes warming)", RESET, "EG511"),
    "no-answer": ApplicationAnswer("503 (UH, no healthy upstream)", RESET, ""),
    "no-prefix": ApplicationAnswer(
        "503 (UH): the gateway's pods get no network without an egress IP prefix", RESET, "EG405"
    ),
    # requests that bypass the gateway succeed, from another address
    "not-injected": ApplicationAnswer("", "", "EG515"),
    "excluded": ApplicationAnswer("", "", "EG515"),
    "no-annotation": ApplicationAnswer("", "", "EG404"),
    "not-default": ApplicationAnswer("", "", "EG412"),
}


def application_answer(name: str, scheme: str) -> str:
    """The answer that an application gets to a request of this scheme that fails at this fault."""
    found = ANSWERS[name]
    return found.http if scheme == "http" else found.tls
