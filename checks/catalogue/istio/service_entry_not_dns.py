"""EG509."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.istio_networking import ServiceEntry, VirtualService
from checks.facts.view import Facts
from checks.istio.route.carried import HOST_READS, about, configuration, judged, nothing_configured
from checks.istio.route.corrections import patched, show
from checks.istio.route.hosts import is_wildcard
from checks.istio.route.needs import destinations
from checks.istio.route.service_entries import Entry, conflicts, providing, seen_from
from checks.istio.route.visibility import settle
from checks.model.commands import SCALE, TSG, change
from checks.model.findings import Action, Evidence, Observation, Severity, fail, healthy, skip, warn

WORKS = {
    "STATIC": "its addresses are fixed in the object and go stale when the destination moves",
    "DNS_ROUND_ROBIN": "it uses one address of the answer at a time",
    "DYNAMIC_DNS": "it resolves each name when it is asked for, which the add-on's documentation does not cover",
}
"""Resolutions that route, too, but that the article does not use."""


@check(
    code="EG509",
    title="The ServiceEntry of a destination is not resolved by DNS",
    severity=Severity.BLOCKS,
    article=("IST-4",),
    reads=(*HOST_READS, ServiceEntry),
)
def service_entry_not_dns(facts: Facts) -> Iterator[Observation]:
    """What it checks: `spec.resolution` of the ServiceEntry that the gateway uses for each destination. DNS passes; NONE,
    which is also what an absent field means, fails; STATIC, DNS_ROUND_ROBIN and DYNAMIC_DNS warn. A wildcard host passes
    with DNS and endpoints; without endpoints there is nothing to resolve, and it fails. Several ServiceEntries for one
    host that disagree warn, because which of them wins is not certain.

    Why it matters: with NONE a proxy sends to the address that the client dialled; at the gateway that is the gateway
    itself, so requests loop and end in 503.

    What usually fixes it: set `resolution: DNS`.

    Source: article IST-4; AKS's page on scaling the mesh, which recommends NONE elsewhere and DNS for egress gateways."""
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
        yield skip(f"There is no ServiceEntry that {facts.gateway.ref} sees (service-entry-missing).")
    else:
        yield healthy(f"What {facts.gateway.ref} sends to is resolved by DNS.")


def _judge(host: str, name: str, entries: tuple[Entry, ...], ports: set[int]) -> Observation | None:
    used = next((e for port in sorted(ports) if (e := providing(entries, port)) is not None), entries[0])
    entry = used.entry
    evidence = [_evidence(used), *(_evidence(each) for each in entries if each is not used)]
    subject, hosts = f"host {name}", about({host, name})
    if entry.resolution == "NONE":
        given = "NONE" if "resolution" in entry.raw.get("spec", {}) else "not set, which means NONE"
        return fail(
            f"The resolution of {entry.ref} for {name} is {given}: the gateway sends such requests to itself.",
            subject=subject,
            evidence=evidence,
            actions=[show(entry), _resolve(used)],
            about=hosts,
        )
    if entry.resolution == "DNS" and is_wildcard(used.host) and not entry.endpoints:
        return fail(
            f"{entry.ref} is to resolve {used.host} by DNS, but a wildcard is no name that DNS can resolve.",
            subject=subject,
            evidence=[Evidence(entry.ref, "spec.endpoints", "(none)", "an address that answers for all names")],
            actions=[show(entry), _resolve(used)],
            about=hosts,
        )
    if entry.resolution != "DNS":
        why = WORKS.get(entry.resolution, "Istio's documentation does not name it")
        return warn(
            f"The resolution of {entry.ref} for {name} is {entry.resolution}: {why}.",
            subject=subject,
            evidence=evidence,
            actions=[show(entry), _resolve(used)],
            about=hosts,
        )
    if differing := conflicts(entries):
        return warn(
            f"{len(entries)} ServiceEntries declare {name} and differ in {', '.join(differing)}: "
            f"{entry.ref} is used here, and which one others use is not certain.",
            subject=subject,
            evidence=evidence,
            actions=[*(show(each.entry) for each in entries[:3]), _agree(entries)],
            about=hosts,
        )
    return None


def _evidence(each: Entry) -> Evidence:
    return Evidence(each.ref, "spec.resolution", _given(each.entry), "DNS")


def _given(entry: ServiceEntry) -> str:
    return entry.resolution if "resolution" in entry.raw.get("spec", {}) else "(not set: NONE)"


def _resolve(used: Entry) -> Action:
    spec: dict[str, object] = {"resolution": "DNS"}
    if is_wildcard(used.host) and not used.entry.endpoints:
        spec["endpoints"] = [{"address": f"www.{used.host.removeprefix('*.')}"}]
    elif used.entry.resolution == "STATIC":
        spec["endpoints"] = None
    return change(
        f"Let {used.entry.ref} be resolved by DNS",
        patched(used.entry, {"spec": spec}),
        TSG if used.entry.resolution == "NONE" else SCALE,
        "the gateway resolves the host itself within seconds",
    )


def _agree(entries: tuple[Entry, ...]) -> Action:
    other = next(each.entry for each in reversed(entries))
    return change(f"Keep one of them, or make them alike; the youngest is {other.ref}")
