"""The host of a question: a name or an address, perhaps with scheme, port and path.

Its text is canonical: `host`, `host:port`, or a URL if the scheme does not follow from the port."""

import ipaddress
import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from checks.model.question import BadQuestion

USUAL_PORTS = {"http": 80, "https": 443, "grpc": 80, "tls": 443}
"""The port of each scheme if none is given; `tcp` has none."""
SCHEMES = (*USUAL_PORTS, "tcp")
_BY_PORT = {80: "http", 443: "https"}
_LABEL = re.compile(r"^(?!-)[a-z0-9_-]{1,63}(?<!-)$")


@dataclass(frozen=True, slots=True)
class RequestedHost:
    """A host in lower case, with what else was given.

    `scheme`, `port` and `path` are None or "" if they were not given and do not follow.
    """

    name: str
    port: int | None = None
    scheme: str = ""
    path: str = ""

    def __str__(self) -> str:
        shown = f"[{self.name}]" if ":" in self.name else self.name
        if self.scheme and (self.path not in ("", "/") or _BY_PORT.get(self.port or 0) != self.scheme):
            usual = USUAL_PORTS.get(self.scheme) == self.port
            return f"{self.scheme}://{shown}{'' if usual else f':{self.port}'}{self.path}"
        return shown if self.port is None else f"{shown}:{self.port}"

    @property
    def specific(self) -> bool:
        """Whether the question names one kind of request."""
        return self.port is not None or is_ip(self.name)


def is_ip(name: str) -> bool:
    """Whether a name is an IP address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def parse_requested_host(typed: str) -> RequestedHost:
    """Parse HOST[:PORT], an IP address, or a pasted URL. Raises BadQuestion.

    A URL is as Slack and browsers paste it.

    International names become ASCII and a trailing dot is removed. The query and the fragment of a URL are dropped: they
    may hold a credential.
    """
    written = typed.strip().strip("<>").split("|", 1)[0]
    if is_ip(written):
        return RequestedHost(written.lower())
    scheme, given, _ = written.partition("://")
    scheme = scheme.lower() if given else ""
    if given and scheme not in SCHEMES:
        raise BadQuestion(f'"{typed}": expected http://, https://, grpc://, tls:// or tcp://, or HOST[:PORT]')
    try:
        split = urlsplit(written if scheme else f"//{written}")
        host, port = split.hostname or "", split.port
    except ValueError:
        raise BadQuestion(f'"{typed}" is not a host: expected HOST[:PORT] with a port from 1 to 65535') from None
    if port == 0:
        raise BadQuestion(f'"{typed}": port 0 does not exist; expected 1 to 65535')
    if not scheme and (split.path or split.query or split.username):
        raise BadQuestion(f'"{typed}" is not a host: expected HOST[:PORT] without a path')
    if scheme == "tcp" and port is None:
        raise BadQuestion(f'"{typed}": tcp:// needs a port, for example tcp://db.example:5432')
    path = "" if split.path == "/" else split.path
    return RequestedHost(_name(host.rstrip("."), typed), port or USUAL_PORTS.get(scheme), scheme, path)


def parse_host(typed: str) -> str:
    """Parse HOST[:PORT], an IP address or a URL into its canonical text. Raises BadQuestion."""
    return str(parse_requested_host(typed))


def requested_host(canonical: str) -> RequestedHost:
    """Read a canonical text."""
    found = parse_requested_host(canonical)
    return found if found.scheme or found.port is None else replace(found, scheme=_BY_PORT.get(found.port, ""))


def split_host(requested: str) -> tuple[str, int | None]:
    """The name and the port of a canonical text.

    The port is None if absent. An empty text has neither.
    """
    if not requested:
        return "", None
    found = parse_requested_host(requested)
    return found.name, found.port


def _name(host: str, typed: str) -> str:
    if not host:
        raise BadQuestion(f'"{typed}" has no host: expected HOST[:PORT], for example api.bank.example:443')
    if is_ip(host):
        return host.lower()
    try:
        ascii_host = host.encode("idna").decode("ascii").lower() if not host.isascii() else host.lower()
    except UnicodeError:
        raise BadQuestion(f'"{typed}" is not a valid DNS name') from None
    labels = ascii_host.removeprefix("*.").split(".")
    if len(ascii_host) > 253 or not all(_LABEL.match(label) for label in labels):
        raise BadQuestion(
            f'"{typed}" is not a host name: expected only letters, digits, "-" and ".", each label up to 63 characters'
        )
    if labels[-1].isdigit():
        raise BadQuestion(f'"{typed}" is not a host name: the last label is a number')
    return ascii_host
