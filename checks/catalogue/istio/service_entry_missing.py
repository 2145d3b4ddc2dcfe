"""EG508: no ServiceEntry declares a destination to the proxies that need it."""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.facts.istio_networking import ServiceEntry, VirtualService
from checks.facts.view import Facts
from checks.istio.faults.requested import ROUTER_READS, decided_by_router
from checks.istio.route.carried import HOST_READS, Configuration, about, configuration, judged, nothing_configured
from checks.istio.route.corrections import applied, export_also, listed, manifest, object_name, show, written
from checks.istio.route.needs import Unseen, destinations, unseen
from checks.istio.route.visibility import discovered, export_of, settle
from checks.model.commands import TSG, change, inspect
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip


@check(
    code="EG508",
    title="No ServiceEntry for the destination is visible to the proxies that need it",
    severity=Severity.BLOCKS,
    article=("IST-4",),
    reads=tuple(dict.fromkeys((*(*HOST_READS, ServiceEntry), *ROUTER_READS))),
    explains={
        "virtual-service-route-broken": Because(
            "the destination of a route is unknown if no visible ServiceEntry declares it",
            share="destination",
        ),
    },
)
@decided_by_router("service-entry-missing")
def service_entry_missing(facts: Facts) -> Iterator[Observation]:
    """What it checks: for every external host that is routed through the gateway, whether a ServiceEntry for the
    destination is visible to the gateway's namespace, and one for the host to every client namespace with the route. A
    wildcard counts. It also fails if the ServiceEntry exists but is not exported to them, or is in a namespace that istiod
    does not discover.

    Why it matters: the gateway answers 503 (NC, no cluster) for an unknown destination. A sidecar answers 502 with
    REGISTRY_ONLY; with ALLOW_ANY the request bypasses the gateway.

    What usually fixes it: creating the ServiceEntry with resolution DNS, or exporting it to the namespaces that need it.

    Source: article IST-4; Istio's ServiceEntry reference."""
    facts.all(ServiceEntry)
    found = configuration(facts)
    hosts = judged(facts)
    for host in hosts:
        for lacking in unseen(facts, found, host):
            yield (
                _missing(facts, found, host, lacking)
                if not lacking.hidden
                else _not_exported(facts, found, host, lacking)
            )
    facts.all(VirtualService)
    if not hosts:
        yield skip(nothing_configured(facts))
        return
    settle(facts)
    yield healthy(f"A ServiceEntry for {_named(hosts)} is visible to every proxy that needs it.")


def _named(hosts: tuple[str, ...]) -> str:
    return ", ".join(hosts[:3]) + (f" and {len(hosts) - 3} more hosts" if len(hosts) > 3 else "")


def _about(host: str, lacking: Unseen) -> list[Involved]:
    return [*about({host, lacking.host}), Involved("destination", lacking.host)]


def _missing(facts: Facts, found: Configuration, host: str, lacking: Unseen) -> Observation:
    use = "" if lacking.host == host else f", to which {facts.gateway.ref} sends requests for {host}"
    return fail(
        f"No ServiceEntry declares {lacking.host}{use}.",
        subject=f"host {lacking.host}",
        evidence=[
            Evidence("serviceentries.networking.istio.io", "spec.hosts", "(none)", lacking.host),
            *(Evidence(each.ref, "spec.hosts", ", ".join(each.hosts)) for each in found.routes if host in each.hosts),
        ],
        actions=[inspect("List all ServiceEntries", listed(ServiceEntry)), _create(facts, found, host, lacking.host)],
        about=_about(host, lacking),
    )


def _create(facts: Facts, found: Configuration, host: str, name: str) -> Action:
    """Creates the ServiceEntry that the host's servers and rules need (AKS how-to)."""
    passes = any(s.kind.routes == "tls" for s in found.servers_for(host))
    ports = {443: "TLS"} if passes else {80: "HTTP"}
    for number in destinations(facts, found, host).get(name, ()):
        ports.setdefault(number, "HTTPS" if number == 443 else "HTTP")
    spec = {
        "hosts": [name],
        "location": "MESH_EXTERNAL",
        "ports": [{"name": f"{p.lower()}-{n}", "number": n, "protocol": p} for n, p in sorted(ports.items())],
        "resolution": "DNS",
    }
    if name.startswith("*."):
        spec["endpoints"] = [{"address": f"www.{name.removeprefix('*.')}"}]
    command = applied(manifest("ServiceEntry", object_name(name), facts.gateway.namespace, spec))
    return change(
        f"Create a ServiceEntry for {name}", command, TSG, "the host is visible to the proxies within seconds"
    )


def _not_exported(facts: Facts, found: Configuration, host: str, lacking: Unseen) -> Observation:
    entry = lacking.hidden[0]
    namespaces = [facts.gateway.namespace] if lacking.at_gateway else []
    namespaces += [name for group in lacking.clients for name in group.members]
    who = [str(facts.gateway.ref)] if lacking.at_gateway else []
    who += [f"clients in {' and in '.join(str(each) for each in lacking.clients)}"] if lacking.clients else []
    unseen_by = " and ".join(who)
    if not discovered(facts, entry.namespace, found.mesh):
        return fail(
            f"Istiod does not discover namespace {entry.namespace}, whose {entry.ref} declares {lacking.host}.",
            subject=f"host {lacking.host}",
            evidence=[
                Evidence(
                    found.mesh.written[0],
                    "data.mesh",
                    "discoverySelectors",
                    f"a selector that matches {entry.namespace}",
                )
            ],
            actions=[inspect("List all ServiceEntries", listed(ServiceEntry)), show(entry)],
            about=[*_about(host, lacking), Involved("namespace", entry.namespace)],
        )
    default = "" if entry.export_to else f" by the mesh's default ({written(export_of(entry, found.mesh))})"
    return fail(
        f"{entry.ref} for {lacking.host} is not exported{default} to {unseen_by}.",
        subject=f"host {lacking.host}",
        evidence=[
            Evidence(each.ref, "spec.exportTo", written(each.export_to), f"* or {', '.join(namespaces[:5])}")
            for each in lacking.hidden
        ],
        actions=[show(entry), export_also(entry, namespaces)],
        about=_about(host, lacking),
    )
