"""What does an exit code of curl prove about a request?

Source: curl's manual, section EXIT CODES (curl 8.11); codes that the manual lists as unused are left out.
"""

from collections.abc import Mapping
from enum import Enum


class CurlFailure(Enum):
    """The part of a request that failed, by what it proves about egress."""

    NOT_SENT = "curl could not make the request: its URL, its options, or its container"
    PROXY = "a proxy in the environment of the container"
    DNS = "the resolution of the name"
    NOT_CONNECTED = "the connection: it was rejected, or there is no route"
    TIME_OUT = "the time limit; the times of the request show at which step"
    TLS = "the TLS handshake: a connection was made"
    NO_ANSWER = "the answer: a connection was made, and closed without one"
    SERVICE = "the answer: the destination sent one that curl cannot use"
    TOO_LARGE = "the size of the answer"


_CODES: Mapping[CurlFailure, tuple[int, ...]] = {
    # 1 unsupported protocol, 2 failed to initialize, 3 malformed URL, 4 feature not built in, 23 write error, 26 read error,
    # 27 out of memory, 37 unreadable file, 41 missing function, 42 aborted by a callback, 43 bad argument, 45 no interface,
    # 48 unknown option, 65 rewinding, 81 socket not ready, 89 no connection available, 93 call within a callback,
    # 99 poll(), 100 a value that is too large
    CurlFailure.NOT_SENT: (1, 2, 3, 4, 23, 26, 27, 37, 41, 42, 43, 45, 48, 65, 81, 89, 93, 99, 100),
    CurlFailure.PROXY: (5, 97),
    CurlFailure.DNS: (6,),
    CurlFailure.NOT_CONNECTED: (7,),
    CurlFailure.TIME_OUT: (28,),
    # 35 handshake, 51 and 60 the peer's certificate, 53 and 54 crypto engine, 58 local certificate, 59 ciphers, 64 required
    # TLS level, 66 engine, 77 CA file, 80 shutdown, 82 CRL file, 83 issuer, 90 pinned key, 91 certificate status, 98 client
    # certificate required, 101 ECH
    CurlFailure.TLS: (35, 51, 53, 54, 58, 59, 60, 64, 66, 77, 80, 82, 83, 90, 91, 98, 101),
    # 52 empty reply, 55 sending failed, 56 receiving failed (such as "Connection reset by peer")
    CurlFailure.NO_ANSWER: (52, 55, 56),
    CurlFailure.TOO_LARGE: (63,),
}
_FAILURES = {code: failure for failure, codes in _CODES.items() for code in codes}


def curl_failure(exit_code: int) -> CurlFailure:
    """The part of the request that failed, for an exit code other than 0.

    The remaining codes are errors in the answer of a server (8 weird reply, 16 HTTP/2, 18 partial file, 22 HTTP error,
    47 redirects, 61 encoding, 92 HTTP/2 stream), or belong to protocols that a probe does not use.
    """
    return _FAILURES.get(exit_code, CurlFailure.SERVICE)
