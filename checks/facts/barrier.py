"""The reason why a request got no answer."""

from enum import StrEnum


class Barrier(StrEnum):
    """The step at which a connection to the API server or to Azure ended."""

    DNS = "dns"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    TLS = "tls"
    PROXY = "proxy"
    CLOSED = "closed"
