"""ServiceEntries for one host that differ, and the proxies that use each of them.

It does not matter whether they break a route.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from checks.facts.istio_networking import ServiceEntry
from checks.istio.faults.destinations.conflicting_entries import conflicting_entries
from checks.istio.request.client_request import Clients
from checks.istio.request.routing import Routing


@dataclass(slots=True)
class DifferingEntries:
    """Two entries for a host.

    The gateway uses `kept`; if it uses neither, the first clients do.
    """

    host: str
    kept: ServiceEntry
    other: ServiceEntry
    users: list[str] = field(default_factory=list)
    """The proxies that use the kept one: the gateway, and the names of clients."""
    users_of_other: list[str] = field(default_factory=list)


def differing_entries(over: Routing, hosts: Iterable[str], clients: Iterable[Clients]) -> tuple[DifferingEntries, ...]:
    """The entries for hosts and the destinations of their rules that differ, each pair once."""
    named = [(over.facts.gateway.ref, each) for each in over.gateway_proxies()]
    sidecars = ((str(each), over.proxy(each.pod)) for each in clients)
    named += [(name, each) for name, each in sidecars if each is not None and each.outbound is not None]
    found: dict[tuple[str, frozenset[str]], DifferingEntries] = {}
    for host in hosts:
        for name, proxy in named:
            for service in proxy.services_about(host):
                for kept, other in conflicting_entries(proxy, service):
                    _add(found, DifferingEntries(service, kept, other), name)
    return tuple(found.values())


def _add(found: dict[tuple[str, frozenset[str]], DifferingEntries], pair: DifferingEntries, user: str) -> None:
    known = found.setdefault((pair.host, frozenset((pair.kept.ref, pair.other.ref))), pair)
    users = known.users if known.kept.ref == pair.kept.ref else known.users_of_other
    if user not in users:
        users.append(user)
