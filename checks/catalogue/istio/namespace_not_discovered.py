"""EG517: istiod does not discover a namespace with objects that the gateway needs."""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.facts.istio_networking import (
    ROOT_NAMESPACE,
    DestinationRule,
    Exported,
    Gateway,
    ServiceEntry,
    VirtualService,
)
from checks.facts.namespaces import Namespace
from checks.facts.view import Facts
from checks.istio.faults.requested import ROUTER_READS, decided_by_router
from checks.istio.route.carried import HOST_READS, Configuration, about, configuration, judged
from checks.istio.route.clients import asked_client, injected_namespaces
from checks.istio.route.needs import destinations, entries_about, routes_about
from checks.istio.route.registry import destination_rules
from checks.istio.route.visibility import MeshConfig, discovered, mesh_config, settle
from checks.model.commands import MESHCFG, change, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, warn
from checks.model.raw_values import Raw, items, text, texts
from checks.model.raw_values import labels as read_labels


@check(
    code="EG517",
    title="Istiod does not discover a namespace that the gateway needs",
    severity=Severity.BLOCKS,
    article=("IST-4",),
    reads=tuple(dict.fromkeys((*(*HOST_READS, ServiceEntry, DestinationRule), *ROUTER_READS))),
    explains={
        "gateway-selector-mismatch": Because("istiod ignores Gateways of the namespace", share="namespace"),
        "service-entry-missing": Because("istiod ignores ServiceEntries of the namespace", share="namespace"),
        "virtual-service-route-broken": Because("istiod ignores VirtualServices of the namespace", share="namespace"),
    },
)
@decided_by_router("namespace-not-discovered")
def namespace_not_discovered(facts: Facts) -> Iterator[Observation]:
    """What it checks: the mesh's `discoverySelectors`, for each revision of the gateway, against the labels of the
    gateway's namespace and of the namespaces with the only Gateways, VirtualServices, DestinationRules or ServiceEntries
    for a host. It fails for a namespace that no selector matches. Client namespaces that no selector matches warn: their
    sidecars work, but Istio objects there have no effect. Without discoverySelectors istiod discovers every namespace.

    Why it matters: istiod ignores all objects of a namespace that it does not discover, including Services.

    What usually fixes it: a label on the namespace that a selector matches, or a selector that matches the namespace.

    Source: AKS documentation, "Configure Istio-based service mesh add-on for Azure Kubernetes Service"; Istio's
    MeshConfig reference; docs/domain/istio.md#discovery-selectors; docs/domain/istio.md#b28."""
    meshes = [mesh_config(facts, revision) for revision in facts.gateway.revisions or ("",)]
    selecting = [mesh for mesh in meshes if mesh.discovery_selectors]
    found = configuration(facts)
    undiscovered: dict[str, _Undiscovered] = {}
    if selecting:
        facts.all(Namespace)
        for mesh in selecting:
            _collect(facts, found, mesh, undiscovered)
        yield from (each.finding(facts) for each in undiscovered.values())
        for mesh in selecting:
            yield from _clients(facts, mesh, undiscovered)
    settle(facts)
    if not selecting:
        yield healthy("The mesh has no discoverySelectors: istiod discovers every namespace.")
        return
    for kind in (Gateway, VirtualService, ServiceEntry, DestinationRule):
        facts.all(kind)
    if not undiscovered:
        yield healthy("The mesh's discoverySelectors match every namespace that the gateway needs.")


class _Undiscovered:
    """A namespace that istiod does not discover.

    With its objects that the gateway needs, and the hosts that need them.
    """

    def __init__(self, name: str, mesh: MeshConfig) -> None:
        self.name = name
        self.mesh = mesh
        self.objects: dict[str, None] = {}
        self.hosts: dict[str, None] = {}

    def finding(self, facts: Facts) -> Observation:
        what = ", ".join(list(self.objects)[:3])
        more = f" and {len(self.objects) - 3} more" if len(self.objects) > 3 else ""
        return fail(
            f"Istiod {self.mesh.revision} does not discover namespace {self.name}, which has {what}{more}.",
            subject=f"Namespace {self.name}",
            evidence=_evidence(facts, self.name, self.mesh),
            actions=_actions(self.name, self.mesh),
            about=[*about(self.hosts), Involved("namespace", self.name)],
        )


def _collect(facts: Facts, found: Configuration, mesh: MeshConfig, undiscovered: dict[str, _Undiscovered]) -> None:
    """Adds the needed namespaces that this mesh does not discover."""

    def note(namespace: str, ref: str, host: str = "") -> None:
        each = undiscovered.setdefault(namespace, _Undiscovered(namespace, mesh))
        each.objects[ref] = None
        if host:
            each.hosts[host] = None

    hosts = judged(facts)
    own = facts.gateway.namespace
    if not discovered(facts, own, mesh):
        note(own, f"Service {own}/{facts.gateway.name}")
        for host in hosts:
            note(own, f"Service {own}/{facts.gateway.name}", host)
    for host in hosts:
        for things in _needed(facts, found, host):
            # One discovered object is enough: the others are copies for another mesh.
            if things and not any(discovered(facts, each.namespace, mesh) for each in things):
                for each in things:
                    note(each.namespace, each.ref, host)


def _needed(facts: Facts, found: Configuration, host: str) -> Iterator[list[Gateway | Exported]]:
    """The objects for a host, by kind."""
    yield [*{id(server.gateway): server.gateway for server in found.servers_for(host)}.values()]
    yield [*routes_about(found, host)]
    for name in destinations(facts, found, host):
        yield [each.entry for each in entries_about(facts, name)]
    yield [*destination_rules(facts).exactly(found.service)]


def _clients(facts: Facts, mesh: MeshConfig, undiscovered: dict[str, _Undiscovered]) -> Iterator[Observation]:
    client, _ = asked_client(facts)
    for namespace in (client,) if client else injected_namespaces(facts):
        if namespace in undiscovered or discovered(facts, namespace, mesh):
            continue
        yield warn(
            f"Istiod {mesh.revision} does not discover client namespace {namespace}: Istio objects there have no effect.",
            subject=f"Namespace {namespace}",
            evidence=_evidence(facts, namespace, mesh),
            actions=_actions(namespace, mesh),
            about=[Involved("namespace", namespace)],
        )


def _evidence(facts: Facts, namespace: str, mesh: MeshConfig) -> list[Evidence]:
    found = facts.get(Namespace, namespace)
    written = ", ".join(f"{key}={value}" for key, value in sorted(found.labels.items())) if found else ""
    wanted = " or ".join(_wanted(mesh)) or "a label that a selector matches"
    where = mesh.written[0] if mesh.written else f"mesh configuration of {mesh.revision}"
    return [
        Evidence(f"Namespace {namespace}", "metadata.labels", written or "(none)", wanted),
        Evidence(
            where, "data.mesh discoverySelectors", " or ".join(_as_text(each) for each in mesh.discovery_selectors)
        ),
    ]


def _as_text(selector: Raw) -> str:
    """A LabelSelector in one line: `team=egress and istio.io/rev Exists`."""
    plain = [f"{key}={value}" for key, value in sorted(read_labels(selector, "matchLabels").items())]
    for each in items(selector, "matchExpressions"):
        values = ", ".join(texts(each, "values"))
        plain.append(f"{text(each, 'key')} {text(each, 'operator')}" + (f" ({values})" if values else ""))
    return " and ".join(plain)


def _wanted(mesh: MeshConfig) -> list[str]:
    """The selectors that are plain labels, as `key=value,key=value`."""
    found = []
    for each in mesh.discovery_selectors:
        plain = read_labels(each, "matchLabels")
        if plain and not each.get("matchExpressions"):
            found.append(",".join(f"{key}={value}" for key, value in sorted(plain.items())))
    return found


def _actions(namespace: str, mesh: MeshConfig) -> list[Action]:
    shared = f"istio-shared-configmap-{mesh.revision}"
    found = [
        inspect("Show the namespace's labels", kubectl("get", "namespace", namespace, "--show-labels")),
        inspect(
            "Show the mesh's discoverySelectors",
            kubectl("get", "configmap", shared, "-o", "yaml", namespace=ROOT_NAMESPACE),
            MESHCFG,
        ),
    ]
    expect = "istiod discovers the namespace within seconds"
    if wanted := _wanted(mesh):
        command = kubectl("label", "namespace", namespace, *wanted[0].split(","))
        return [*found, change("Label the namespace so that a discovery selector matches it", command, MESHCFG, expect)]
    edit = kubectl("edit", "configmap", shared, namespace=ROOT_NAMESPACE)
    return [
        *found,
        change("Edit the mesh configuration: add a selector that matches the namespace", edit, MESHCFG, expect),
    ]
