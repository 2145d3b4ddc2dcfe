"""Names, hosts and ports as Istio's validation accepts them.

Source: Istio, `pkg/config/validation/agent/validation.go`.
"""

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_interface

from checks.istio.mesh.objects.hosts import is_address

_LABEL = re.compile(r"[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?")
_FIRST_LABEL = re.compile(r"(?:\*|[-*]?[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?)")
_PROTOCOLS = frozenset(
    {"tcp", "udp", "grpc", "grpc-web", "http", "http_proxy", "http2", "https", "tls", "mongo", "redis", "mysql"}
)


def is_label(name: str) -> bool:
    """Whether a name is a label of DNS (RFC 1123), in any case."""
    return _LABEL.fullmatch(name) is not None


def is_protocol(name: str) -> bool:
    """Whether Istio knows the protocol."""
    return name.lower() in _PROTOCOLS


def range_flaw(text: str) -> str:
    """The flaw of an address or CIDR, "" if it is valid."""
    try:
        ip_interface(text)
    except ValueError:
        return f"{text!r} is no IP address or CIDR"
    return ""


def host_flaw(host: str) -> str:
    """The flaw of a host that may begin with a wildcard, "" if it is valid."""
    if not host or len(host) > 255:
        return "a host is empty or longer than 255 characters"
    first, dot, rest = host.partition(".")
    if _FIRST_LABEL.fullmatch(first) is None:
        return f"{host!r} is no host: label {first!r} is not valid"
    return _labels_flaw(host, rest) if dot else ""


def name_flaw(name: str) -> str:
    """The flaw of a host without a wildcard, "" if it is valid."""
    if not name or len(name) > 255:
        return "a host is empty or longer than 255 characters"
    return _labels_flaw(name, name)


def _labels_flaw(host: str, rest: str) -> str:
    labels = rest.split(".")
    if labels[-1].isdigit():
        return f"{host!r} is no host: its top-level domain is a number"
    wrong = next((each for each in (labels[:-1] if not labels[-1] else labels) if not is_label(each)), None)
    return f"{host!r} is no host: label {wrong!r} is not valid" if wrong is not None else ""


def scoped_host_flaw(host: str, *, gateway: bool) -> str:
    """The flaw of `NAMESPACE/HOST`; a `gateway` may leave the namespace out."""
    namespace, slash, name = host.partition("/")
    if not slash:
        return _host_part_flaw(host, gateway=True) if gateway else f"{host!r} is not of the form NAMESPACE/HOST"
    if not namespace or not name:
        return f"{host!r} has an empty namespace or host"
    if namespace.removeprefix("" if gateway else "~") not in ("", "*", ".") and not is_label(
        namespace.removeprefix("" if gateway else "~")
    ):
        return f"{namespace!r} is no namespace"
    return _host_part_flaw(name, gateway=gateway)


def _host_part_flaw(host: str, *, gateway: bool) -> str:
    if host == "*" or (gateway and is_address(host)):
        return ""
    if "." not in host:
        return f"{host!r} is a short name"
    if "*" in host and not host.startswith("*."):
        return f"{host!r} has a wildcard for a part of a label"
    return host_flaw(host)


def port_flaw(number: int | None) -> str:
    """The flaw of a port number, "" if it is valid."""
    return "" if number is not None and 1 <= number <= 65535 else f"port {number or 0} is not from 1 to 65535"


def export_flaws(namespace: str, export_to: Iterable[str], *, entry: bool = False) -> Iterator[str]:
    """The flaws of `exportTo`; that of a service `entry` can be `~`."""
    values = tuple(export_to)
    full = [namespace if each == "." else each for each in values]
    yield from (f"exportTo has {each} twice" for each in dict.fromkeys(full) if full.count(each) > 1)
    if len(values) > 1 and ({"*"} & set(values) or (entry and "~" in values)):
        yield "exportTo has * or ~ beside other values"
    for each in values:
        if each == "~" and not entry:
            yield "exportTo ~ is only for ServiceEntries"
        elif each not in ("*", ".", "~") and not is_label(each):
            yield f"exportTo {each!r} is no namespace"
