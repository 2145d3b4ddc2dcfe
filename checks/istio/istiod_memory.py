"""Less memory for each istiod: more replicas, and fewer namespaces.

The Istio add-on sets istiod's resources; it keeps changes of the autoscaler's limits and of the shared mesh configuration.
Source: AKS documentation, "Istio service mesh add-on performance and scaling".
"""

import json
from collections.abc import Iterator

import yaml

from checks.facts.changes import MergePatch
from checks.facts.fact import Fact, KubernetesObject
from checks.facts.istio_networking import (
    ROOT_NAMESPACE,
    DestinationRule,
    Gateway,
    ServiceEntry,
    VirtualService,
)
from checks.facts.istio_policies import AuthorizationPolicy
from checks.facts.namespaces import ConfigMap, Namespace
from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import Deployment, HorizontalPodAutoscaler
from checks.istio.configured.revision_settings import discovery_selectors, settings_of
from checks.istio.mesh.injection_webhooks import PLAIN, REVISION
from checks.istio.shared_settings import shared_settings
from checks.model.commands import MESHCFG, SCALE, change, kubectl, kubectl_apply
from checks.model.findings import Action

USUAL_REPLICAS = 2
"""The replicas that the add-on keeps at least (docs/domain/components.md#istiod)."""

_ISTIO: tuple[type[KubernetesObject], ...] = (
    Gateway,
    VirtualService,
    ServiceEntry,
    DestinationRule,
    AuthorizationPolicy,
)
DISCOVERY_READS: tuple[type[Fact], ...] = (Namespace, ConfigMap, Pod, *_ISTIO)
"""The kinds that show which namespaces belong to the mesh."""

_NAME = "kubernetes.io/metadata.name"
_MOST_NAMED = 5
_CALLED = frozenset({"default", "kube-system", "aks-static-egress-gateway"})
"""Namespaces whose Services sidecars call without an Istio object."""


def scaler_of(facts: Facts, deployment: Deployment) -> HorizontalPodAutoscaler | None:
    """The autoscaler of istiod's Deployment, None if it has none or could not be read."""
    found = facts.readable(HorizontalPodAutoscaler, ROOT_NAMESPACE)
    return next((each for each in found if each.target == ("Deployment", deployment.name)), None)


def shared_load(scaler: HorizontalPodAutoscaler) -> Action:
    """Share the proxies among more replicas.

    AKS keeps the limits of this autoscaler, but not the resources of istiod.
    """
    least = max(USUAL_REPLICAS, scaler.minimum)
    spec = {"minReplicas": 2 * least, "maxReplicas": max(2 * least, scaler.maximum)}
    patch = ("patch", "horizontalpodautoscaler", scaler.name, "--type", "merge", "-p", json.dumps({"spec": spec}))
    return change(
        f"Raise the minimum of {scaler.ref} from {scaler.minimum} to {2 * least} replicas, which share the proxies: AKS keeps "
        "this setting",
        kubectl(*patch, namespace=scaler.namespace),
        SCALE,
        f"{2 * least} pods of istiod are Ready and stay so. If they are killed again: the next step, or a support request, "
        "because AKS sets istiod's memory",
    )


def restricted_discovery(facts: Facts, revision: str) -> Iterator[Action]:
    """Let istiod discover only the namespaces of the mesh, if they are known.

    Requires DISCOVERY_READS declared.
    """
    settings = settings_of(facts, revision)
    kinds: tuple[type[Fact], ...] = (Namespace, Pod, *_ISTIO)
    unread = [each for each in kinds if facts.gap(each) is not None]
    if discovery_selectors(settings) or settings.malformed or unread or facts.gap(ConfigMap, ROOT_NAMESPACE):
        return
    kept = _namespaces_of_mesh(facts)
    everything = sorted(each.name for each in facts.readable(Namespace))
    dropped = [each for each in everything if each not in kept]
    if not dropped:
        return
    selector = {"matchExpressions": [{"key": _NAME, "operator": "In", "values": kept}]}
    names = ", ".join(dropped[:_MOST_NAMED]) + (
        f" and {len(dropped) - _MOST_NAMED} more" * (len(dropped) > _MOST_NAMED)
    )
    yield change(
        f"Limit istiod to the {len(kept)} namespaces of the mesh with discoverySelectors, if its pods are killed again",
        _mesh_patch(facts, revision, {"discoverySelectors": [selector]}),
        MESHCFG,
        f"istiod's memory falls within minutes, and AKS keeps this setting. It no longer knows the Services of {names}: add "
        "the namespaces that sidecars call, because their requests there then fail or bypass the mesh",
    )


def _namespaces_of_mesh(facts: Facts) -> list[str]:
    """The namespaces of the mesh, the gateway's own, and those that all clients call."""
    labeled = {e.name for e in facts.readable(Namespace) if REVISION in e.labels or PLAIN in e.labels}
    injected = {each.namespace for each in facts.readable(Pod) if each.proxy is not None}
    objects = {each.namespace for kind in _ISTIO for each in facts.readable(kind)}
    existing = {each.name for each in facts.readable(Namespace)}
    return sorted({*labeled, *injected, *objects, facts.gateway.namespace, ROOT_NAMESPACE, *(_CALLED & existing)})


def _mesh_patch(facts: Facts, revision: str, added: dict[str, object]) -> str:
    """The command that adds settings to the shared mesh configuration of a revision."""
    name = shared_settings(revision)
    found = next((each for each in facts.readable(ConfigMap, ROOT_NAMESPACE) if each.name == name), None)
    if found is not None:
        own = yaml.safe_load(found.data.get("mesh", "")) or {}
        written = yaml.safe_dump({**own, **added}, sort_keys=False, default_flow_style=False)
        return MergePatch(found, {"data": {"mesh": written}}).command
    lines = yaml.safe_dump(added, sort_keys=False, default_flow_style=False).splitlines()
    mesh = "\n".join(f"    {line}" for line in lines)
    head = f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: {ROOT_NAMESPACE}"
    return kubectl_apply(f"{head}\ndata:\n  mesh: |\n{mesh}")
