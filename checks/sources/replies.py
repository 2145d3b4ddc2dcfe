"""Failed requests to an API server or Azure.

Status and message, and the gap for a failed read.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic
from typing import Any

import orjson

from checks.facts.barrier import Barrier
from checks.facts.fact import Credentials, Gap
from checks.model.raw_values import text
from checks.model.redaction import redact
from checks.sources.source import TOO_LATE

_LONGEST = 300
_UNKNOWN_PATH = b"404 page not found"
"""The API server's answer for a group or version that it does not serve."""
_UNTRUSTED = re.compile(r"certificate verify failed: (.+?)(?:\(_ssl|$)", re.IGNORECASE)


PROXY_ANSWER = re.compile(r"\b[45]\d\d [A-Z][A-Za-z -]+")
"""The status of a proxy that opens no tunnel, such as `407 Proxy Authentication Required`."""


class Failure(Exception):
    """A request without a usable answer: its message and HTTP status.

    504 is a time-out, 0 no connection.
    """

    def __init__(
        self,
        status: int,
        message: str,
        retry_after: float | None = None,
        credentials: Credentials | None = None,
        obstacle: Barrier | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = shortened(message)
        self.retry_after = retry_after
        self.credentials = credentials
        """The credentials without which the request was not sent."""
        self.obstacle = obstacle

    def gap(self, source: str, verb: str, resource: str) -> Gap:
        """The gap for a failed read of this resource."""
        return Gap(
            source, verb, resource, self.status, self.message, credentials=self.credentials, barrier=self.obstacle
        )

    def without(self, credentials: Credentials) -> "Failure":
        """The same failure of a request that was not sent without these credentials."""
        return Failure(self.status, self.message, self.retry_after, self.credentials or credentials, self.obstacle)


def shortened(message: str) -> str:
    """The message as one short line without secrets."""
    line = redact(
        " ".join(redact(message).split())
    )  # first as it was written: in one line, the ends of values are lost
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def seconds_left(deadline: float) -> float:
    """Seconds until the deadline. Raises Failure (504) after it."""
    left = deadline - monotonic()
    if left <= 0:
        raise Failure(504, TOO_LATE)
    return left


def body_pieces(response: Any, deadline: float) -> Iterator[bytes]:
    """The body as it arrives, decoded. Raises Failure (504) at the deadline.

    The library's own stream waits for a whole piece: a server that sends a byte each second renews the time-out of the
    connection with each.
    """
    while piece := response.read1(256 * 1024, decode_content=True):
        yield piece
        seconds_left(deadline)


def whole_body(response: Any, deadline: float, most: int) -> bytes:
    """The body, at most its first `most` bytes. Raises Failure (504) at the deadline."""
    found = bytearray()
    for piece in body_pieces(response, deadline):
        found += piece
        if len(found) >= most:
            break
    return bytes(found[:most])


def refused(status: int, reason: str, body: bytes, retry_after: str | None) -> Failure:
    """An answer other than 2xx, with the message of Kubernetes' Status object if there is one."""
    message, found = reason, None
    with suppress(orjson.JSONDecodeError):  # a proxy returns a page, not a Status object
        found = orjson.loads(body)
        message = text(found, "message") or reason
    if status == 404 and text(found, "kind") != "Status" and body.strip() != _UNKNOWN_PATH:
        return Failure(502, "the answer (404) does not come from an API server")
    seconds = float(retry_after) if retry_after and retry_after.isdecimal() else None
    return Failure(status, message, seconds)


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object of an answer. Raises Failure (502) if it is none."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise Failure(502, "the answer is not JSON from an API server")
    return found


def unanswered(error: Exception, server: str) -> Failure:
    """A failed connection, with a message that is the same each time.

    It is without object addresses and local ports.
    """
    import urllib3.exceptions as broken  # a bundle needs no HTTP client

    cause: Any = error
    while getattr(cause, "reason", None) is not None and isinstance(cause.reason, Exception):
        cause = cause.reason
    match cause:
        case broken.NameResolutionError():
            return Failure(0, f"the name of {server} cannot be resolved", obstacle=Barrier.DNS)
        case broken.NewConnectionError():
            return Failure(0, f"{server} refuses the connection", obstacle=Barrier.REFUSED)
        case broken.ConnectTimeoutError():
            return Failure(504, f"connecting to {server} timed out", obstacle=Barrier.TIMEOUT)
        case broken.TimeoutError():
            return Failure(504, f"{server} does not answer in time", obstacle=Barrier.TIMEOUT)
        case broken.SSLError():
            return tls_failure(server, str(cause))
        case broken.ProxyError():
            return _proxy_failure(server, str(cause))
        case broken.ProtocolError() | ConnectionError():
            return Failure(0, f"{server} closed the connection", obstacle=Barrier.CLOSED)
        case _:
            return Failure(0, f"{server} cannot be read ({type(cause).__name__})")


def tls_failure(server: str, message: str) -> Failure:
    """A failed TLS handshake with a server; `message` is that of the TLS library."""
    return Failure(0, f"TLS with {server} failed: {tls_message(message)}", obstacle=Barrier.TLS)


def _proxy_failure(server: str, message: str) -> Failure:
    found = PROXY_ANSWER.search(message)
    detail = f": {found[0]}" if found else ""
    return Failure(0, f"the proxy between here and {server} failed{detail}", obstacle=Barrier.PROXY)


def tls_message(message: str) -> str:
    """The reason of a TLS failure, without OpenSSL's file and line numbers."""
    if found := _UNTRUSTED.search(message):
        return f"its certificate is not trusted: {found[1].strip()}"
    return (
        "no common protocol"
        if "protocol" in message.lower() or "version" in message.lower()
        else "the handshake failed"
    )
