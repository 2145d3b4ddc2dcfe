"""Which ServiceEntries a host needs, and who must see them: its destinations at the gateway, itself at the clients."""

from dataclasses import dataclass

from checks.facts.istio_networking import ServiceEntry, VirtualService
from checks.facts.view import Facts
from checks.istio.route.carried import Configuration
from checks.istio.route.clients import Clients, client_groups
from checks.istio.route.hosts import is_cluster_local, looks_like_service
from checks.istio.route.registry import rules, service_entries
from checks.istio.route.rules import MESH, gateway_refs
from checks.istio.route.service_entries import Entry, entries_for, is_visible
from checks.istio.route.visibility import discovered, visible


@dataclass(frozen=True, slots=True)
class Unseen:
    """A host for which proxies get no ServiceEntry: the gateway's (`at_gateway`), or those of clients. `hidden` are the
    ServiceEntries that exist."""

    host: str
    hidden: tuple[ServiceEntry, ...]
    at_gateway: bool
    clients: tuple[Clients, ...] = ()


def routes_about(found: Configuration, host: str) -> tuple[VirtualService, ...]:
    """The gateway's VirtualServices that have to do with the host, oldest first."""
    index = found.routes_by_host
    about = {id(route) for _, route in (*index.covering(host), *index.within(host))}
    return tuple(each for each in found.routes if id(each) in about)


def destinations(facts: Facts, found: Configuration, host: str) -> dict[str, set[int]]:
    """Where the gateway is to send requests to the host, and to which ports (empty: the rule says none). The host itself
    where no rule for the gateway says."""
    name, namespace = facts.gateway.name, facts.gateway.namespace
    wanted: dict[str, set[int]] = {}
    for route in routes_about(found, host):
        for rule in rules(facts, route):
            at_gateway = any(m.gateways is None or set(m.gateways) - {MESH} for m in rule.matches) or not rule.matches
            if not at_gateway or set(gateway_refs(route)) == {MESH}:
                continue
            for each in rule.destinations:
                if is_cluster_local(each.host) or looks_like_service(each.host, name, namespace) or not each.host:
                    continue
                wanted.setdefault(each.host, set()).update({each.port} if each.port else ())
    return wanted or {host: set()}


def entries_about(facts: Facts, host: str) -> tuple[Entry, ...]:
    """The ServiceEntries that cover the host; of a wildcard that none covers, those for names under it."""
    covering = entries_for(facts, host)
    if covering:
        return covering
    return tuple(Entry(entry, written) for written, entry in service_entries(facts).within(host))


def unseen(facts: Facts, found: Configuration, host: str) -> tuple[Unseen, ...]:
    """What lacks for this host: its destinations at the gateway, and itself at clients that get a route for it."""
    lacking: list[Unseen] = []
    wanted = destinations(facts, found, host)
    for name in dict.fromkeys((*wanted, host)):
        entries = entries_about(facts, name)
        at_gateway = name in wanted and not _seen(facts, found, entries, facts.gateway.namespace)
        blind: tuple[Clients, ...] = ()
        if name == host:
            groups = seeing_clients(facts, found, host)
            blind = tuple(each for each in groups if not _seen(facts, found, entries, each.namespace))
        if at_gateway or blind:
            lacking.append(Unseen(name, tuple(each.entry for each in entries), at_gateway, blind))
    return tuple(lacking)


def _seen(facts: Facts, found: Configuration, entries: tuple[Entry, ...], viewer: str) -> bool:
    return any(is_visible(facts, each.entry, viewer, found.mesh) for each in entries)


def seeing_clients(facts: Facts, found: Configuration, host: str) -> tuple[Clients, ...]:
    """The client namespaces that get a route for the host to this gateway, or the one that was asked about."""
    routes = [each for each in routes_about(found, host) if MESH in gateway_refs(each)]
    entries = [each.entry for each in entries_about(facts, host)]
    groups = client_groups(facts, (*routes, *entries))
    if facts.question.client:
        return groups
    return tuple(
        group
        for group in groups
        if any(
            visible(each, group.namespace, found.mesh) and discovered(facts, each.namespace, found.mesh)
            for each in routes
        )
    )
