"""EG522: several ServiceEntries for one host differ, and proxies use only one of them."""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.engine.route_findings import decided_by_router
from checks.facts.istio_networking import ServiceEntry
from checks.facts.view import Facts
from checks.istio.configured.configured_hosts import examined_hosts, nothing_configured
from checks.istio.faults.destinations.conflicting_entries import differing_fields, evidence_of
from checks.istio.faults.destinations.differing_entries import DifferingEntries, differing_entries
from checks.istio.faults.resolved_routes import ROUTER_READS, routing_of_run
from checks.istio.fixes.show_commands import show_object
from checks.istio.request.clients import clients_of
from checks.model.commands import ISTIO_EGW, change
from checks.model.findings import Involved, Observation, Severity, healthy, skip, warn

_HOST = "host"


@decided_by_router
@check(
    code="EG522",
    title="ServiceEntries for one host differ, and proxies use only one of them",
    severity=Severity.BLOCKS,
    article=("IST-4",),
    reads=ROUTER_READS,
    explains={
        "service-entry-not-dns": Because("the entry that the gateway uses has another resolution", share=_HOST),
        "virtual-service-route-broken": Because(
            "the entry that a proxy uses lacks the destination's port", share=_HOST
        ),
        "tls-contract-broken": Because("the entry that a proxy uses declares another protocol", share=_HOST),
        "traffic-failing": Because("the entry that a proxy uses has other ports or endpoints", share="host"),
    },
)
def service_entries_conflict(facts: Facts) -> Iterator[Observation]:
    """What it checks: the ServiceEntries for each host that is routed through the gateway, among those that are visible to
    the gateway and the clients' sidecars. istiod configures one service per host: the oldest visible entry, entries
    that are exported only to the proxy's namespace first. Ports are added to it only from entries with the same
    namespace, resolution, exportTo and labels; everything else in the other entries is ignored. It warns if an
    ignored entry differs in resolution, ports or endpoints, and fails if the entry that is used breaks the route.

    Why it matters: an older ServiceEntry of another team, without a port or with another resolution, breaks the route
    of every proxy to which it is visible. The entry beside the gateway looks right and has no effect.

    What usually fixes it: one ServiceEntry for the host, or equal ones; `exportTo` limited to their own namespace in
    the others.

    Source: article IST-4; Istio's ServiceEntry reference; docs/domain/istiod-behaviour.md#one-service-per-host."""
    facts.all(ServiceEntry)
    over = routing_of_run(facts)
    hosts = examined_hosts(facts)
    if not hosts:
        yield skip(nothing_configured(facts))
        return
    found = differing_entries(over, hosts, clients_of(facts))
    for each in found:
        yield _differing(facts, each)
    if not found:
        yield healthy(
            f"For each host that is routed through {facts.gateway.ref} there is one ServiceEntry, or equal ones."
        )


def _differing(facts: Facts, pair: DifferingEntries) -> Observation:
    fields = ", ".join(differing_fields(pair.kept, pair.other))
    others = f", {_users(facts, pair.users_of_other)} {pair.other.ref}" if pair.users_of_other else ""
    return warn(
        f"For {pair.host}, {_users(facts, pair.users)} {pair.kept.ref}{others or f' and not {pair.other.ref}'}: "
        f"they differ in {fields}.",
        subject=f"host {pair.host}",
        evidence=evidence_of(pair.kept, pair.other),
        actions=[
            *(show_object(each) for each in (pair.kept, pair.other)),
            change("Keep one of the ServiceEntries, or give them equal fields", url=ISTIO_EGW),
        ],
        about=[Involved("host", pair.host)],
    )


def _users(facts: Facts, users: list[str]) -> str:
    """The proxies with their verb: `egress gateway x and the sidecars of team-a use`."""
    gateway = facts.gateway.ref
    clients = [each for each in users if each != gateway]
    sidecars = f"the sidecars of {', '.join(clients)}"
    if gateway not in users:
        return f"{sidecars} use"
    return f"the {gateway} and {sidecars} use" if clients else f"the {gateway} uses"
