"""Host names as Istio compares them: wildcards, short names, and the namespace prefixes of Gateway hosts.

The rules are those of `host.Name` in Istio's pkg/config/host (domain.md 5.2.1). Behind `canonical` hosts are lower case
and without the dot at the end.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

DOMAIN = "cluster.local"
"""The mesh's DNS domain; the add-on starts istiod and proxies with it and offers no other."""

_SERVICE = f".svc.{DOMAIN}"
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def canonical(host: str) -> str:
    """The host in lower case, without spaces around it or a dot at the end."""
    return host.strip().lower().rstrip(".")


def is_wildcard(host: str) -> bool:
    """Whether it stands for many names: `*` or `*.example.com`."""
    return host.startswith("*")


def is_address(host: str) -> bool:
    """Whether it is an IP address and no name."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def is_valid(host: str) -> bool:
    """Whether Istio's validation takes it as a host: DNS labels, with a wildcard only as the whole first label."""
    rest = host.removeprefix("*.")
    return host == "*" or (0 < len(rest) <= 253 and all(_LABEL.fullmatch(label) for label in rest.split(".")))


def is_cluster_local(host: str) -> bool:
    """Whether it names a Service of this cluster in full."""
    return host.endswith(_SERVICE)


def matches(one: str, other: str) -> bool:
    """Whether the two overlap, wildcards on either side: `*.a.com` and `x.a.com`, `*.x.a.com` or `*`, never `a.com`."""
    if is_wildcard(one) and is_wildcard(other):
        short, long = sorted((one[1:], other[1:]), key=len)
        return long.endswith(short)
    if is_wildcard(one):
        return other.endswith(one[1:])
    if is_wildcard(other):
        return one.endswith(other[1:])
    return one == other


def covers(wider: str, narrower: str) -> bool:
    """Whether every name that `narrower` stands for is one that `wider` stands for."""
    if is_wildcard(wider):
        return (narrower[1:] if is_wildcard(narrower) else narrower).endswith(wider[1:])
    return wider == narrower


def narrower_of(one: str, other: str) -> str | None:
    """What both stand for: the narrower of the two, or None where they have nothing in common."""
    if covers(one, other):
        return other
    return one if covers(other, one) else None


def specificity(host: str) -> tuple[bool, int]:
    """Sorts hosts from general to specific: names after wildcards, longer after shorter."""
    return (not is_wildcard(host), len(host))


def most_specific(written: Iterable[str], host: str) -> str | None:
    """Of these hosts the most specific that covers `host`, as Istio and Envoy choose; None where none does."""
    return max((each for each in written if covers(each, host)), key=specificity, default=None)


def resolve(host: str, namespace: str) -> str:
    """A destination as istiod reads it in an object of this namespace: a name without a dot is a Service beside the
    object; one with a dot is taken literally, so that `gw.ns` and `gw.ns.svc` name nothing (domain.md 5.2.1)."""
    host = canonical(host)
    if not host or "." in host or is_wildcard(host):
        return host
    return f"{host}.{namespace}{_SERVICE}"


def service_host(name: str, namespace: str) -> str:
    """A Service's full name in the mesh."""
    return f"{name}.{namespace}{_SERVICE}".lower()


def looks_like_service(host: str, name: str, namespace: str) -> bool:
    """Whether somebody who wrote this host meant that Service: its short forms with dots, another cluster domain, or
    its name in another namespace. The full name itself is not a look-alike."""
    if host == service_host(name, namespace):
        return False
    first, _, rest = host.partition(".")
    if first != name:
        return False
    return rest in ("", namespace, f"{namespace}.svc") or bool(re.fullmatch(r"[a-z0-9-]+\.svc(\.[a-z0-9.-]+)?", rest))


@dataclass(frozen=True, slots=True)
class ServerHost:
    """A host of a Gateway server: `namespace` is the only one whose VirtualServices may bind, or `*`."""

    namespace: str
    host: str

    def admits(self, namespace: str) -> bool:
        """Whether VirtualServices of this namespace may bind to it."""
        return self.namespace in ("*", namespace)


def server_host(written: str, gateway_namespace: str) -> ServerHost:
    """`host`, `*/host`, `./host` (the Gateway's own namespace) or `namespace/host`."""
    prefix, slash, host = written.partition("/")
    if not slash:
        return ServerHost("*", canonical(written))
    return ServerHost(gateway_namespace if prefix == "." else prefix, canonical(host))


def served(server_hosts: Iterable[ServerHost], route_hosts: Iterable[str], route_namespace: str) -> tuple[str, ...]:
    """The hosts for which a server uses a VirtualService: their intersection, of the namespaces that may bind."""
    wanted = tuple(route_hosts)
    found = (
        narrower_of(server.host, host) for server in server_hosts if server.admits(route_namespace) for host in wanted
    )
    return tuple(dict.fromkeys(host for host in found if host is not None))
