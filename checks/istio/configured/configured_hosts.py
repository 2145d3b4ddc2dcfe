"""The hosts for which a gateway is configured, by servers or by routing rules.

A host that only one side names counts: the other side is then what is missing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from checks.facts.fact import Unreadable
from checks.facts.gateway_api import KubernetesGateway
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.istio.configured.intended_gateways import gateway_full_name, intended_gateways
from checks.istio.configured.other_gateways import other_gateway_of
from checks.istio.configured.routing_index import routing_index
from checks.istio.mesh.gateway_api.gateways import ListenerGateway
from checks.istio.mesh.host_index import HostIndex
from checks.istio.mesh.objects.hosts import DOMAIN, is_subset, is_wildcard
from checks.istio.mesh.objects.routing_rules import MESH, RoutingRules
from checks.istio.proxy.gateway_servers import GatewayServer, gateway_server
from checks.istio.request.routing import routing
from checks.model.requested_host import requested_host


@dataclass(frozen=True, slots=True)
class ConfiguredHosts:
    """The servers and rules of a gateway, and the hosts that they are for, in lower case."""

    servers: tuple[GatewayServer, ...]
    routes: tuple[RoutingRules, ...]
    hosts: tuple[str, ...]
    of_others: tuple[str, ...]
    """Hosts of its servers that VirtualServices route to another egress gateway."""
    index: HostIndex[GatewayServer]
    """The servers by host."""

    def servers_for(self, host: str) -> tuple[GatewayServer, ...]:
        """The servers with a host that has a name in common with this one, which is in lower case."""
        return tuple(self.index.overlapping(host))


def configured_hosts(facts: Facts) -> ConfiguredHosts:
    """The hosts of this run's gateway, from the objects that could be read.

    Raises Unreadable without the labels of its pods.
    """
    return facts.once("configured hosts", _configured, str(facts.gateway))


def examined_hosts(facts: Facts) -> tuple[str, ...]:
    """The hosts of a run: the question's, else all that are configured for the gateway."""
    if facts.question.host:
        return (requested_host(facts.question.host).name,)
    return configured_hosts(facts).hosts


def nothing_configured(facts: Facts) -> str:
    """The sentence for a gateway without a host."""
    for each in facts.readable(KubernetesGateway):
        if each.has_address(facts.gateway.service_host):
            return f"No listener and no route of the Gateway API sends a host through {each.ref} to {facts.gateway.ref} yet."
    for each in facts.readable(KubernetesGateway):
        if unknown := _unknown_service(facts, each):
            stated = f"No host is routed through {facts.gateway.ref} yet"
            return f"{stated}: {each.ref} has the address {unknown}, which is no Service."
    return f"No Gateway and no VirtualService routes a host through {facts.gateway.ref} yet."


def _unknown_service(facts: Facts, gateway: KubernetesGateway) -> str:
    """The address of a Gateway that is no Service of the cluster; "" for none."""
    known = {each.host for each in facts.readable(Service)}
    named = [value for kind, value in gateway.addresses if kind == "Hostname" and value.endswith(f".svc.{DOMAIN}")]
    unread = facts.gap(Service) is not None or gateway.gateway_class != "istio"
    return next((each for each in named if each not in known), "") if not unread and not known & {*named} else ""


def hosts_listed(hosts: Sequence[str]) -> str:
    """The first three hosts."""
    return ", ".join(hosts[:3]) + (f" and {len(hosts) - 3} more hosts" if len(hosts) > 3 else "")


def server_hosts(server: GatewayServer) -> tuple[str, ...]:
    """The hosts of a server, each once."""
    return tuple(dict.fromkeys(server.host_names))


def common_host(one: str, other: str) -> str | None:
    """The narrower of two hosts, or None if no request matches both."""
    if is_subset(other, one):
        return other
    return one if is_subset(one, other) else None


def is_external(host: str) -> bool:
    """Whether a host is outside the cluster: a name, a wildcard for such names, or an address."""
    return host not in ("", "*") and not host.endswith(f".svc.{DOMAIN}")


def _configured(facts: Facts) -> ConfiguredHosts:
    index, service = routing_index(facts), facts.gateway.service_host.lower()
    gateways = intended_gateways(facts)
    bound = (routes for each in gateways.own for routes in index.bound_to(gateway_full_name(each)))
    routes = tuple(dict.fromkeys((*index.leading_to(service), *bound)))
    written = (
        gateway_server(each, at, server, server.port.number)
        for each in gateways.own
        for at, server in enumerate(each.servers)
    )
    servers = (*written, *_listeners_of_the_gateway_api(facts))
    # Applications leave out the dot at the end of a name, which istiod keeps in the hosts of objects.
    found = list(dict.fromkeys(each.removesuffix(".") for each in _hosts(servers, routes)))
    leading = {host.lower().removesuffix(".") for each in index.leading_to(service) for host in each.hosts}
    others = [each for each in found if each not in leading and other_gateway_of(facts, each)]
    hosts = tuple(each for each in found if each not in others)
    by_host = HostIndex((each, server_hosts(each)) for each in servers)
    return ConfiguredHosts(tuple(servers), routes, hosts, tuple(others), by_host)


def _listeners_of_the_gateway_api(facts: Facts) -> Iterator[GatewayServer]:
    """The listeners of Gateways of the Gateway API that use the gateway's Service."""
    try:
        listeners = [proxy.inbound for proxy in routing(facts).gateway_proxies() if proxy.inbound is not None]
        every = [each for listener in listeners for each in listener.servers]
    except Unreadable:
        return
    yield from dict.fromkeys(each for each in every if isinstance(each.gateway, ListenerGateway))


def _hosts(servers: Iterable[GatewayServer], routes: Iterable[RoutingRules]) -> Iterator[str]:
    """The hosts that servers and rules have in common, and those that only one side names."""
    kept = tuple(routes)
    owners: dict[str, set[str]] = {}
    for server in servers:
        for host in server_hosts(server):
            owners.setdefault(host, set()).add(server.name)
    routed = dict.fromkeys(host.lower() for each in kept for host in each.hosts)
    met: set[str] = set()
    common: dict[str, None] = {each: None for each in owners if each in routed}
    for one in owners:
        for other in routed if is_wildcard(one) else [each for each in routed if is_wildcard(each)]:
            narrower = common_host(one, other) if one != other else None
            if narrower is not None:
                met |= {one, other}
                common[narrower] = None
    met |= set(owners) & set(routed)
    # A host that only a Gateway names, if its VirtualService's own host has no server, is the same host with a typo.
    astray = {name for each in kept if any(host.lower() not in met for host in each.hosts) for name in each.gateways}
    alone = [each for each, names in owners.items() if each not in met and not names & (astray - {MESH})]
    alone += [each for each in routed if each not in met]
    yield from sorted(each for each in dict.fromkeys((*common, *alone)) if is_external(each))
