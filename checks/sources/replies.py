"""What came back from an API server in place of an answer, as a gap with the verb, the resource and the reply."""

import re
from contextlib import suppress
from time import monotonic
from typing import Any

import orjson
import urllib3.exceptions as broken

from checks.facts.fact import Gap
from checks.model.raw_values import text
from checks.model.redaction import redact
from checks.sources.source import TOO_LATE

_LONGEST = 300
_UNTRUSTED = re.compile(r"certificate verify failed: (.+?)(?:\(_ssl|$)", re.IGNORECASE)


class Failure(Exception):
    """A request without a usable answer: HTTP status (504 a time-out, 0 no connection) and what was said."""

    def __init__(self, status: int, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = shortened(message)
        self.retry_after = retry_after

    def gap(self, source: str, verb: str, resource: str) -> Gap:
        """The gap that a read of this resource leaves."""
        return Gap(source, verb, resource, self.status, self.message)


def shortened(message: str) -> str:
    """One line without secrets, short enough for a message to a person."""
    line = redact(" ".join(message.split()))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def seconds_left(deadline: float) -> float:
    """Seconds until the deadline. Raises Failure (504) when it has passed."""
    left = deadline - monotonic()
    if left <= 0:
        raise Failure(504, TOO_LATE)
    return left


def refused(status: int, reason: str, body: bytes, retry_after: str | None) -> Failure:
    """An answer other than 2xx: Kubernetes explains itself in a Status object."""
    said = reason
    with suppress(orjson.JSONDecodeError):  # a proxy's page has none of the API server's words
        said = text(orjson.loads(body), "message") or reason
    seconds = float(retry_after) if retry_after and retry_after.isdigit() else None
    return Failure(status, said, seconds)


def unanswered(error: Exception, server: str) -> Failure:
    """A connection that failed, in words that are the same each time (no addresses of objects, no ports of ours)."""
    cause: Any = error
    while getattr(cause, "reason", None) is not None and isinstance(cause.reason, Exception):
        cause = cause.reason
    match cause:
        case broken.NameResolutionError():
            return Failure(0, f"the name of {server} cannot be resolved")
        case broken.NewConnectionError():
            return Failure(0, f"{server} refuses the connection")
        case broken.ConnectTimeoutError():
            return Failure(504, f"{server} cannot be connected to in time (private cluster, or authorized IP ranges?)")
        case broken.TimeoutError():
            return Failure(504, f"{server} does not answer in time")
        case broken.SSLError():
            return Failure(0, f"TLS with {server} failed: {tls_message(str(cause))}")
        case broken.ProxyError():
            return Failure(0, f"the proxy on the way to {server} failed")
        case broken.ProtocolError() | ConnectionError():
            return Failure(0, f"{server} broke the connection")
        case _:
            return Failure(0, f"{server} cannot be read ({type(cause).__name__})")


def tls_message(said: str) -> str:
    """What OpenSSL means, without its file and line numbers."""
    if found := _UNTRUSTED.search(said):
        return f"its certificate is not trusted: {found[1].strip()}"
    return "no common protocol" if "protocol" in said.lower() or "version" in said.lower() else "the handshake failed"
