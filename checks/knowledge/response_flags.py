"""Envoy's response flags, with their meaning and where the failure is.

Source: Envoy documentation, "Access logging" (response flags); docs/domain/istio.md#log-lines.
"""

from dataclasses import dataclass
from enum import StrEnum


class FailureSide(StrEnum):
    """The location of a failure."""

    CLUSTER = "in the cluster"
    NETWORK = "in the network between the gateway nodes and the destination"
    DESTINATION = "at the destination"
    POD = "at single gateway pods: their node, tunnel or source IP address"
    """Through the other pods of the gateway the same host is reached."""
    BEYOND = "at the destination, or in a firewall rule for this host"
    """Other hosts are reached through the same network."""
    UNCLEAR = "at the destination, or in the network before it"
    """No other host is requested, so the counts do not separate the two."""


@dataclass(frozen=True, slots=True)
class ResponseFlag:
    """A response flag: its meaning and side."""

    name: str
    meaning: str
    side: FailureSide


DENIED = "RBAC"
DENIAL = "an AuthorizationPolicy denied the request"

_FLAGS = (
    ResponseFlag("NR", "the gateway has no route for the request", FailureSide.CLUSTER),
    ResponseFlag("NC", "the gateway does not know the destination's cluster", FailureSide.CLUSTER),
    ResponseFlag("UH", "the gateway has no healthy address for the host", FailureSide.CLUSTER),
    ResponseFlag("DF", "the gateway could not resolve the host's name", FailureSide.CLUSTER),
    ResponseFlag(DENIED, DENIAL, FailureSide.CLUSTER),
    ResponseFlag("UAEX", "the external authorizer denied the request", FailureSide.CLUSTER),
    ResponseFlag("UO", "the circuit breaker of the DestinationRule rejected the request", FailureSide.CLUSTER),
    ResponseFlag("LR", "the gateway reset the connection", FailureSide.CLUSTER),
    ResponseFlag("UF", "the connection to the destination failed", FailureSide.NETWORK),
    ResponseFlag("UT", "the destination did not answer in time", FailureSide.DESTINATION),
    ResponseFlag("UMSDR", "the destination's answer took longer than the route allows", FailureSide.DESTINATION),
    ResponseFlag("UC", "the destination closed the connection", FailureSide.DESTINATION),
    ResponseFlag("UR", "the destination reset the connection", FailureSide.DESTINATION),
    ResponseFlag("UPE", "the destination's answer is no valid HTTP", FailureSide.DESTINATION),
    ResponseFlag("URX", "all retries failed", FailureSide.NETWORK),
    ResponseFlag("FI", "a fault rule of the VirtualService ended the request", FailureSide.CLUSTER),
    ResponseFlag("RL", "a rate limit rejected the request", FailureSide.CLUSTER),
    ResponseFlag("RLSE", "the rate limit service did not answer", FailureSide.CLUSTER),
    ResponseFlag("OM", "the gateway's proxy is overloaded", FailureSide.CLUSTER),
    ResponseFlag("DO", "the gateway dropped the request because of overload", FailureSide.CLUSTER),
    ResponseFlag("UDO", "the gateway dropped the request because of overload", FailureSide.CLUSTER),
    ResponseFlag("NFCF", "the gateway lacks the configuration of a filter", FailureSide.CLUSTER),
    ResponseFlag("LH", "the health check of the gateway's proxy failed", FailureSide.CLUSTER),
    ResponseFlag("SI", "the request was idle for too long", FailureSide.CLUSTER),
    ResponseFlag("DT", "the client's connection reached its longest duration", FailureSide.CLUSTER),
    ResponseFlag("DPE", "the client's request is no valid HTTP", FailureSide.CLUSTER),
    ResponseFlag("IH", "a header of the client's request is not valid", FailureSide.CLUSTER),
)
"""The flags of failures; a combination has the meaning of the first.

RBAC is no flag of Envoy: its counters of denied requests show this failure.
"""
_NO_FAILURE = ("", "-", "DC", "DR", "DI", "RFCF")
"""Flags that are no failure: a client that went away, a delay, and an answer from a cache."""

_GRPC_FAILURES = {
    "2": "UNKNOWN",
    "4": "DEADLINE_EXCEEDED",
    "12": "UNIMPLEMENTED",
    "13": "INTERNAL",
    "14": "UNAVAILABLE",
    "15": "DATA_LOSS",
}
"""The statuses of gRPC that correspond to a code of 500 or more.

Others, such as NOT_FOUND, are answers to the request. Source: googleapis, `google/rpc/code.proto` ("HTTP Mapping").
"""

_DETAILS = (
    ("rbac_access_denied", DENIAL, FailureSide.CLUSTER),
    ("TLS_error", "the TLS handshake with the destination failed", FailureSide.DESTINATION),
    ("connection_refused", "the destination refused the connection", FailureSide.DESTINATION),
    ("Connection_refused", "the destination refused the connection", FailureSide.DESTINATION),
    ("connection_timeout", "the connection to the destination timed out", FailureSide.NETWORK),
    ("dns_resolution_failure", "the gateway could not resolve the host's name", FailureSide.CLUSTER),
)
"""Texts in Envoy's response code details, which are more specific than the flag."""


def failed_response(code: int, flags: tuple[str, ...], details: str) -> ResponseFlag | None:
    """The failure of a request, None if it succeeded or the client went away.

    The name is the flag, or the code for an answer without one.
    """
    known = next((each for each in _FLAGS if each.name in flags), None)
    shown = known.name if known else str(code)
    for text, meaning, side in _DETAILS:
        if text in details:
            return ResponseFlag(shown, meaning, side)
    own = _own_failure(flags) if known is None and (code == 0 or code >= 400) else None
    if own is None and known is None and code >= 500:
        return ResponseFlag(shown, f"the destination answered {code}", FailureSide.DESTINATION)
    return known or own


def failed_grpc(status: str, flags: tuple[str, ...]) -> ResponseFlag | None:
    """The failure of a gRPC request, None if it succeeded or the client went away."""
    known = next((each for each in _FLAGS if each.name in flags), None)
    if known is not None or (meaning := _GRPC_FAILURES.get(status)) is None:
        return known
    answer = ResponseFlag(f"gRPC {status}", f"the destination answered {meaning}", FailureSide.DESTINATION)
    return _own_failure(flags) or answer


def _own_failure(flags: tuple[str, ...]) -> ResponseFlag | None:
    """The failure of an unknown flag: Envoy sets it if it ends the request itself."""
    other = next((each for each in flags if each not in _NO_FAILURE), "")
    return ResponseFlag(other, "the gateway's proxy ended the request itself", FailureSide.CLUSTER) if other else None
