"""EG517: istiod does not discover a namespace with objects that the gateway needs."""

from collections.abc import Iterator

from checks.engine.check import Because, check
from checks.engine.route_findings import decided_by_router_or_alone
from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.namespaces import Namespace
from checks.facts.view import Facts
from checks.istio.configured.client_namespaces import injected_namespaces, requested_client
from checks.istio.configured.configured_hosts import examined_hosts
from checks.istio.configured.revision_settings import discovery_selectors, is_discovered, require_settings, settings_of
from checks.istio.faults.resolved_routes import ROUTER_READS
from checks.istio.mesh.configuration import MeshSettings
from checks.model.commands import MESHCFG, change, inspect, kubectl
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, fail, healthy, warn
from checks.model.raw_values import Raw, items, text, texts
from checks.model.raw_values import labels as read_labels


@decided_by_router_or_alone(lambda facts, _: not _selecting(facts))
@check(
    code="EG517",
    title="Istiod does not discover a namespace that the gateway needs",
    severity=Severity.BLOCKS,
    article=("IST-4",),
    reads=ROUTER_READS,
    explains={
        "gateway-selector-mismatch": Because("istiod ignores Gateways of the namespace", share="namespace"),
        "service-entry-missing": Because("istiod ignores ServiceEntries of the namespace", share="namespace"),
        "virtual-service-route-broken": Because("istiod ignores VirtualServices of the namespace", share="namespace"),
        "traffic-failing": Because("istiod ignores the objects of the namespace", succeeds=True),
    },
)
def namespace_not_discovered(facts: Facts) -> Iterator[Observation]:
    """What it checks: the mesh's `discoverySelectors`, for each revision of the gateway. It fails if requests to a host are
    not routed because no selector matches the namespace of the only Gateway, VirtualService or ServiceEntry for it, and for
    the gateway's own namespace. Client namespaces that no selector matches warn: their sidecars work, but Istio objects
    there have no effect. Without discoverySelectors istiod discovers every namespace.

    Why it matters: istiod ignores all objects of a namespace that it does not discover, including Services.

    What usually fixes it: a label on the namespace that a selector matches, or a selector that matches the namespace.

    Source: AKS documentation, "Configure Istio-based service mesh add-on for Azure Kubernetes Service"; Istio's
    MeshConfig reference; docs/domain/istio.md#discovery-selectors; docs/domain/istio.md#b28."""
    selecting = _selecting(facts)
    own = facts.gateway.namespace
    undiscovered: list[MeshSettings] = []
    if selecting:
        facts.all(Namespace)
        undiscovered = [mesh for mesh in selecting if not is_discovered(facts, own, mesh)]
        yield from (_own_namespace(facts, mesh) for mesh in undiscovered[:1])
        for mesh in selecting:
            yield from _clients(facts, mesh)
    require_settings(facts)
    if not selecting:
        yield healthy("The mesh has no discoverySelectors: istiod discovers every namespace.")
    elif not undiscovered:
        yield healthy("The mesh's discoverySelectors match every namespace that the gateway needs.")


def _selecting(facts: Facts) -> list[MeshSettings]:
    """The settings of those revisions of the gateway that have discoverySelectors."""
    meshes = (settings_of(facts, revision) for revision in facts.gateway.revisions or ("",))
    return [mesh for mesh in meshes if discovery_selectors(mesh)]


def _own_namespace(facts: Facts, mesh: MeshSettings) -> Observation:
    """The gateway's namespace is not discovered: its Service is unknown in the mesh."""
    own = facts.gateway.namespace
    return fail(
        f"Istiod {mesh.revision} does not discover namespace {own}, which has Service {own}/{facts.gateway.name}.",
        subject=f"Namespace {own}",
        evidence=_evidence(facts, own, mesh),
        actions=_actions(own, mesh),
        about=[*(Involved("host", each) for each in examined_hosts(facts)), Involved("namespace", own)],
    )


def _clients(facts: Facts, mesh: MeshSettings) -> Iterator[Observation]:
    client, _ = requested_client(facts)
    for namespace in (client,) if client else injected_namespaces(facts):
        if namespace == facts.gateway.namespace or is_discovered(facts, namespace, mesh):
            continue
        yield warn(
            f"Istiod {mesh.revision} does not discover client namespace {namespace}: Istio objects there have no effect.",
            subject=f"Namespace {namespace}",
            evidence=_evidence(facts, namespace, mesh),
            actions=_actions(namespace, mesh),
            about=[Involved("namespace", namespace)],
        )


def _evidence(facts: Facts, namespace: str, mesh: MeshSettings) -> list[Evidence]:
    found = facts.get(Namespace, namespace)
    written = ", ".join(f"{key}={value}" for key, value in sorted(found.labels.items())) if found else ""
    wanted = " or ".join(_wanted(mesh)) or "a label that a selector matches"
    where = mesh.written[0] if mesh.written else f"mesh configuration of {mesh.revision}"
    return [
        Evidence(f"Namespace {namespace}", "metadata.labels", written or "(none)", wanted),
        Evidence(where, "data.mesh", " or ".join(_as_text(each) for each in discovery_selectors(mesh))),
    ]


def _as_text(selector: Raw) -> str:
    """A LabelSelector in one line: `team=egress and istio.io/rev Exists`."""
    plain = [f"{key}={value}" for key, value in sorted(read_labels(selector, "matchLabels").items())]
    for each in items(selector, "matchExpressions"):
        values = ", ".join(texts(each, "values"))
        plain.append(f"{text(each, 'key')} {text(each, 'operator')}" + (f" ({values})" if values else ""))
    return " and ".join(plain)


def _wanted(mesh: MeshSettings) -> list[str]:
    """The selectors that are plain labels, as `key=value,key=value`."""
    found = []
    for each in discovery_selectors(mesh):
        plain = read_labels(each, "matchLabels")
        if plain and not each.get("matchExpressions"):
            found.append(",".join(f"{key}={value}" for key, value in sorted(plain.items())))
    return found


def _names(mesh: MeshSettings) -> list[str]:
    return [each.rpartition("/")[2] for each in mesh.written]


def _actions(namespace: str, mesh: MeshSettings) -> list[Action]:
    shared = f"istio-shared-configmap-{mesh.revision}"
    found = [
        inspect("Show the namespace's labels", kubectl("get", "namespace", namespace, "--show-labels")),
        inspect(
            "Show the mesh's discoverySelectors",
            kubectl("get", "configmaps", *_names(mesh), "-o", "yaml", namespace=ROOT_NAMESPACE),
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
