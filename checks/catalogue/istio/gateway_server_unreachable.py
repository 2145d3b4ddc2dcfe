"""EG506: clients cannot reach a server of a Gateway on the egress gateway.

Either no client can connect to the server's port, or istiod leaves the server out.
"""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.engine.route_findings import decided_by_router_or_alone
from checks.facts.fact import Gap
from checks.facts.istio_networking import Gateway, VirtualService
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.istio.configured.configured_hosts import (
    configured_hosts,
    nothing_configured,
)
from checks.istio.configured.intended_gateways import gateway_full_name, intended_gateways
from checks.istio.configured.revision_settings import require_settings
from checks.istio.examined_servers import involved_hosts, is_examined, is_routed, server_field
from checks.istio.faults.resolved_routes import ROUTER_READS
from checks.istio.fixes.fields import remove_field, set_field
from checks.istio.fixes.rules import kind_of_server
from checks.istio.fixes.service_ports import offered_ports
from checks.istio.fixes.show_commands import show_object
from checks.istio.harmless_changes import command_if_harmless
from checks.istio.ignored_servers import ignored_servers
from checks.istio.proxy.gateway_servers import GatewayServer
from checks.istio.server_flaws import SERVER_TLS_PROTOCOLS, ServerFlaw, rejected_fields, unusual_fields
from checks.model.commands import ISTIO_EGW, TSG, change, inspect, kubectl
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, skip, warn


def _alone(facts: Facts, gap: Gap) -> bool:
    """Whether the servers decide the result although VirtualServices were not read.

    A setting that warns can be a failure: whether requests get through with it depends on the VirtualServices.
    """
    return gap == facts.gap(VirtualService) and not any(_flaws(each) for each in _servers(facts))


@decided_by_router_or_alone(_alone)
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
        "tcp-destinations-collide": Because(
            "the plain TCP server that istiod opens instead sends all connections on its port to one destination",
            share="host",
        ),
        "traffic-failing": "the gateway has no server for the requests",
    },
)
def gateway_server_unreachable(facts: Facts) -> Iterator[Observation]:
    """What it checks: the servers of the Gateways that select the gateway's pods. It fails if requests for a host are not
    routed because no server has the host on the port, because the server's port is not a port of the gateway's Service (the
    add-on's has 80 and 443), or because istiod ignores the server: an older Gateway uses another protocol or the same TLS
    host on the port. The same settings warn if the host is routed all the same. It also warns about fields that Istio
    rejects, `tls` without a mode (which passes TLS through), `bind`, the host `*` of a server other than plain TCP, and
    HTTP2 or GRPC on port 80.

    Why it matters: sidecars connect to a port of the Service. Requests to a server that is not reachable or ignored fail.

    What usually fixes it: port 80 or 443, and one protocol for each port in all Gateways of the gateway.

    Source: article IST-3; Istio's Gateway reference and its MergeGateways; IST0145 and IST0162."""
    facts.all(Gateway)
    selected = intended_gateways(facts).selected
    if not selected:
        facts.all(VirtualService)  # they may configure a host for this gateway without a Gateway
        configured = configured_hosts(facts)
        unselected = "No Gateway selects the gateway's pods (gateway-selector-mismatch)."
        yield skip(unselected if configured.servers or configured.routes else nothing_configured(facts))
        return
    servers = _servers(facts)
    service = facts.get(Service, facts.gateway.name, facts.gateway.namespace)
    found = [*ignored_servers(facts), *(each for server in servers for each in _unusual(facts, server))]
    offered = offered_ports(service) if service is not None else []
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


def _servers(facts: Facts) -> list[GatewayServer]:
    """The examined servers of the Gateways that select the gateway's pods."""
    names = {gateway_full_name(each) for each in intended_gateways(facts).selected}
    return [each for each in configured_hosts(facts).servers if each.name in names and is_examined(facts, each)]


def _flaws(server: GatewayServer) -> tuple[ServerFlaw, ...]:
    return (*rejected_fields(server), *unusual_fields(server))


def _not_offered(facts: Facts, server: GatewayServer, offered: list[int]) -> Observation:
    service, gateway = f"Service {facts.gateway.namespace}/{facts.gateway.name}", server.written
    number = server.server.port.number
    port, listed = 443 if kind_of_server(server) == "tls" else 80, ", ".join(map(str, offered))
    observe = warn if is_routed(facts, server) else fail
    return observe(
        f"{gateway.ref} opens port {number}, which {service} does not have: expected {listed or 'none'}.",
        subject=gateway.ref,
        evidence=[Evidence(gateway.ref, server_field(server, "port.number"), str(number), listed)],
        actions=[
            inspect(
                "Show the ports of the Service",
                kubectl("get", "service", facts.gateway.name, namespace=facts.gateway.namespace),
            ),
            show_object(gateway),
            change(
                f"Patch {gateway.ref} to port {port}; change the port in the VirtualService too",
                command_if_harmless(facts, set_field(gateway, server_field(server, "port.number"), port)),
                TSG,
                "sidecars connect to the server through the Service",
            ),
        ],
        about=involved_hosts(facts, server),
    )


def _unusual(facts: Facts, server: GatewayServer) -> Iterator[Observation]:
    """Fields that Istio's validation rejects or that are rarely intended.

    The route shows whether requests get through.
    """
    for field, observed, expected, sentence in _flaws(server):
        yield warn(
            f"{server.place} of {server.written.ref} {sentence}.",
            subject=server.gateway.ref,
            evidence=[Evidence(server.written.ref, server_field(server, field), observed, expected)],
            actions=[show_object(server.written), _fix(facts, server, field)],
            about=involved_hosts(facts, server),
        )


def _fix(facts: Facts, server: GatewayServer, field: str) -> Action:
    path, gateway = server_field(server, field), server.written
    plain = server.server.port.protocol not in SERVER_TLS_PROTOCOLS
    if field == "hosts":
        return change("Replace the host * by the hosts that the gateway routes", "", ISTIO_EGW)
    if field == "bind" or (field == "tls" and plain):
        command = command_if_harmless(facts, remove_field(gateway, path))
        return change(f"Remove {field} from {server.place}", command, ISTIO_EGW)
    mutual = server.server.port.number == 80 or server.server.tls is not None
    values: dict[str, object] = {
        "tls": {"mode": "ISTIO_MUTUAL" if mutual else "PASSTHROUGH"},
        "tls.mode": "PASSTHROUGH",
        "port.protocol": "HTTP",
        "port.name": f"{server.server.port.name}-{server.index}",
        "tls.httpsRedirect": False,
    }
    command = command_if_harmless(facts, set_field(gateway, path, values[field]))
    return change(f"Patch {field} of {server.place}", command, ISTIO_EGW)
