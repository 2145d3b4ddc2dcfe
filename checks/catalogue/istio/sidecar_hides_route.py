"""EG516: a Sidecar object keeps the route, or what it needs, from clients."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from checks.check import check
from checks.commands import ISTIO_EGW, change, look
from checks.facts.istio import Gateway, ServiceEntry, Sidecar, VirtualService
from checks.facts.view import Facts
from checks.findings import Evidence, Involved, Observation, Severity, fail, healthy, skip, warn
from checks.route.carried import HOST_READS, Configuration, about, configuration, judged, nothing_configured
from checks.route.clients import client_namespaces
from checks.route.corrections import Edit, listed, show
from checks.route.needs import entries_about
from checks.route.registry import rules
from checks.route.rules import MESH, Match
from checks.route.service_entries import is_visible
from checks.route.virtual_services import mesh_routes, sees
from checks.route.visibility import Scope, outbound_policy, settle
from checks.route.workloads import scopes

EVERYTHING = ("*", "*")


@check(
    code="EG516",
    title="A Sidecar object hides the route from clients",
    severity=Severity.BLOCKS,
    article=("IST-4",),
    reads=(*HOST_READS, ServiceEntry, Sidecar),
)
def sidecar_hides_route(facts: Facts) -> Iterator[Observation]:
    """What it looks at: the Sidecar object that holds for each client namespace (its own, else the one of aks-istio-system),
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
    for namespace, scope in _narrowed(facts):
        for host in hosts:
            for each in _lacking(facts, found, host, namespace, scope):
                group = hidden.setdefault(each.sidecar.ref, each)
                group.join(each)
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


@dataclass(slots=True)
class _Hidden:
    """What one Sidecar keeps from the namespaces that it holds for."""

    sidecar: Sidecar
    scope: Scope
    blocks: bool
    namespaces: dict[str, None] = field(default_factory=dict)
    hosts: dict[str, None] = field(default_factory=dict)
    objects: dict[str, None] = field(default_factory=dict)
    entries: dict[str, None] = field(default_factory=dict)
    """The `egress.hosts` entries that would import it."""

    def join(self, other: "_Hidden") -> None:
        self.blocks = self.blocks or other.blocks
        self.namespaces.update(other.namespaces)
        self.hosts.update(other.hosts)
        self.objects.update(other.objects)
        self.entries.update(other.entries)


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


def _lacking(facts: Facts, found: Configuration, host: str, namespace: str, scope: Scope) -> Iterator[_Hidden]:
    mine = {id(route) for route in found.routes}
    routes = [r for r in mesh_routes(facts, host) if id(r) in mine and sees(facts, r, namespace, found.mesh)]
    if scope.sidecar is None or not routes:
        # Without a route that is exported to it there is nothing to hide: virtual-service-route-broken says so.
        return
    if not any(scope.imports_route(route) for route in routes):
        entries = {f"{route.namespace}/{host}": None for route in routes}
        objects = {route.ref: None for route in routes}
        yield _Hidden(scope.sidecar, scope, True, {namespace: None}, {host: None}, objects, entries)
        return
    visible = [e for e in entries_about(facts, host) if is_visible(facts, e.entry, namespace, found.mesh)]
    if visible and not any(scope.imports_service(each.host, each.entry.namespace) for each in visible):
        # A plain HTTP route has its listener from the gateway's own port; a TLS route has none without the ServiceEntry.
        tls = any(rule.kind == "tls" and _for_mesh(rule.matches) for route in routes for rule in rules(facts, route))
        entries = {f"{each.entry.namespace}/{each.host}": None for each in visible}
        objects = {each.ref: None for each in visible}
        yield _Hidden(scope.sidecar, scope, tls, {namespace: None}, {host: None}, objects, entries)


def _for_mesh(matches: tuple[Match, ...]) -> bool:
    return not matches or any(each.gateways is None or MESH in each.gateways for each in matches)


def _hiding(found: Configuration, hidden: _Hidden) -> Observation:
    policy, _ = outbound_policy(hidden.scope, found.mesh)
    ends = "end in 502 (a reset for TLS)" if policy == "REGISTRY_ONLY" else "go past the gateway"
    where = ", ".join(hidden.namespaces)
    what = ", ".join(hidden.objects)
    hosts = ", ".join(list(hidden.hosts)[:3]) + (f" and {len(hidden.hosts) - 3} more" if len(hidden.hosts) > 3 else "")
    say = fail if hidden.blocks else warn
    consequence = f"requests to {hosts} {ends}" if hidden.blocks else f"only the route makes {hosts} known there"
    path = f"/spec/egress/{_listener(hidden.sidecar)}/hosts/-"
    added = tuple({"op": "add", "path": path, "value": entry} for entry in hidden.entries)
    written = ", ".join(f"{namespace}/{dns}" for namespace, dns in hidden.scope.imported)
    return say(
        f"{hidden.sidecar.ref} does not import {what} for namespace {where}: {consequence}.",
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
