"""EG514: requests to unknown hosts bypass the gateway because sidecars allow them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from checks.engine.check import check
from checks.facts.changes import MergePatch
from checks.facts.istio_networking import ROOT_NAMESPACE, Sidecar
from checks.facts.namespaces import ConfigMap
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.istio.configured.client_namespaces import (
    client_namespaces,
    deciding_sidecars,
    sidecar_pods,
    sidecar_revisions,
)
from checks.istio.configured.revision_settings import require_settings, settings_of
from checks.istio.fixes.show_commands import show_object
from checks.istio.mesh.configuration import MeshSettings
from checks.model.commands import ISTIO_EGW, MESHCFG, TSG, disrupt, inspect, kubectl, kubectl_apply
from checks.model.findings import Action, Evidence, Involved, Observation, Severity, healthy, warn

_REGISTRY_ONLY = {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}


@check(
    code="EG514",
    title="Requests to unknown hosts bypass the gateway",
    severity=Severity.RISKS,
    article=("SEG-4",),
    reads=(Sidecar, ConfigMap, Pod),
)
def outbound_policy_bypasses(facts: Facts) -> Iterator[Observation]:
    """What it checks: the outbound traffic policy of each client namespace, for each revision of the gateway: its
    Sidecar's, otherwise the mesh's. ALLOW_ANY warns, also as the default, unless the Sidecar's egressProxy is this
    gateway; REGISTRY_ONLY passes. An empty block means REGISTRY_ONLY.

    Why it matters: with ALLOW_ANY a host without a ServiceEntry and a route is reached directly, from the node's
    outbound address instead of the gateway's. An allow-list at the destination then rejects the request, or unintended
    traffic leaves the cluster. A missing ServiceEntry goes unnoticed.

    What usually fixes it: REGISTRY_ONLY in the shared ConfigMap, when every needed host has a ServiceEntry. The
    article's static gateway step 4 sets ALLOW_ANY for a test: revert it afterwards (newer documentation does not
    require it).

    Source: article SEG-4; AKS documentation, "Configure Istio-based service mesh add-on for Azure Kubernetes
    Service"; docs/domain/istio.md#outbound-traffic-policy."""
    facts.all(Sidecar)
    namespaces = client_namespaces(facts)
    about = (facts.gateway.revisions, namespaces, facts.question.client)
    found = facts.once("outbound policies", lambda window: _policies(window, namespaces), about)
    # The mesh's default is ALLOW_ANY: unreadable settings must not count as the default.
    require_settings(facts)
    for bypass in found.allowing.values():
        yield _bypassing(facts, bypass)
    facts.all(Pod)
    if not found.allowing:
        rejecting = f"reject requests to unknown hosts (REGISTRY_ONLY in {', '.join(sorted(found.strict))})"
        sending = (
            f"send requests to unknown hosts to {facts.gateway.ref} (egressProxy in {', '.join(sorted(found.proxied))})"
        )
        stated = [*([rejecting] if found.strict or not found.proxied else []), *([sending] if found.proxied else [])]
        yield healthy(f"Sidecars {', or '.join(stated)}.")


@dataclass(slots=True)
class _Bypass:
    """An object with ALLOW_ANY, and the namespaces that it applies to.

    The object is a Sidecar or the mesh configuration of a revision.
    """

    sidecar: Sidecar | None
    mesh: MeshSettings
    namespaces: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Policies:
    allowing: dict[str, _Bypass] = field(default_factory=dict)
    """By the reference of the Sidecar, or the revision."""
    strict: set[str] = field(default_factory=set)
    """The objects with REGISTRY_ONLY."""
    proxied: set[str] = field(default_factory=set)
    """The Sidecars that send requests to unknown hosts to this gateway."""


def _policies(facts: Facts, namespaces: tuple[str, ...]) -> _Policies:
    found = _Policies()
    for revision in facts.gateway.revisions or ("",):
        mesh = settings_of(facts, revision)
        for namespace in namespaces:
            if revision and revision not in (sidecar_revisions(facts, namespace) or {revision}):
                continue
            for sidecar in deciding_sidecars(facts, namespace):
                own = sidecar if sidecar is not None and sidecar.outbound_policy is not None else None
                policy = own.outbound_policy if own is not None else mesh.outbound_policy
                if not (policy or "").startswith("ALLOW_ANY"):
                    found.strict.add(own.ref if own is not None else _decider(mesh))
                    continue
                if (
                    own is not None
                    and own.egress_proxy is not None
                    and own.egress_proxy[0] == facts.gateway.service_host
                ):
                    found.proxied.add(own.ref)
                    continue
                bypass = found.allowing.setdefault(own.ref if own is not None else revision, _Bypass(own, mesh))
                if namespace not in bypass.namespaces:
                    bypass.namespaces.append(namespace)
    return found


def _decider(mesh: MeshSettings) -> str:
    """The object that sets the mesh's policy."""
    decided = mesh.raw.get("outboundTrafficPolicy") is not None
    return mesh.written[0] if decided and mesh.written else "Istio's default"


def _bypassing(facts: Facts, bypass: _Bypass) -> Observation:
    mesh, names = bypass.mesh, bypass.namespaces
    who = f"namespace{'s' if len(names) > 1 else ''} {', '.join(names[:3])}"
    who += f" and {len(names) - 3} more" if len(names) > 3 else ""
    if (sidecar := bypass.sidecar) is not None:
        resource, field_, written = sidecar.ref, "spec.outboundTrafficPolicy.mode", sidecar.outbound_policy or ""
        actions = [
            show_object(sidecar),
            disrupt(
                f"Patch {sidecar.ref} to REGISTRY_ONLY when every needed host has a ServiceEntry; other requests then fail",
                MergePatch(sidecar, {"spec": _REGISTRY_ONLY}).command,
                ISTIO_EGW,
                "requests to hosts without a ServiceEntry get 502",
            ),
        ]
    else:
        resource = f"ConfigMap {ROOT_NAMESPACE}/{_shared(mesh)}"
        field_, written = "data.mesh outboundTrafficPolicy.mode", mesh.outbound_policy
        if mesh.raw.get("outboundTrafficPolicy") is None:
            written += f" by default: {'the ConfigMap has no YAML mapping' if mesh.malformed else 'not set'}"
        actions = [*_show_bypassing(facts, names), *_mesh_actions(facts, mesh)]
    proxy = sidecar.egress_proxy if sidecar is not None else None
    away = f"are sent to {proxy[0]}:{proxy[1]}" if proxy is not None else "bypass the gateway"
    return warn(
        f"Requests from {who} to unknown hosts {away} ({written}).",
        subject=resource,
        evidence=[Evidence(resource, field_, written, "REGISTRY_ONLY")],
        actions=actions,
        about=[Involved("namespace", each) for each in names],
    )


def _show_bypassing(facts: Facts, namespaces: list[str]) -> Iterator[Action]:
    pods = (pod for name in namespaces for pod in sidecar_pods(facts).get(name, ()))
    if (pod := next(pods, None)) is not None:
        command = kubectl("logs", pod.name, "-c", "istio-proxy", "--tail=500", namespace=pod.namespace)
        yield inspect("Show requests that bypassed the gateway", f"{command} | grep PassthroughCluster", TSG)


def _shared(mesh: MeshSettings) -> str:
    return f"istio-shared-configmap-{mesh.revision}"


def _mesh_actions(facts: Facts, mesh: MeshSettings) -> list[Action]:
    name = _shared(mesh)
    found = facts.get(ConfigMap, name, ROOT_NAMESPACE)
    # Without its own ConfigMap, a revision has Istio's default.
    shown = ("configmaps",) if found is None else ("configmap", name, "-o", "yaml")
    actions = [inspect("Show the mesh configuration", kubectl("get", *shown, namespace=ROOT_NAMESPACE))]
    own = None
    if found is not None and found.ref not in mesh.malformed:
        own = yaml.safe_load(found.data.get("mesh", "")) or {}
    command = kubectl("edit", "configmap", name, namespace=ROOT_NAMESPACE)
    if found is None:
        command = kubectl_apply(
            f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: {ROOT_NAMESPACE}\n"
            "data:\n  mesh: |\n    outboundTrafficPolicy:\n      mode: REGISTRY_ONLY"
        )
    elif isinstance(own, dict):
        settings = yaml.safe_dump({**own, **_REGISTRY_ONLY}, default_flow_style=False, sort_keys=False)
        command = MergePatch(found, {"data": {"mesh": settings}}).command
    return [
        *actions,
        disrupt(
            "Patch the mesh to REGISTRY_ONLY when every needed host has a ServiceEntry; other requests then fail (reverts "
            "ALLOW_ANY of the article's static gateway step 4)",
            command,
            MESHCFG,
            "requests to hosts without a ServiceEntry get 502",
        ),
    ]
