"""EG509: the ServiceEntry of a destination does not have resolution DNS."""

from collections.abc import Iterator
from ipaddress import ip_address

from checks.engine.check import Because, check
from checks.engine.route_findings import decided_by_router
from checks.facts.changes import MergePatch
from checks.facts.istio_networking import ServiceEntry
from checks.facts.view import Facts
from checks.istio.configured.configured_hosts import examined_hosts, nothing_configured
from checks.istio.configured.revision_settings import require_settings
from checks.istio.faults.gateway_clusters import gateway_clusters
from checks.istio.faults.resolved_routes import ROUTER_READS
from checks.istio.fixes.show_commands import show_object
from checks.istio.harmless_changes import command_if_harmless
from checks.model.commands import SCALE, change
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, healthy, skip, warn
from checks.model.raw_values import text

_ALSO_WORK = {
    "STATIC": "the addresses in the object are fixed and become outdated when the destination changes",
    "DNS_ROUND_ROBIN": "the proxy uses one address of the DNS answer at a time",
    "DYNAMIC_DNS": "the proxy resolves each name on request, which the add-on's documentation does not cover",
}
"""Resolutions that also work, but that the article does not use."""


@decided_by_router
@check(
    code="EG509",
    title="The ServiceEntry of a destination does not use DNS resolution",
    severity=Severity.BLOCKS,
    article=("IST-4",),
    reads=ROUTER_READS,
    explains={"traffic-failing": Because("the gateway has no address for the host", share="host")},
)
def service_entry_not_dns(facts: Facts) -> Iterator[Observation]:
    """What it checks: `spec.resolution` of the ServiceEntry that the gateway uses for each destination. DNS passes. It
    fails if requests do not get through because of it: NONE, also the default, gives the gateway no endpoint, nor does DNS
    for a wildcard without endpoints, or DYNAMIC_DNS. STATIC and DNS_ROUND_ROBIN warn.

    Why it matters: with NONE a proxy sends a request to the address that the client dialed. At the gateway this is the
    gateway itself: requests loop and get 503.

    What usually fixes it: `resolution: DNS`.

    Source: article IST-4; AKS documentation, "Istio service mesh add-on performance and scaling", which recommends
    NONE in general and DNS for egress gateways."""
    hosts = examined_hosts(facts)
    entries: dict[str, tuple[ServiceEntry, list[str]]] = {}
    for each in gateway_clusters(facts):
        if each.entry is not None:
            entries.setdefault(each.entry.ref, (each.entry, []))[1].extend((each.cluster.service.host, *each.hosts))
    yield from (
        _unusual(facts, entry, used) for entry, used in entries.values() if entry.resolution not in ("DNS", "NONE")
    )
    require_settings(facts)
    if not hosts:
        yield skip(nothing_configured(facts))
    elif not entries:
        yield skip(f"No request reaches a destination through {facts.gateway.ref} (virtual-service-route-broken).")
    else:
        yield healthy(f"All destinations of {facts.gateway.ref} use DNS resolution.")


def _unusual(facts: Facts, entry: ServiceEntry, hosts: list[str]) -> Observation:
    """A resolution that works, but that the article does not use."""
    why = _ALSO_WORK.get(entry.resolution, "not a value of Istio's documentation")
    return warn(
        f"Resolution of {entry.ref} for {hosts[0]} is {entry.resolution}: {why}.",
        subject=f"host {hosts[0]}",
        evidence=[Evidence(entry.ref, "spec.resolution", entry.resolution, "DNS")],
        actions=[show_object(entry), *_with_dns(facts, entry)],
        about=[Involved("host", each) for each in dict.fromkeys(hosts)],
    )


def _with_dns(facts: Facts, entry: ServiceEntry) -> Iterator[Action]:
    """The change to DNS, if all routes stay as they are and DNS can replace the addresses.

    DNS cannot replace addresses of a private network, which public DNS does not know.
    """
    spec: dict[str, object] = {"resolution": "DNS"}
    if entry.resolution == "STATIC":
        if any(_is_private(text(each, "address")) for each in entry.endpoints):
            return
        spec["endpoints"] = None
    if command := command_if_harmless(facts, MergePatch(entry, {"spec": spec})):
        title = f"Patch {entry.ref} to resolution DNS"
        yield change(title, command, SCALE, "the gateway resolves the host itself within seconds")


def _is_private(address: str) -> bool:
    try:
        return not ip_address(address).is_global
    except ValueError:
        return False
