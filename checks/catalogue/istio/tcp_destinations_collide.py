"""EG523: TCP destinations share a port, so that all connections go to one of them."""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.engine.route_findings import decided_by_router
from checks.facts.istio_networking import ServiceEntry
from checks.facts.view import Facts
from checks.istio.configured.configured_hosts import examined_hosts
from checks.istio.configured.request_kinds import configured_kinds
from checks.istio.faults.resolved_routes import ROUTER_READS, resolved_routes, routing_of_run
from checks.model.findings import Observation, Severity, healthy, skip


@decided_by_router
@check(
    code="EG523",
    title="TCP destinations share a port without addresses that distinguish them",
    severity=Severity.BLOCKS,
    article=("IST-3",),
    reads=ROUTER_READS,
    explains={
        "virtual-service-route-broken": Because(
            "connections on a shared TCP port match the rule of the other destination", share="host"
        ),
        "traffic-failing": Because("connections to the host arrive at another destination", share="host"),
    },
)
def tcp_destinations_collide(facts: Facts) -> Iterator[Observation]:
    """What it checks: the rule or service that gets the TCP connections for each host of the gateway, at the clients'
    sidecars and at the gateway. A TCP connection names no host. Sidecars can distinguish two destinations on one port only
    by `addresses` of their ServiceEntries, and a plain TCP server of the gateway sends every connection by the first `tcp`
    rule that matches its port. It fails if another destination gets the connections. A port with a TCP protocol and
    without addresses also gets TLS connections to other hosts on that port.

    Why it matters: connections to one database arrive at another one, or bypass the gateway.

    What usually fixes it: DNS proxying at the sidecars, which gives each ServiceEntry an address, or addresses in both. At
    the gateway another port of its Service for one of the hosts, or a TLS server with the mesh's own certificates
    (ISTIO_MUTUAL).

    Source: article IST-3; Istio's ServiceEntry and Gateway references; docs/domain/istiod-behaviour.md#plain-tcp-port."""
    facts.all(ServiceEntry)
    over = routing_of_run(facts)
    hosts = examined_hosts(facts)
    found = [host for host in hosts if any(kind.scheme == "tcp" for kind in configured_kinds(over, host))]
    if not found:
        yield skip(f"No host is routed over TCP through {facts.gateway.ref}.")
        return
    if not any(each.certain and not each.through for each in resolved_routes(facts) if each.host in found):
        names = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
        yield healthy(f"No other destination gets the TCP connections to {names}.")
    else:
        yield skip(f"Not every host with TCP is routed through {facts.gateway.ref} (virtual-service-route-broken).")
