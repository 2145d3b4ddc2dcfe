"""The answer that an application gets, and the proxy that gives it.

Envoy answers HTTP with a status and a response flag; any other connection it can only close. Sources:
docs/domain/istio.md#log-lines; Envoy, "Response flags"."""

from checks.istio.request.outcome import End, Ending, Result

CONNECTION_RESET = "a connection reset"
_HANDSHAKE = "a connection reset during the TLS handshake"
_OUTSIDE = {
    "plain text to a TLS port": ("400 (plain HTTP to a TLS port), or a reset", CONNECTION_RESET),
    "TLS to a plain text port": ("503 (UF, TLS error: WRONG_VERSION_NUMBER)", "a TLS error: WRONG_VERSION_NUMBER"),
    "TLS in TLS to a server that expects one TLS session": (
        "503 (UF, TLS error)",
        "a TLS error: the destination gets TLS in TLS",
    ),
}
_HTTP = {
    Ending.FIXED_ANSWER: "no route: block_all",
    Ending.BLACK_HOLE: "BlackHoleCluster",
    Ending.NO_CLUSTER: "NC, cluster_not_found",
    Ending.NO_ENDPOINT: "UH, no healthy upstream",
    Ending.NO_LISTENER: "UF, connection refused: nothing listens on the port",
    Ending.NOTHING_ANSWERS: "UF, connection timed out",
    Ending.NO_FILTER_CHAIN: "UC, connection reset: no filter chain matches",
    Ending.PLAIN_TO_TLS_SERVER: "UC, connection reset",
    Ending.TLS_TO_HTTP_SERVER: "UC, TLS into plain text",
    Ending.HANDSHAKE: "UF, TLS error",
    Ending.LISTENER_WAITS: "UF: the listener waits for its Secret",
    Ending.CLUSTER_WAITS: "the cluster waits for its Secret",
    Ending.CONNECTION_DENIED: "UC, connection reset",
    Ending.REQUEST_DENIED: "RBAC: access denied",
    Ending.NO_VIRTUAL_HOST: "NR",
    Ending.NO_ROUTE: "NR",
    Ending.FAULT_INJECTION: "FI: the rule injects it",
    Ending.LOOP: "the gateway sends to itself",
}

_ANSWERED = {
    Result.BYPASSES: "the destination's answer, to another address than the gateway's",
    Result.FAILS: "the answer of {}, which is declared for another host",
}
"""By result, of a request that arrives somewhere."""


def answer(end: End, scheme: str, *, gateway: bool) -> str:
    """The answer to a request with this end.

    `gateway` is set if the gateway answers, not the client's sidecar.
    """
    if end.result is Result.THROUGH:
        return "the destination's answer"
    if end.result is Result.BYPASSES or end.ending is Ending.OTHER_DESTINATION:
        return _ANSWERED[end.result].format(end.reached)
    if end.result is Result.UNKNOWN:
        return ""
    where = " from the gateway" if gateway and end.status is not None else ""
    if end.reason in _OUTSIDE:
        plain, other = _OUTSIDE[end.reason]
        return plain if scheme in ("http", "grpc") else other
    if end.status is not None:
        flag = _HTTP.get(end.ending, end.flag)
        return f"{end.status}{f' ({flag})' if flag else ''}{where}"
    if scheme == "tcp":
        return f"{CONNECTION_RESET}{' (BlackHoleCluster)' if end.ending is Ending.BLACK_HOLE else ''}"
    if end.ending is Ending.BLACK_HOLE:
        return f"{CONNECTION_RESET} (BlackHoleCluster)"
    return _HANDSHAKE if scheme in ("https", "tls") else CONNECTION_RESET
