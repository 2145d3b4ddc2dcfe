"""The question that a run answers, and parsing of typed gateways, hosts and clients."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_NAME = re.compile(r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?\Z")


class BadQuestion(ValueError):
    """Invalid input; the message says what was expected, `nearest` are similar valid values."""

    def __init__(self, message: str, nearest: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.nearest = tuple(nearest)


@dataclass(frozen=True, slots=True)
class ClusterIdentity:
    """The names of a cluster: the configured name and Azure's names.

    Azure's are name, resource group and subscription ("" if unknown).
    """

    name: str
    aks_name: str = ""
    resource_group: str = ""
    subscription: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A cluster, a gateway, and optionally a host and its client.

    The gateway has a name (and namespace); the client requests the host.
    """

    cluster: ClusterIdentity
    gateway: str
    namespace: str | None = None
    host: str | None = None
    """In the canonical text of asked_host.py."""
    client: str | None = None
    """`NAMESPACE` or `NAMESPACE/WORKLOAD`."""


@dataclass(frozen=True, slots=True)
class GatewayName:
    """A gateway name as typed; `namespace` is None if only the name was given."""

    namespace: str | None
    name: str


def parse_cluster_name(typed: str) -> str:
    """Parse the cluster name of a run over a bundle: any printable name. Raises BadQuestion."""
    name = typed.strip()
    if not name or not name.isprintable() or len(name) > 253:
        raise BadQuestion(f"{typed!a} is not a cluster name: expected up to 253 printable characters")
    return name


def parse_gateway_name(typed: str, namespace: str | None = None) -> GatewayName:
    """Parse `name` or `namespace/name`; `namespace` is the value of the option.

    Raises BadQuestion.
    """
    before, slash, after = typed.strip().partition("/")
    parts = (before, after) if slash else (namespace or "", before)
    if "/" in parts[1] or not parts[1] or (slash and not parts[0]):
        raise BadQuestion(f'"{typed}" is not a gateway: expected NAME or NAMESPACE/NAME')
    if slash and namespace and namespace != parts[0]:
        raise BadQuestion(f'"{typed}" and namespace {namespace} contradict each other: give only one')
    for part in (each for each in parts if each):
        if not _NAME.match(part) or len(part) > 253:
            raise BadQuestion(f'"{part}" is not a Kubernetes name: expected only letters, digits, "-" and "."')
    return GatewayName(parts[0] or None, parts[1])


<<<<<<< HEAD
def parse_host(typed: str) -> str:
    """Parse HOST[:PORT] or a pasted URL into `host` or `host:port`. Raises BadQuestion.

    The host becomes lower case, without a trailing dot, with international names in their ASCII form. The port is only
    added if it was given or follows from the scheme of the URL."""
    text = typed.strip().strip("<>").split("|", 1)[0]
    scheme = ""
    if _is_address(text):
        raise _an_address(typed)
    if "://" in text:
        scheme = text.split("://", 1)[0].lower()
        if scheme not in ("http", "https"):
            raise BadQuestion(f'"{typed}": expected http:// or https://, or HOST[:PORT]')
    try:
        split = urlsplit(text if scheme else f"//{text}")
        host, port = split.hostname or "", split.port
    except ValueError:
        raise BadQuestion(f'"{typed}" is not a host: expected HOST[:PORT] with a port from 1 to 65535') from None
    if port == 0:
        raise BadQuestion(f'"{typed}": port 0 does not exist; expected 1 to 65535')
    if not scheme and (split.path or split.query or split.username):
        raise BadQuestion(f'"{typed}" is not a host: expected HOST[:PORT] without a path')
    if port is None and scheme:
        port = 443 if scheme == "https" else 80
    name = _host(host.rstrip("."), typed)
    return f"{name}:{port}" if port else name


def _host(host: str, typed: str) -> str:
    if not host:
        raise BadQuestion(f'"{typed}" has no host: expected HOST[:PORT], for example api.bank.example:443')
    if _is_address(host):
        raise _an_address(typed)
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


def _an_address(typed: str) -> BadQuestion:
    return BadQuestion(
        f'"{typed}" is an IP address: egress gateways route by host name; give the host name that the application uses'
    )


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def split_host(given: str) -> tuple[str, int | None]:
    """Split `host:port` or `host`; the port is None if absent."""
    host, colon, port = given.rpartition(":")
    return (host, int(port)) if colon else (given, None)


=======
>>>>>>> 03f3775 (WIP asked host)
def parse_client(typed: str) -> str:
    """Parse NAMESPACE or NAMESPACE/WORKLOAD. Raises BadQuestion."""
    parts = typed.strip().split("/")
    if len(parts) > 2 or not all(_NAME.match(part) for part in parts):
        raise BadQuestion(f'"{typed}" is not a client: expected NAMESPACE or NAMESPACE/WORKLOAD')
    return "/".join(parts)
