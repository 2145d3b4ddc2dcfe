"""Servers of Gateways that istiod ignores, because of an older server on the same port."""

from collections.abc import Iterator

from checks.facts.services import Service
from checks.facts.view import Facts
from checks.istio.examined_servers import involved_hosts, is_examined, is_routed, server_field
from checks.istio.faults.resolved_routes import routing_of_run
from checks.istio.fixes.fields import remove_field
from checks.istio.fixes.gateways import moved_server
from checks.istio.fixes.rules import kind_of_server
from checks.istio.fixes.service_ports import offered_ports
from checks.istio.fixes.show_commands import show_object
from checks.istio.harmless_changes import command_if_harmless
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.kubernetes.ownership import with_owner
from checks.model.commands import ISTIO_EGW, change
from checks.model.findings import Action, Evidence, Observation, fail, warn
from checks.model.raw_values import items, text


def ignored_servers(facts: Facts) -> Iterator[Observation]:
    """Servers that conflict with an older one on their port."""
    listeners = [each.inbound for each in routing_of_run(facts).gateway_proxies() if each.inbound is not None]
    for server in dict.fromkeys(each for listener in listeners[:1] for each in listener.refused):
        winner = _winner(server, listeners[0].servers)
        if winner is not None and not _is_shared_tcp(server, winner) and is_examined(facts, server):
            yield _ignored(facts, server, winner)


def _winner(server: GatewayServer, kept: tuple[GatewayServer, ...]) -> GatewayServer | None:
    """The server that istiod keeps instead: one with the same host, else the first on the port."""
    same = [each for each in kept if each.server.port.number == server.server.port.number]
    shared = [each for each in same if set(each.server.hosts) & set(server.server.hosts)]
    return next(iter((*shared, *same)), None)


def _is_shared_tcp(server: GatewayServer, winner: GatewayServer) -> bool:
    """Whether both servers are plain TCP for different hosts, whose destinations collide."""
    plain = all(kind_of_server(each) == "tcp" and each.server.tls is None for each in (server, winner))
    mine, theirs = ({host.lower() for host in each.server.hosts} for each in (server, winner))
    return plain and not mine & theirs


def _ignored(facts: Facts, server: GatewayServer, winner: GatewayServer) -> Observation:
    same_host = server.server.port.protocol == winner.server.port.protocol
    field = "hosts" if same_host else "port.protocol"
    mine, theirs = server.written, winner.written
    observe = warn if is_routed(facts, server) else fail
    reason = (
        f"{theirs.ref}, which is older, has a server for the same hosts there"
        if same_host
        else f"{theirs.ref}, which is older, has protocol {winner.server.port.protocol} there and not "
        f"{server.server.port.protocol}"
    )
    return observe(
        f"Istiod ignores {server.place} of {mine.ref} on port {server.server.port.number}: {reason}.",
        subject=mine.ref,
        evidence=[
            Evidence(mine.ref, server_field(server, field), _setting(server, field), _setting(winner, field)),
            Evidence(theirs.ref, server_field(winner, field), _setting(winner, field)),
            Evidence(mine.ref, "metadata.creationTimestamp", _created(server), f"before {_created(winner)}"),
        ],
        actions=[show_object(theirs), show_object(mine), *_separate(facts, server, winner, same_host=same_host)],
        about=involved_hosts(facts, server),
    )


def _setting(server: GatewayServer, field: str) -> str:
    return ", ".join(server.server.hosts) if field == "hosts" else server.server.port.protocol


def _created(server: GatewayServer) -> str:
    return text(server.gateway.raw, "metadata", "creationTimestamp") or "(unknown)"


def _separate(facts: Facts, server: GatewayServer, winner: GatewayServer, *, same_host: bool) -> Iterator[Action]:
    if same_host:
        # istiod's webhook refuses a Gateway without a server.
        only = len(items(server.written.raw, "spec", "servers")) < 2
        removed = remove_field(server.written, server.place)
        command = "" if only else command_if_harmless(facts, removed)
        title = f"Keep the host only in {winner.gateway.ref}, and bind VirtualServices to it"
        yield with_owner(change(title, command, ISTIO_EGW), server.written)
        return
    port = next(_usable_ports(facts, server, winner), None)
    if port is None:
        title = f"Use protocol {winner.server.port.protocol}, which {winner.gateway.ref} has on the port"
        yield change(title, "", ISTIO_EGW, "istiod no longer ignores the server")
        return
    routing = routing_of_run(facts)
    every = routing.mesh(routing.gateway_proxies()[0].proxy.revision).virtual_services.all_rules()
    bound = [each.source for each in every if server.name in each.gateways]
    steps = moved_server(server, bound, facts.gateway.service_host, port)
    title = f"Move the server and the rules for it to port {port}, which no other protocol uses"
    for each in steps:
        step = f"{title}: {each.ref}" if len(steps) > 1 else title
        yield with_owner(change(step, each.command, ISTIO_EGW, "the gateway opens the port within seconds"), each.thing)


def _usable_ports(facts: Facts, server: GatewayServer, winner: GatewayServer) -> Iterator[int]:
    """The other ports of the gateway's Service without a server of another protocol."""
    service = facts.get(Service, facts.gateway.name, facts.gateway.namespace)
    kept = [each.inbound for each in routing_of_run(facts).gateway_proxies() if each.inbound is not None]
    for port in offered_ports(service) if service is not None else ():
        there = [each for listener in kept for each in listener.servers if each.server.port.number == port]
        protocols = {each.server.port.protocol for each in there}
        if port != winner.server.port.number and protocols <= {server.server.port.protocol}:
            yield port
