"""EG506: clients cannot reach a server of a Gateway on the egress gateway.

Either no client can connect to the server's port, or istiod leaves the server out.
"""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.engine.route_findings import decided_by_router
from checks.facts.istio_networking import Gateway
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.istio.configured.configured_hosts import (
    common_host,
    configured_hosts,
    examined_hosts,
    nothing_configured,
    server_hosts,
)
from checks.istio.configured.intended_gateways import gateway_full_name, intended_gateways
from checks.istio.configured.revision_settings import require_settings
from checks.istio.faults.resolved_routes import ROUTER_READS, hosts_through, routing_of_run
from checks.istio.fixes.fields import remove_field, set_field
from checks.istio.fixes.rules import kind_of_server
from checks.istio.fixes.showing import show_object
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.istio.server_flaws import SERVER_TLS_PROTOCOLS, rejected_fields, unusual_fields
from checks.model.commands import ISTIO_EGW, TSG, change, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip, warn
from checks.model.raw_values import text

_STATUS_PORT = 15021
"""The Service's port for health checks; it routes no traffic."""


@decided_by_router
@check(
    code="EG506",
    title="A server of a Gateway is not reachable on the egress gateway",
    severity=Severity.BLOCKS,
    hop="egress gateway",
    article=("IST-3",),
    reads=ROUTER_READS,
    explains={
        "virtual-service-route-broken": Because(
            "a VirtualService has no effect on a server that is not opened or not reachable", share="server"
        ),
    },
)
def gateway_server_unreachable(facts: Facts) -> Iterator[Observation]:
    """What it checks: the servers of the Gateways that select the gateway's pods. It fails if requests for a host are not
    routed because no server has the host on the port, because the server's port is not a port of the gateway's Service (the
    add-on's has 80 and 443), or because istiod ignores the server: an older Gateway uses another protocol or the same TLS
    host on the port. The same settings warn if the host is routed all the same. It also warns about fields that Istio
    rejects, `tls` without a mode (which passes TLS through), `bind`, the host `*`, and HTTP2 or GRPC on port 80.

    Why it matters: sidecars connect to a port of the Service. Requests to a server that is not reachable or ignored fail.

    What usually fixes it: port 80 or 443, and one protocol for each port in all Gateways of the gateway.

    Source: article IST-3; Istio's Gateway reference and its MergeGateways; IST0145 and IST0162."""
    facts.all(Gateway)
    selected = intended_gateways(facts).selected
    if not selected:
        configured = configured_hosts(facts)
        unselected = "No Gateway selects the gateway's pods (gateway-selector-mismatch)."
        yield skip(unselected if configured.servers or configured.routes else nothing_configured(facts))
        return
    names = {gateway_full_name(each) for each in selected}
    servers = [each for each in configured_hosts(facts).servers if each.name in names and _is_examined(facts, each)]
    service = facts.get(Service, facts.gateway.name, facts.gateway.namespace)
    found = [*_ignored_servers(facts), *(each for server in servers for each in _unusual(facts, server))]
    offered = [each.port for each in service.ports if each.port != _STATUS_PORT] if service is not None else []
    if service is not None:
        found += [_not_offered(facts, each, offered) for each in servers if each.server.port.number not in offered]
    yield from found
    require_settings(facts)
    if found:
        return
    if service is None:
        yield skip(f"Service {facts.gateway.namespace}/{facts.gateway.name} does not exist (service-not-provisioned).")
    else:
        ports = sorted({each.server.port.number for each in servers})
        named = ", ".join(map(str, ports)) or "none for this host"
        yield healthy(f"The Gateway servers of {facts.gateway.ref} are reachable (ports: {named}).")


def _is_examined(facts: Facts, server: GatewayServer) -> bool:
    return not facts.question.host or bool(_hosts(facts, server))


def _hosts(facts: Facts, server: GatewayServer) -> list[str]:
    """The hosts of the run for which a server is, else its own."""
    own = server_hosts(server)
    found = [host for host in examined_hosts(facts) if any(common_host(host, each) for each in own)]
    return found or ([] if facts.question.host else list(own))


def _about(hosts: list[str]) -> list[Involved]:
    return [Involved(kind, host) for host in hosts for kind in ("host", "server")]


def _is_routed(facts: Facts, server: GatewayServer) -> bool:
    """Whether the routes of all its hosts go through the gateway in spite of the server."""
    return set(_hosts(facts, server)) <= hosts_through(facts)


def _field(server: GatewayServer, field: str) -> str:
    return f"spec.servers[{server.index}].{field}"


def _not_offered(facts: Facts, server: GatewayServer, offered: list[int]) -> Observation:
    service, gateway = f"Service {facts.gateway.namespace}/{facts.gateway.name}", server.gateway
    number = server.server.port.number
    port, listed = 443 if kind_of_server(server) == "tls" else 80, ", ".join(map(str, offered))
    observe = warn if _is_routed(facts, server) else fail
    return observe(
        f"{gateway.ref} opens port {number}, which {service} does not have: expected {listed or 'none'}.",
        subject=gateway.ref,
        evidence=[Evidence(gateway.ref, _field(server, "port.number"), str(number), listed)],
        actions=[
            inspect(
                "Show the ports of the Service",
                kubectl("get", "service", facts.gateway.name, namespace=facts.gateway.namespace),
            ),
            show_object(gateway),
            change(
                f"Patch {gateway.ref} to port {port}; change the port in the VirtualService too",
                set_field(gateway, _field(server, "port.number"), port).command,
                TSG,
                "sidecars connect to the server through the Service",
            ),
        ],
        about=_about(_hosts(facts, server)),
    )


def _unusual(facts: Facts, server: GatewayServer) -> Iterator[Observation]:
    """Fields that Istio's validation rejects or that are rarely intended.

    The route shows whether requests get through.
    """
    for field, observed, expected, sentence in (*rejected_fields(server), *unusual_fields(server)):
        yield warn(
            f"spec.servers[{server.index}] of {server.gateway.ref} {sentence}.",
            subject=server.gateway.ref,
            evidence=[Evidence(server.gateway.ref, _field(server, field), observed, expected)],
            actions=[show_object(server.gateway), _fix(server, field)],
            about=_about(_hosts(facts, server)),
        )


def _fix(server: GatewayServer, field: str) -> Action:
    path, gateway = _field(server, field), server.gateway
    plain = server.server.port.protocol not in SERVER_TLS_PROTOCOLS
    if field == "hosts":
        return change("Replace the host * by the hosts that the gateway routes", "", ISTIO_EGW)
    if field == "bind" or (field == "tls" and plain):
        command = remove_field(gateway, path).command
        return change(f"Remove {field} from spec.servers[{server.index}]", command, ISTIO_EGW)
    mutual = server.server.port.number == 80 or server.server.tls is not None
    values: dict[str, object] = {
        "tls": {"mode": "ISTIO_MUTUAL" if mutual else "PASSTHROUGH"},
        "tls.mode": "PASSTHROUGH",
        "port.protocol": "HTTP",
        "port.name": f"{server.server.port.name}-{server.index}",
        "tls.httpsRedirect": False,
    }
    command = set_field(gateway, path, values[field]).command
    return change(f"Patch {field} of spec.servers[{server.index}]", command, ISTIO_EGW)


def _ignored_servers(facts: Facts) -> Iterator[Observation]:
    """Servers that conflict with an older one on their port."""
    listeners = [each.inbound for each in routing_of_run(facts).gateway_proxies() if each.inbound is not None]
    for server in dict.fromkeys(each for listener in listeners[:1] for each in listener.refused):
        winner = _winner(server, listeners[0].servers)
        if winner is not None and _is_examined(facts, server):
            yield _ignored(facts, server, winner)


def _winner(server: GatewayServer, kept: tuple[GatewayServer, ...]) -> GatewayServer | None:
    """The server that istiod keeps instead: one with the same host, else the first on the port."""
    same = [each for each in kept if each.server.port.number == server.server.port.number]
    shared = [each for each in same if set(each.server.hosts) & set(server.server.hosts)]
    return next(iter((*shared, *same)), None)


def _ignored(facts: Facts, server: GatewayServer, winner: GatewayServer) -> Observation:
    same_host = server.server.port.protocol == winner.server.port.protocol
    field = "hosts" if same_host else "port.protocol"
    mine, theirs = server.gateway, winner.gateway
    observe = warn if _is_routed(facts, server) else fail
    reason = (
        f"{theirs.ref}, which is older, has a server for the same hosts there"
        if same_host
        else f"{theirs.ref}, which is older, has protocol {winner.server.port.protocol} there and not "
        f"{server.server.port.protocol}"
    )
    return observe(
        f"Istiod ignores spec.servers[{server.index}] of {mine.ref} on port {server.server.port.number}: {reason}.",
        subject=mine.ref,
        evidence=[
            Evidence(mine.ref, _field(server, field), _setting(server, field), _setting(winner, field)),
            Evidence(theirs.ref, _field(winner, field), _setting(winner, field)),
            Evidence(mine.ref, "metadata.creationTimestamp", _created(server), f"before {_created(winner)}"),
        ],
        actions=[show_object(theirs), show_object(mine), _separate(server, winner, same_host=same_host)],
        about=_about(_hosts(facts, server)),
    )


def _setting(server: GatewayServer, field: str) -> str:
    return ", ".join(server.server.hosts) if field == "hosts" else server.server.port.protocol


def _created(server: GatewayServer) -> str:
    return text(server.gateway.raw, "metadata", "creationTimestamp") or "(unknown)"


def _separate(server: GatewayServer, winner: GatewayServer, *, same_host: bool) -> Action:
    if same_host:
        command = remove_field(server.gateway, f"spec.servers[{server.index}]").command
        return change(f"Keep the host only in {winner.gateway.ref}, and bind VirtualServices to it", command, ISTIO_EGW)
    other = 443 if server.server.port.number == 80 else 80
    return change(
        f"Patch the server to port {other}, and the VirtualService too; or use the protocol of {winner.gateway.ref}",
        set_field(server.gateway, _field(server, "port.number"), other).command,
        ISTIO_EGW,
        "the gateway opens the port within seconds",
    )
