"""EG508."""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.facts.istio_networking import ServiceEntry, VirtualService
from checks.facts.view import Facts
from checks.istio.route.carried import HOST_READS, Configuration, about, configuration, judged, nothing_configured
from checks.istio.route.corrections import applied, export_also, listed, manifest, object_name, show, written
from checks.istio.route.needs import Unseen, destinations, unseen
from checks.istio.route.visibility import discovered, export_of, settle
from checks.model.commands import TSG, change, look
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, skip


@check(
    code="EG508",
    title="No ServiceEntry makes the destination known to the proxies that need it",
    severity=Severity.BLOCKS,
    article=("IST-4",),
    reads=(*HOST_READS, ServiceEntry),
    explains={
        "virtual-service-route-broken": Because(
            "a route to a host that no visible ServiceEntry declares ends at an unknown destination",
            share="destination",
        ),
    },
)
def service_entry_missing(facts: Facts) -> Iterator[Observation]:
    """What it checks: for every external host that the gateway carries, whether the gateway's namespace gets a
    ServiceEntry for the destination, and every client namespace that gets the route one for the host. A wildcard counts.
    One that exists but is not exported to them, or lies in a namespace that istiod does not look at, fails, too.

    Why it matters: the gateway answers 503 (NC, no cluster) for a destination that it does not know; a sidecar answers
    502 with REGISTRY_ONLY, and with ALLOW_ANY sends the request past the gateway.

    What usually fixes it: create the ServiceEntry with resolution DNS, or export it to the namespaces that need it.

    Source: article IST-4; Istio's ServiceEntry reference."""
    facts.all(ServiceEntry)
    found = configuration(facts)
    hosts = judged(facts)
    for host in hosts:
        for lacking in unseen(facts, found, host):
            yield _missing(facts, found, host, lacking) if not lacking.hidden else _hidden(facts, found, host, lacking)
    facts.all(VirtualService)
    if not hosts:
        yield skip(nothing_configured(facts))
        return
    settle(facts)
    yield healthy(f"Every proxy that needs one has a ServiceEntry for {_named(hosts)}.")


def _named(hosts: tuple[str, ...]) -> str:
    return ", ".join(hosts[:3]) + (f" and {len(hosts) - 3} more hosts" if len(hosts) > 3 else "")


def _concerned(host: str, lacking: Unseen) -> list[Involved]:
    return [*about({host, lacking.host}), Involved("destination", lacking.host)]


def _missing(facts: Facts, found: Configuration, host: str, lacking: Unseen) -> Observation:
    carried = "" if lacking.host == host else f", where {facts.gateway.ref} is to send requests to {host}"
    return fail(
        f"There is no ServiceEntry for {lacking.host}{carried}.",
        subject=f"host {lacking.host}",
        evidence=[
            Evidence("serviceentries.networking.istio.io", "spec.hosts", "(none)", lacking.host),
            *(Evidence(each.ref, "spec.hosts", ", ".join(each.hosts)) for each in found.routes if host in each.hosts),
        ],
        actions=[look("See all ServiceEntries", listed(ServiceEntry)), _create(facts, found, host, lacking.host)],
        about=_concerned(host, lacking),
    )


def _create(facts: Facts, found: Configuration, host: str, name: str) -> Action:
    """The ServiceEntry that the host's servers and rules ask for (AKS's how-to)."""
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
    return change(f"Declare {name}", command, TSG, "the proxies know the host within seconds")


def _hidden(facts: Facts, found: Configuration, host: str, lacking: Unseen) -> Observation:
    entry = lacking.hidden[0]
    blind = [facts.gateway.namespace] if lacking.at_gateway else []
    blind += [name for group in lacking.clients for name in group.members]
    who = [str(facts.gateway.ref)] if lacking.at_gateway else []
    who += [f"clients in {' and in '.join(str(each) for each in lacking.clients)}"] if lacking.clients else []
    unseen_by = " and ".join(who)
    if not discovered(facts, entry.namespace, found.mesh):
        return fail(
            f"{entry.ref} declares {lacking.host}, but istiod does not look at namespace {entry.namespace}.",
            subject=f"host {lacking.host}",
            evidence=[Evidence(found.mesh.written[0], "data.mesh", "discoverySelectors", f"match {entry.namespace}")],
            actions=[look("See all ServiceEntries", listed(ServiceEntry)), show(entry)],
            about=[*_concerned(host, lacking), Involved("namespace", entry.namespace)],
        )
    default = "" if entry.export_to else f" by the mesh's default ({written(export_of(entry, found.mesh))})"
    return fail(
        f"{entry.ref} declares {lacking.host}, but is not exported{default} to {unseen_by}.",
        subject=f"host {lacking.host}",
        evidence=[
            Evidence(each.ref, "spec.exportTo", written(each.export_to), f"* or {', '.join(blind[:5])}")
            for each in lacking.hidden
        ],
        actions=[show(entry), export_also(entry, blind)],
        about=_concerned(host, lacking),
    )
