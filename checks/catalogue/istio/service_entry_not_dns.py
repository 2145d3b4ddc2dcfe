"""EG509: the ServiceEntry of a destination does not have resolution DNS."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.istio_networking import ServiceEntry, VirtualService
from checks.facts.view import Facts
from checks.istio.faults.requested import ROUTER_READS, decided_by_router
from checks.istio.route.carried import HOST_READS, about, configuration, judged, nothing_configured
from checks.istio.route.corrections import patched, show
from checks.istio.route.hosts import is_wildcard
from checks.istio.route.needs import destinations
from checks.istio.route.service_entries import Entry, providing, seen_from
from checks.istio.route.visibility import settle
from checks.model.commands import SCALE, TSG, change
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, skip, warn

_ALSO_WORK = {
    "STATIC": "the addresses in the object are fixed and become outdated when the destination changes",
    "DNS_ROUND_ROBIN": "the proxy uses one address of the DNS answer at a time",
    "DYNAMIC_DNS": "the proxy resolves each name on request, which the add-on's documentation does not cover",
}
"""Resolutions that also work, but that the article does not use."""


@check(
    code="EG509",
    title="The ServiceEntry of a destination does not use DNS resolution",
    severity=Severity.BLOCKS,
    article=("IST-4",),
    reads=tuple(dict.fromkeys((*(*HOST_READS, ServiceEntry), *ROUTER_READS))),
)
@decided_by_router("service-entry-not-dns")
def service_entry_not_dns(facts: Facts) -> Iterator[Observation]:
    """What it checks: `spec.resolution` of the ServiceEntry that the gateway uses for each destination. DNS passes. NONE,
    also the default, fails. STATIC, DNS_ROUND_ROBIN and DYNAMIC_DNS warn. A wildcard host passes with DNS and endpoints;
    without endpoints it fails, because DNS cannot resolve a wildcard.

    Why it matters: with NONE a proxy sends a request to the address that the client dialed. At the gateway this is the
    gateway itself: requests loop and get 503.

    What usually fixes it: `resolution: DNS`.

    Source: article IST-4; AKS documentation, "Istio service mesh add-on performance and scaling", which recommends
    NONE in general and DNS for egress gateways."""
    facts.all(ServiceEntry)
    found = configuration(facts)
    hosts = judged(facts)
    known = False
    for host in hosts:
        for name, ports in destinations(facts, found, host).items():
            entries = seen_from(facts, name, facts.gateway.namespace, found.mesh)
            known = known or bool(entries)
            if entries and (seen := _judge(host, name, entries, ports)) is not None:
                yield seen
    facts.all(VirtualService)
    settle(facts)
    if not hosts:
        yield skip(nothing_configured(facts))
    elif not known:
        yield skip(f"No ServiceEntry is visible to {facts.gateway.ref} (service-entry-missing).")
    else:
        yield healthy(f"All destinations of {facts.gateway.ref} use DNS resolution.")


def _judge(host: str, name: str, entries: tuple[Entry, ...], ports: set[int]) -> Observation | None:
    used = next((e for port in sorted(ports) if (e := providing(entries, port)) is not None), entries[0])
    entry = used.entry
    evidence = [_evidence(used), *(_evidence(each) for each in entries if each is not used)]
    subject, hosts = f"host {name}", about({host, name})
    if entry.resolution == "NONE":
        given = "NONE" if "resolution" in entry.raw.get("spec", {}) else "not set, which means NONE"
        return fail(
            f"Resolution of {entry.ref} for {name} is {given}: the gateway sends such requests to itself.",
            subject=subject,
            evidence=evidence,
            actions=[show(entry), _resolve(used)],
            about=hosts,
        )
    if entry.resolution == "DNS" and is_wildcard(used.host) and not entry.endpoints:
        return fail(
            f"{entry.ref} has resolution DNS for the wildcard {used.host}, which DNS cannot resolve.",
            subject=subject,
            evidence=[
                Evidence(entry.ref, "spec.endpoints", "(none)", "an address that serves all names of the wildcard")
            ],
            actions=[show(entry), _resolve(used)],
            about=hosts,
        )
    if entry.resolution != "DNS":
        why = _ALSO_WORK.get(entry.resolution, "not a value of Istio's documentation")
        return warn(
            f"Resolution of {entry.ref} for {name} is {entry.resolution}: {why}.",
            subject=subject,
            evidence=evidence,
            actions=[show(entry), _resolve(used)],
            about=hosts,
        )
    return None


def _evidence(each: Entry) -> Evidence:
    return Evidence(each.ref, "spec.resolution", _resolution(each.entry), "DNS")


def _resolution(entry: ServiceEntry) -> str:
    return entry.resolution if "resolution" in entry.raw.get("spec", {}) else "(not set: NONE)"


def _resolve(used: Entry) -> Action:
    spec: dict[str, object] = {"resolution": "DNS"}
    if is_wildcard(used.host) and not used.entry.endpoints:
        spec["endpoints"] = [{"address": f"www.{used.host.removeprefix('*.')}"}]
    elif used.entry.resolution == "STATIC":
        spec["endpoints"] = None
    return change(
        f"Patch {used.entry.ref} to resolution DNS",
        patched(used.entry, {"spec": spec}),
        TSG if used.entry.resolution == "NONE" else SCALE,
        "the gateway resolves the host itself within seconds",
    )
