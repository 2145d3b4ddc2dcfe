"""EG516: a client's Sidecar does not import the route to the gateway.

The route consists of the VirtualServices and ServiceEntries for the host.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from checks.engine.check import check
from checks.facts.changes import JsonPatch
from checks.facts.istio_networking import Gateway, ServiceEntry, Sidecar, VirtualService
from checks.facts.view import Facts
from checks.istio.faults.requested import ROUTER_READS, decided_by_router
from checks.istio.route.carried import HOST_READS, Configuration, about, configuration, judged, nothing_configured
from checks.istio.route.clients import client_namespaces
from checks.istio.route.corrections import listed, show
from checks.istio.route.needs import entries_about
from checks.istio.route.registry import rules
from checks.istio.route.rules import MESH, Match
from checks.istio.route.service_entries import Entry, is_visible
from checks.istio.route.virtual_services import mesh_routes, sees
from checks.istio.route.visibility import Scope, outbound_policy, settle
from checks.istio.route.workloads import scopes
from checks.model.commands import ISTIO_EGW, change, inspect
from checks.model.findings import Evidence, Involved, Observation, Severity, fail, healthy, skip, warn

_EVERYTHING = ("*", "*")


@check(
    code="EG516",
    title="A Sidecar object does not import the route for its clients",
    severity=Severity.BLOCKS,
    article=("IST-4",),
    reads=tuple(dict.fromkeys((*(*HOST_READS, ServiceEntry, Sidecar), *ROUTER_READS))),
)
@decided_by_router("sidecar-hides-route")
def sidecar_hides_route(facts: Facts) -> Iterator[Observation]:
    """What it checks: the Sidecar object that applies to each client namespace (its own, otherwise that of
    aks-istio-system), and for each host whether its `egress.hosts` import a VirtualService with a route to the gateway,
    which includes the gateway's Service. A TLS route also needs the ServiceEntry. An object that is not imported fails.
    Several Sidecars without a selector in one namespace warn. It does not apply without Sidecar objects.

    Why it matters: a sidecar that does not import the VirtualService never sends the request to the gateway. The request
    gets 502 with REGISTRY_ONLY, and leaves from the node's address with ALLOW_ANY. An entry names the namespace of the
    *object*: `./*` imports nothing of the gateway's namespace.

    What usually fixes it: an entry `<namespace of the VirtualService>/<host>` in the Sidecar's `egress.hosts`.

    Source: Istio's Sidecar reference; docs/domain/istio.md#sidecar-visibility; docs/domain/istio.md#b25."""
    if not facts.all(Sidecar):
        yield skip("No Sidecar object exists; sidecars import everything.")
        return
    found, hosts = configuration(facts), judged(facts)
    faults: dict[str, _SidecarFault] = {}
    limited = _limited(facts)
    for host in hosts if limited else ():
        needs = _needs(facts, found, host)
        known: dict[tuple[tuple[tuple[str, str], ...], str], _Missing | None] = {}
        for namespace, scope in limited:
            # Namespaces without such objects, and not named by them, differ only in their imports.
            alike = (scope.imported, namespace if namespace in needs.special else "")
            if alike not in known:
                known[alike] = _not_imported(facts, found, needs, namespace, scope)
            if (missing := known[alike]) is not None and scope.sidecar is not None:
                faults.setdefault(scope.sidecar.ref, _SidecarFault(scope.sidecar, scope)).join(missing, host, namespace)
    for each in faults.values():
        yield _finding(found, each)
    several = list(_several(facts))
    yield from several
    facts.all(VirtualService)
    facts.all(ServiceEntry)
    facts.all(Gateway)
    settle(facts)
    if not hosts:
        yield skip(nothing_configured(facts))
    elif not faults and not several:
        yield healthy("The Sidecar objects of all clients import the routes to the gateway.")


@dataclass(frozen=True, slots=True)
class _Needs:
    """The objects that a sidecar needs for a host.

    They are VirtualServices to the gateway, and ServiceEntries. `special` are the namespaces of these objects and those
    to which they are exported by name.
    """

    host: str
    routes: tuple[VirtualService, ...]
    entries: tuple[Entry, ...]
    tls: bool
    special: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Missing:
    """Objects that are not imported, and the entries that import them.

    `blocks` is set if requests fail without them.
    """

    objects: tuple[str, ...]
    entries: tuple[str, ...]
    blocks: bool


@dataclass(slots=True)
class _SidecarFault:
    """The objects that one Sidecar does not import for the namespaces that it applies to."""

    sidecar: Sidecar
    scope: Scope
    blocks: bool = False
    namespaces: dict[str, None] = field(default_factory=dict)
    hosts: dict[str, None] = field(default_factory=dict)
    objects: dict[str, None] = field(default_factory=dict)
    entries: dict[str, None] = field(default_factory=dict)

    def join(self, missing: _Missing, host: str, namespace: str) -> None:
        self.blocks = self.blocks or missing.blocks
        self.namespaces[namespace] = None
        self.hosts[host] = None
        self.objects.update(dict.fromkeys(missing.objects))
        self.entries.update(dict.fromkeys(missing.entries))


def _limited(facts: Facts) -> list[tuple[str, Scope]]:
    """The client namespaces with a Sidecar that does not import everything."""

    def build(window: Facts) -> list[tuple[str, Scope]]:
        return [
            (namespace, scope)
            for namespace in namespaces
            for scope in scopes(window, namespace)
            if scope.sidecar is not None and _EVERYTHING not in scope.imported
        ]

    namespaces = client_namespaces(facts)
    return facts.once("limited namespaces", build, (namespaces, facts.question.client))


def _needs(facts: Facts, found: Configuration, host: str) -> _Needs:
    mine = {id(route) for route in found.routes}
    routes = tuple(route for route in mesh_routes(facts, host) if id(route) in mine)
    entries = entries_about(facts, host)
    # A plain HTTP route uses the listener of the gateway's port; a TLS route has no listener without the ServiceEntry.
    tls = any(rule.kind == "tls" and _for_mesh(rule.matches) for route in routes for rule in rules(facts, route))
    things = (*routes, *(each.entry for each in entries))
    special = frozenset(name for each in things for name in (each.namespace, *each.export_to))
    return _Needs(host, routes, entries, tls, special)


def _not_imported(facts: Facts, found: Configuration, needs: _Needs, namespace: str, scope: Scope) -> _Missing | None:
    routes = [route for route in needs.routes if sees(facts, route, namespace, found.mesh)]
    if not routes:
        # No route is exported to this namespace: virtual-service-route-broken reports it.
        return None
    if not any(scope.imports_route(route) for route in routes):
        entries = tuple(f"{route.namespace}/{needs.host}" for route in routes)
        return _Missing(tuple(route.ref for route in routes), entries, True)
    visible = [each for each in needs.entries if is_visible(facts, each.entry, namespace, found.mesh)]
    if visible and not any(scope.imports_service(each.host, each.entry.namespace) for each in visible):
        entries = tuple(f"{each.entry.namespace}/{each.host}" for each in visible)
        return _Missing(tuple(each.ref for each in visible), entries, needs.tls)
    return None


def _for_mesh(matches: tuple[Match, ...]) -> bool:
    return not matches or any(each.gateways is None or MESH in each.gateways for each in matches)


def _finding(found: Configuration, faults: _SidecarFault) -> Observation:
    policy, _ = outbound_policy(faults.scope, found.mesh)
    ends = "get 502 (a reset for TLS)" if policy == "REGISTRY_ONLY" else "bypass the gateway"
    where = f"namespace{'s' if len(faults.namespaces) > 1 else ''} {', '.join(faults.namespaces)}"
    what = ", ".join(faults.objects)
    hosts = ", ".join(list(faults.hosts)[:3]) + (f" and {len(faults.hosts) - 3} more" if len(faults.hosts) > 3 else "")
    say = fail if faults.blocks else warn
    consequence = f"requests to {hosts} {ends}" if faults.blocks else f"only the route declares {hosts} there"
    path = f"/spec/egress/{_listener(faults.sidecar)}/hosts/-"
    added = tuple({"op": "add", "path": path, "value": entry} for entry in faults.entries)
    written = ", ".join(f"{namespace}/{dns}" for namespace, dns in faults.scope.imported)
    return say(
        f"{faults.sidecar.ref} does not import {what} for {where}: {consequence}.",
        subject=faults.sidecar.ref,
        evidence=[Evidence(faults.sidecar.ref, "spec.egress[*].hosts", written or "(none)", ", ".join(faults.entries))],
        actions=[
            show(faults.sidecar),
            change(
                f"Patch {faults.sidecar.ref} to import {what}",
                JsonPatch(faults.sidecar, added).command,
                ISTIO_EGW,
                "sidecars of the namespace route these requests to the gateway within seconds",
            ),
        ],
        about=[*about(faults.hosts), *(Involved("namespace", each) for each in faults.namespaces)],
    )


def _listener(sidecar: Sidecar) -> int:
    """The index of the listener for all ports, or 0 if there is none."""
    return next((index for index, each in enumerate(sidecar.egress) if not each.get("port")), 0)


def _several(facts: Facts) -> Iterator[Observation]:
    for namespace in client_namespaces(facts):
        plain = [each for each in facts.in_namespace(Sidecar, namespace) if not each.workload_selector]
        if len(plain) > 1:
            yield warn(
                f"Namespace {namespace} has {len(plain)} Sidecar objects without a selector: istiod uses only the oldest.",
                subject=f"Namespace {namespace}",
                evidence=[Evidence(each.ref, "spec.workloadSelector", "(none)", "one such object") for each in plain],
                actions=[inspect("List the Sidecars of the namespace", listed(Sidecar, namespace))],
                about=[Involved("namespace", namespace)],
            )
