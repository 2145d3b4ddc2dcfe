"""EG506: clients cannot reach a server of a Gateway on the egress gateway.

Either no client can connect to the server's port, or istiod leaves the server out.
"""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.facts.istio_networking import Gateway, VirtualService
from checks.facts.services import Service
from checks.facts.view import Facts
from checks.istio.faults.requested import ROUTER_READS, decided_by_router
from checks.istio.route.carried import HOST_READS, asked_host, configuration, judged, nothing_configured, served
from checks.istio.route.corrections import removed, replaced, show
from checks.istio.route.gateways import SAME_HOST, BoundServer
from checks.istio.route.visibility import settle
from checks.istio.server_flaws import SERVER_TLS_PROTOCOLS, invalid_fields, unusual_fields
from checks.model.commands import ISTIO_EGW, TSG, change, inspect, kubectl
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, skip, warn
from checks.model.raw_values import text

_STATUS_PORT = 15021
"""The Service's port for health checks; it routes no traffic."""


@check(
    code="EG506",
    title="A server of a Gateway is not reachable on the egress gateway",
    severity=Severity.BLOCKS,
    hop="egress gateway",
    article=("IST-3",),
    reads=tuple(dict.fromkeys((*(*HOST_READS, Service), *ROUTER_READS))),
    explains={
        "virtual-service-route-broken": Because(
            "a VirtualService has no effect on a server that is not opened or not reachable", share="server"
        ),
    },
)
@decided_by_router("gateway-server-unreachable")
def gateway_server_unreachable(facts: Facts) -> Iterator[Observation]:
    """What it checks: the servers of the Gateways that select the gateway's pods. It fails for a port that the gateway's
    Service does not have (the add-on's has 80 and 443), for HTTPS or TLS without a `tls` block, for HTTP with one, for
    ISTIO_MUTUAL with certificates, for a duplicate port name, and for a server that istiod ignores because an older Gateway
    uses another protocol on the port. It warns about a TLS host of an older Gateway, about `tls` without a mode (which
    passes TLS through), about `bind`, the host `*`, and HTTP2 or GRPC on port 80.

    Why it matters: sidecars connect to a port of the Service. Requests to a server that is not reachable or ignored fail.

    What usually fixes it: port 80 or 443, and one protocol for each port in all Gateways of the gateway.

    Source: article IST-3; Istio's Gateway reference and its MergeGateways; IST0145 and IST0162."""
    facts.all(Gateway)
    found = configuration(facts)
    if not found.selected:
        unselected = "No Gateway selects the gateway's pods (gateway-selector-mismatch)."
        yield skip(unselected if found.intended or found.routes else nothing_configured(facts))
        return
    mine = [s for s in found.servers if s.name not in found.broad]
    if asked_host(facts):
        mine = [s for s in mine if s.concerns(asked_host(facts))]
    count = 0
    for server in mine:
        for seen in _judge(facts, server):
            count += 1
            yield seen
    service = facts.get(Service, facts.gateway.name, facts.gateway.namespace)
    for server in mine if service is not None else ():
        offered = [each.port for each in service.ports] if service is not None else []
        if server.port not in offered or server.port == _STATUS_PORT:
            count += 1
            yield _not_offered(facts, server, offered)
    facts.all(VirtualService)
    settle(facts)
    if count:
        return
    if service is None:
        yield skip(f"Service {facts.gateway.namespace}/{facts.gateway.name} does not exist (service-not-provisioned).")
    else:
        ports = sorted({server.port for server in mine})
        named = ", ".join(map(str, ports)) or "none for this host"
        yield healthy(f"The Gateway servers of {facts.gateway.ref} are reachable (ports: {named}).")


def _hosts(facts: Facts, server: BoundServer) -> list[str]:
    routed = [host for host in judged(facts) if server.concerns(host)]
    return routed or sorted({each.host for each in server.hosts})


def _not_offered(facts: Facts, server: BoundServer, offered: list[int]) -> Observation:
    service = f"Service {facts.gateway.namespace}/{facts.gateway.name}"
    usable = [each for each in offered if each != _STATUS_PORT]
    port = 443 if server.kind.routes == "tls" else 80
    listed = ", ".join(map(str, usable))
    return fail(
        f"{server.gateway.ref} opens port {server.port}, which {service} does not have: expected {listed or 'none'}.",
        subject=server.gateway.ref,
        evidence=[Evidence(server.gateway.ref, f"{server.path}.port.number", str(server.port), listed)],
        actions=[
            inspect(
                "Show the ports of the Service",
                kubectl("get", "service", facts.gateway.name, namespace=facts.gateway.namespace),
            ),
            show(server.gateway),
            change(
                f"Patch {server.gateway.ref} to port {port}; change the port in the VirtualService too",
                replaced(server.gateway, f"{server.path}.port.number", port).command,
                TSG,
                "sidecars connect to the server through the Service",
            ),
        ],
        about=served(_hosts(facts, server)),
    )


def _judge(facts: Facts, server: BoundServer) -> Iterator[Observation]:
    if server.lost_to is not None:
        yield _ignored(facts, server, server.lost_to)
        return
    for field, observed, expected, sentence in invalid_fields(server):
        yield fail(
            f"{server.path} of {server.gateway.ref} {sentence}.",
            subject=server.gateway.ref,
            evidence=[Evidence(server.gateway.ref, f"{server.path}.{field}", observed, expected)],
            actions=[show(server.gateway), _fix(server, field)],
            about=served(_hosts(facts, server)),
        )
    for field, observed, expected, sentence in unusual_fields(server):
        yield warn(
            f"{server.path} of {server.gateway.ref} {sentence}.",
            subject=server.gateway.ref,
            evidence=[Evidence(server.gateway.ref, f"{server.path}.{field}", observed, expected)],
            actions=[show(server.gateway), _fix(server, field)],
            about=served(_hosts(facts, server)),
        )


def _fix(server: BoundServer, field: str) -> Action:
    path = f"{server.path}.{field}"
    plain = server.server.port.protocol not in SERVER_TLS_PROTOCOLS
    if field == "hosts":
        return change("Replace the host * by the hosts that the gateway routes", "", ISTIO_EGW)
    if field == "bind" or (field == "tls" and plain):
        return change(f"Remove {field} from {server.path}", removed(server.gateway, path).command, ISTIO_EGW)
    tls = {"mode": "ISTIO_MUTUAL" if server.port == 80 or server.server.tls is not None else "PASSTHROUGH"}
    values: dict[str, object] = {
        "tls": tls,
        "tls.mode": "PASSTHROUGH",
        "port.protocol": "HTTP",
        "port.name": f"{server.server.port.name}-{server.index}",
        "tls.httpsRedirect": False,
    }
    return change(f"Patch {field} of {server.path}", replaced(server.gateway, path, values[field]).command, ISTIO_EGW)


def _ignored(facts: Facts, server: BoundServer, winner: BoundServer) -> Observation:
    same_host = server.reason == SAME_HOST
    field = "hosts" if same_host else "port.protocol"
    observe = warn if same_host else fail
    return observe(
        f"Istiod ignores {server.path} of {server.gateway.ref} on port {server.port}: {server.reason}, and "
        f"{winner.gateway.ref} is older.",
        subject=server.gateway.ref,
        evidence=[
            Evidence(server.gateway.ref, f"{server.path}.{field}", _written(server, field), _written(winner, field)),
            Evidence(winner.gateway.ref, f"{winner.path}.{field}", _written(winner, field)),
            Evidence(server.gateway.ref, "metadata.creationTimestamp", _created(server), f"before {_created(winner)}"),
        ],
        actions=[show(winner.gateway), show(server.gateway), _separate(server, winner)],
        about=served(_hosts(facts, server)),
    )


def _written(server: BoundServer, field: str) -> str:
    return ", ".join(server.server.hosts) if field == "hosts" else server.server.port.protocol


def _created(server: BoundServer) -> str:
    return text(server.gateway.raw, "metadata", "creationTimestamp") or "(unknown)"


def _separate(server: BoundServer, winner: BoundServer) -> Action:
    if server.reason == SAME_HOST:
        command = removed(server.gateway, server.path).command
        return change(f"Keep the host only in {winner.gateway.ref}, and bind VirtualServices to it", command, ISTIO_EGW)
    other = 443 if server.port == 80 else 80
    return change(
        f"Patch the server to port {other}, and the VirtualService too; or use the protocol of {winner.gateway.ref}",
        replaced(server.gateway, f"{server.path}.port.number", other).command,
        ISTIO_EGW,
        "the gateway opens the port within seconds",
    )
