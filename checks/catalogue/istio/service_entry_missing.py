"""EG508: no ServiceEntry declares a destination to the proxies that need it."""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.engine.route_findings import decided_by_router
from checks.facts.view import Facts
from checks.istio.configured.configured_hosts import examined_hosts, hosts_listed, nothing_configured
from checks.istio.configured.revision_settings import require_settings
from checks.istio.faults.resolved_routes import ROUTER_READS, hosts_through
from checks.model.findings import Observation, Severity, healthy, skip


@decided_by_router
@check(
    code="EG508",
    title="No ServiceEntry for the destination is visible to the proxies that need it",
    severity=Severity.BLOCKS,
    article=("IST-4",),
    reads=ROUTER_READS,
    explains={
        "virtual-service-route-broken": Because(
            "the destination of a route is unknown if no visible ServiceEntry declares it",
            share="destination",
        ),
        "traffic-failing": Because("the gateway does not know the destination of the host", share="host"),
    },
)
def service_entry_missing(facts: Facts) -> Iterator[Observation]:
    """What it checks: for every external host for which the gateway is configured, whether requests fail because no
    ServiceEntry declares the destination to the gateway, or the host to the sidecars that need it. It also fails if the
    ServiceEntry exists but is not exported to them. On a port for plain HTTP, a sidecar needs no ServiceEntry for a host
    of a VirtualService; for TLS and TCP it does.

    Why it matters: the gateway answers 503 (NC, no cluster) for an unknown destination. A sidecar answers 502 with
    REGISTRY_ONLY; with ALLOW_ANY the request bypasses the gateway.

    What usually fixes it: creating the ServiceEntry with resolution DNS, or exporting it to the namespaces that need it.

    Source: article IST-4; Istio's ServiceEntry reference."""
    hosts = examined_hosts(facts)
    require_settings(facts)
    through = hosts_through(facts)
    routed = [each for each in hosts if each in through]
    if routed:
        yield healthy(f"A ServiceEntry for {hosts_listed(routed)} is visible to every proxy that needs it.")
    elif hosts:
        yield skip(f"No host is routed through {facts.gateway.ref} (virtual-service-route-broken).")
    else:
        yield skip(nothing_configured(facts))
