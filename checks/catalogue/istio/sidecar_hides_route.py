"""EG516: a Sidecar object keeps the route, or what it needs, from clients."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from checks.engine.check import check
from checks.facts.istio_networking import Gateway, ServiceEntry, Sidecar, VirtualService
from checks.facts.view import Facts
from checks.istio.route.carried import HOST_READS, Configuration, about, configuration, judged, nothing_configured
from checks.istio.route.clients import client_namespaces
from checks.istio.route.corrections import Edit, listed, show
from checks.istio.route.needs import entries_about
from checks.istio.route.registry import rules
from checks.istio.route.rules import MESH, Match
from checks.istio.route.service_entries import Entry, is_visible
from checks.istio.route.virtual_services import mesh_routes, sees
from checks.istio.route.visibility import Scope, outbound_policy, settle
from checks.istio.route.workloads import scopes
from checks.model.commands import ISTIO_EGW, change, look
from checks.model.findings import Evidence, Involved, Observation, Severity, fail, healthy, skip, warn

EVERYTHING = ("*", "*")


@check(
    code="EG516",
    title="A Sidecar object hides the route from clients",
    severity=Severity.BLOCKS,
    article=("IST-4",),
    reads=(*HOST_READS, ServiceEntry, Sidecar),
)
def sidecar_hides_route(facts: Facts) -> Iterator[Observation]:
    """What it checks: the Sidecar object that holds for each client namespace (its own, else the one of aks-istio-system),
    and for each host whether its `egress.hosts` import a VirtualService that sends sidecars to the gateway; the
    gateway's Service then comes with it. A TLS route needs the ServiceEntry, too. What is not imported fails. Several
    Sidecars without a selector in one namespace warn. Skipped where there is no Sidecar object.

    Why it matters: a sidecar that does not import the VirtualService never sends the request to the gateway: it ends in
    502 with REGISTRY_ONLY, and leaves by the node's address with ALLOW_ANY. Entries name the namespace in which the
    *object* lies: `./*` imports nothing of the gateway's namespace.

    What usually fixes it: an entry `<namespace of the VirtualService>/<host>` in the Sidecar's `egress.hosts`.

    Source: Istio's Sidecar reference; domain.md 5.2.3 and 5.3 B25."""
    if not facts.all(Sidecar):
        yield skip("No Sidecar object narrows what sidecars import.")
        return
    found, hosts = configuration(facts), judged(facts)
    hidden: dict[str, _Hidden] = {}
    narrowed = _narrowed(facts)
    for host in hosts if narrowed else ():
        way = _way(facts, found, host)
        known: dict[tuple[tuple[tuple[str, str], ...], str], _Lack | None] = {}
        for namespace, scope in narrowed:
            # Namespaces that no object lies in or names differ in nothing but what they import.
            alike = (scope.imported, namespace if namespace in way.special else "")
            if alike not in known:
                known[alike] = _lacking(facts, found, way, namespace, scope)
            if (lack := known[alike]) is not None and scope.sidecar is not None:
                hidden.setdefault(scope.sidecar.ref, _Hidden(scope.sidecar, scope)).join(lack, host, namespace)
    for each in hidden.values():
        yield _hiding(found, each)
    doubled = list(_doubled(facts))
    yield from doubled
    facts.all(VirtualService)
    facts.all(ServiceEntry)
    facts.all(Gateway)
    settle(facts)
    if not hosts:
        yield skip(nothing_configured(facts))
    elif not hidden and not doubled:
        yield healthy("Every client imports the routes to the gateway, as far as Sidecar objects go.")


@dataclass(frozen=True, slots=True)
class _Way:
    """What a host needs at a sidecar: VirtualServices to the gateway, and ServiceEntries. `special` are the namespaces that
    these objects lie in or are exported to by name."""

    host: str
    routes: tuple[VirtualService, ...]
    entries: tuple[Entry, ...]
    tls: bool
    special: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Lack:
    """What is not imported, the entries that would import it, and whether requests fail without."""

    objects: tuple[str, ...]
    entries: tuple[str, ...]
    blocks: bool


@dataclass(slots=True)
class _Hidden:
    """What one Sidecar keeps from the namespaces that it holds for."""

    sidecar: Sidecar
    scope: Scope
    blocks: bool = False
    namespaces: dict[str, None] = field(default_factory=dict)
    hosts: dict[str, None] = field(default_factory=dict)
    objects: dict[str, None] = field(default_factory=dict)
    entries: dict[str, None] = field(default_factory=dict)

    def join(self, lack: _Lack, host: str, namespace: str) -> None:
        self.blocks = self.blocks or lack.blocks
        self.namespaces[namespace] = None
        self.hosts[host] = None
        self.objects.update(dict.fromkeys(lack.objects))
        self.entries.update(dict.fromkeys(lack.entries))


def _narrowed(facts: Facts) -> list[tuple[str, Scope]]:
    """The client namespaces for which a Sidecar holds that does not import everything."""

    def build(window: Facts) -> list[tuple[str, Scope]]:
        return [
            (namespace, scope)
            for namespace in namespaces
            for scope in scopes(window, namespace)
            if scope.sidecar is not None and EVERYTHING not in scope.imported
        ]

    namespaces = client_namespaces(facts)
    return facts.once("narrowed namespaces", build, (namespaces, facts.question.client))


def _way(facts: Facts, found: Configuration, host: str) -> _Way:
    mine = {id(route) for route in found.routes}
    routes = tuple(route for route in mesh_routes(facts, host) if id(route) in mine)
    entries = entries_about(facts, host)
    # A plain HTTP route has its listener from the gateway's own port; a TLS route has none without the ServiceEntry.
    tls = any(rule.kind == "tls" and _for_mesh(rule.matches) for route in routes for rule in rules(facts, route))
    things = (*routes, *(each.entry for each in entries))
    special = frozenset(name for each in things for name in (each.namespace, *each.export_to))
    return _Way(host, routes, entries, tls, special)


def _lacking(facts: Facts, found: Configuration, way: _Way, namespace: str, scope: Scope) -> _Lack | None:
    routes = [route for route in way.routes if sees(facts, route, namespace, found.mesh)]
    if not routes:
        # Without a route that is exported to it there is nothing to hide: virtual-service-route-broken says so.
        return None
    if not any(scope.imports_route(route) for route in routes):
        entries = tuple(f"{route.namespace}/{way.host}" for route in routes)
        return _Lack(tuple(route.ref for route in routes), entries, True)
    visible = [each for each in way.entries if is_visible(facts, each.entry, namespace, found.mesh)]
    if visible and not any(scope.imports_service(each.host, each.entry.namespace) for each in visible):
        entries = tuple(f"{each.entry.namespace}/{each.host}" for each in visible)
        return _Lack(tuple(each.ref for each in visible), entries, way.tls)
    return None


def _for_mesh(matches: tuple[Match, ...]) -> bool:
    return not matches or any(each.gateways is None or MESH in each.gateways for each in matches)


def _hiding(found: Configuration, hidden: _Hidden) -> Observation:
    policy, _ = outbound_policy(hidden.scope, found.mesh)
    ends = "end in 502 (a reset for TLS)" if policy == "REGISTRY_ONLY" else "go past the gateway"
    where = f"namespace{'s' if len(hidden.namespaces) > 1 else ''} {', '.join(hidden.namespaces)}"
    what = ", ".join(hidden.objects)
    hosts = ", ".join(list(hidden.hosts)[:3]) + (f" and {len(hidden.hosts) - 3} more" if len(hidden.hosts) > 3 else "")
    say = fail if hidden.blocks else warn
    consequence = f"requests to {hosts} {ends}" if hidden.blocks else f"only the route makes {hosts} known there"
    path = f"/spec/egress/{_listener(hidden.sidecar)}/hosts/-"
    added = tuple({"op": "add", "path": path, "value": entry} for entry in hidden.entries)
    written = ", ".join(f"{namespace}/{dns}" for namespace, dns in hidden.scope.imported)
    return say(
        f"{hidden.sidecar.ref} does not import {what} for {where}: {consequence}.",
        subject=hidden.sidecar.ref,
        evidence=[Evidence(hidden.sidecar.ref, "spec.egress[*].hosts", written or "(none)", ", ".join(hidden.entries))],
        actions=[
            show(hidden.sidecar),
            change(
                "Import it",
                Edit(hidden.sidecar, added).command,
                ISTIO_EGW,
                "sidecars of the namespace send these requests to the gateway within seconds",
            ),
        ],
        about=[*about(hidden.hosts), *(Involved("namespace", each) for each in hidden.namespaces)],
    )


def _listener(sidecar: Sidecar) -> int:
    """The listener that holds for all ports, else the first."""
    return next((index for index, each in enumerate(sidecar.egress) if not each.get("port")), 0)


def _doubled(facts: Facts) -> Iterator[Observation]:
    for namespace in client_namespaces(facts):
        plain = [each for each in facts.in_namespace(Sidecar, namespace) if not each.workload_selector]
        if len(plain) > 1:
            yield warn(
                f"Namespace {namespace} has {len(plain)} Sidecar objects without a selector, of which istiod takes the oldest.",
                subject=f"Namespace {namespace}",
                evidence=[Evidence(each.ref, "spec.workloadSelector", "(none)", "one such object") for each in plain],
                actions=[look("Compare them", listed(Sidecar, namespace))],
                about=[Involved("namespace", namespace)],
            )
