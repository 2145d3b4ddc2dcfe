"""EG107: a mesh upgrade is unfinished, or left objects of an old revision."""

from collections.abc import Iterator

from checks.engine.check import check
from checks.facts.istio_networking import ROOT_NAMESPACE
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.namespaces import ConfigMap
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.istio.configured.revision_settings import settings_of
from checks.istio.mesh.configuration import MeshSettings
from checks.istio.shared_settings import copy_settings, shared_settings, show_settings
from checks.knowledge.mesh_settings import OUTBOUND_EFFECT, OUTBOUND_POLICY, SETTINGS
from checks.knowledge.revisions import version_of
from checks.model.commands import (
    MESHCFG,
    UPG,
    alternatives,
    az_aks,
    change,
    inspect,
    kubectl,
    reconcile,
    update_without_value,
)
from checks.model.findings import Action, Evidence, Observation, Severity, healthy, skip, warn


@check(
    code="EG107",
    title="A mesh upgrade is unfinished",
    severity=Severity.RISKS,
    reads=(ManagedCluster, Deployment, ConfigMap),
)
def revision_upgrade_unfinished(facts: Facts) -> Iterator[Observation]:
    """What it checks: while two mesh revisions are installed, whether each one has the gateway's Deployment and the
    shared ConfigMap, and whether their egress settings are equal. It passes during an upgrade with all of that. With
    one revision it checks only for Deployments of the gateway that belong to a removed revision.

    Why it matters: both revisions serve traffic. A setting that one of them lacks works with old pods and fails with
    new ones, or the reverse.

    What usually fixes it: a copy of the old revision's shared ConfigMap for the new one before the upgrade starts; then
    `az aks mesh upgrade complete` or `rollback`.

    Source: AKS documentation, "Upgrade Istio-based service mesh add-on for Azure Kubernetes Service" and "Configure
    Istio-based service mesh add-on for Azure Kubernetes Service"."""
    revisions = tuple(sorted(facts.gateway.revisions, key=lambda name: version_of(name) or (0, 0)))
    found = [*_left_behind(facts, revisions)]
    if len(revisions) > 1:
        found += _without_deployment(facts, revisions)
    yield from found
    if len(revisions) > 1:
        unlike = list(_settings(facts, revisions))
        yield from unlike
        found += unlike
    if found:
        return
    if len(revisions) > 1:
        facts.require_profile()  # without it a Deployment of a removed revision looks like that of an upgrade
        yield healthy(
            f"A mesh upgrade from {revisions[0]} to {revisions[-1]} is in progress; {facts.gateway.ref} is complete in both.",
            evidence=[
                Evidence(f"Deployment {facts.gateway.namespace}/{d}", "", "exists") for d in facts.gateway.deployments
            ],
        )
    else:
        yield skip(
            f"No mesh upgrade is in progress: the gateway runs in {revisions[0] if revisions else 'no revision'}."
        )


def _left_behind(facts: Facts, revisions: tuple[str, ...]) -> Iterator[Observation]:
    """Deployments of this gateway for mesh revisions that are no longer in the mesh profile."""
    gateway = facts.gateway
    for deployment in facts.in_namespace(Deployment, gateway.namespace):
        revision = deployment.name.removeprefix(f"{gateway.name}-")
        if revision == deployment.name or version_of(revision) is None or revision in revisions:
            continue
        yield warn(
            f"{deployment.ref} runs {gateway.ref} for mesh revision {revision}, which is no longer installed.",
            subject=deployment.ref,
            evidence=[
                Evidence(deployment.ref, "status.readyReplicas", str(deployment.ready)),
                Evidence(
                    "mesh profile", "serviceMeshProfile.istio.revisions", ", ".join(revisions) or "(none)", revision
                ),
            ],
            actions=[
                _upgrades(facts),
                inspect(
                    "List the Deployments of the gateway", kubectl("get", "deployments", namespace=gateway.namespace)
                ),
                update_without_value(facts.cluster, "Reconcile the cluster, so that AKS removes the Deployment", UPG),
            ],
        )


def _without_deployment(facts: Facts, revisions: tuple[str, ...]) -> Iterator[Observation]:
    gateway = facts.gateway
    for revision in revisions:
        name = f"{gateway.name}-{revision}"
        if facts.get(Deployment, name, gateway.namespace) is not None:
            continue
        ref = f"Deployment {gateway.namespace}/{name}"
        yield warn(
            f"The gateway has no Deployment for mesh revision {revision} during the upgrade from {revisions[0]} to "
            f"{revisions[-1]} ({gateway.ref}).",
            subject=ref,
            evidence=[Evidence(ref, "", "not found", "one for each revision")],
            actions=[
                inspect(
                    "List the Deployments of the gateway", kubectl("get", "deployments", namespace=gateway.namespace)
                ),
                _upgrades(facts),
                *alternatives(
                    reconcile(facts.cluster, f"creates {ref}", UPG, "the Deployment exists, and its pods are Ready"),
                    *_ending(facts),
                ),
            ],
        )


def _settings(facts: Facts, revisions: tuple[str, ...]) -> Iterator[Observation]:
    """One observation for settings that differ between revisions.

    A shared ConfigMap that only one revision has is such a difference too.
    """
    have = {name: facts.get(ConfigMap, shared_settings(name), ROOT_NAMESPACE) for name in revisions}
    differing = _differing(facts, revisions)
    lacking = [name for name in revisions if have[name] is None]
    pattern = next((found for found in have.values() if found is not None), None)
    if lacking and pattern is not None:
        for name in lacking:
            ref = f"ConfigMap {ROOT_NAMESPACE}/{shared_settings(name)}"
            yield warn(
                f"{ref} does not exist, so mesh revision {name} lacks the settings of {pattern.ref}.",
                subject=ref,
                evidence=[Evidence(ref, "", "not found", f"as {pattern.name}"), *differing],
                actions=[show_settings(pattern.name), *alternatives(copy_settings(pattern, name), *_ending(facts))],
            )
    elif differing:
        fields = ", ".join(each.field for each in differing)
        yield warn(
            f"Mesh revisions {revisions[0]} and {revisions[-1]} differ in {fields}.",
            subject=f"ConfigMap {ROOT_NAMESPACE}/{shared_settings(revisions[-1])}",
            evidence=differing,
            actions=[
                *(show_settings(shared_settings(name)) for name in revisions),
                _same_settings(have[revisions[0]], revisions),
            ],
        )


def _same_settings(old: ConfigMap | None, revisions: tuple[str, ...]) -> Action:
    """Give the new revision the settings of the old one, before the upgrade is completed."""
    title = f"Copy the settings of {revisions[0]} to {revisions[-1]}, before the upgrade is completed"
    if old is not None and old.data.get("mesh"):
        return copy_settings(old, revisions[-1], title)
    command = kubectl("edit", "configmap", shared_settings(revisions[-1]), namespace=ROOT_NAMESPACE)
    return change(title, command, MESHCFG, "istiod applies them within a minute; diagnose again")


def _differing(facts: Facts, revisions: tuple[str, ...]) -> list[Evidence]:
    """The egress settings in which the newest revision differs from the oldest."""
    old, new = settings_of(facts, revisions[0]), settings_of(facts, revisions[-1])
    pairs = [(each.name, each.value(old.raw), each.value(new.raw), each.effect) for each in SETTINGS]
    pairs.insert(0, (OUTBOUND_POLICY, old.outbound_policy, new.outbound_policy, OUTBOUND_EFFECT))
    return [
        Evidence(_source(new), name, _shown(theirs), f"{_shown(ours)} as in {old.revision}: otherwise {effect}")
        for name, ours, theirs, effect in pairs
        if ours != theirs
    ]


def _source(mesh: MeshSettings) -> str:
    return " + ".join(mesh.written) or f"mesh revision {mesh.revision}"


def _shown(value: object) -> str:
    return str(value) if value not in ("", [], {}) else "(not set)"


def _upgrades(facts: Facts) -> Action:
    return inspect("Show the state of the mesh upgrade", az_aks(facts.cluster, "mesh", "get-upgrades"), UPG)


def _ending(facts: Facts) -> list[Action]:
    return [
        change("Roll back to the old mesh revision instead", az_aks(facts.cluster, "mesh", "upgrade", "rollback"), UPG),
    ]
