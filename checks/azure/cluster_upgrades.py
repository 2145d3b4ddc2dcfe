"""The step that brings newer components of AKS to a cluster.

It is an upgrade of the control plane, or a reconciliation.
"""

import re

from checks.facts.managed_cluster import ManagedCluster
from checks.facts.view import Facts
from checks.model.commands import az_aks, change, update_without_value
from checks.model.findings import Action

UPGRADES = "https://learn.microsoft.com/azure/aks/upgrade-aks-cluster"
_VERSION = re.compile(r"(\d+)\.(\d+)")


def newer_components(facts: Facts, minor: tuple[int, int], why: str, expect: str) -> Action:
    """Upgrade the control plane to a Kubernetes version.

    It is upgraded one minor version at a time; nodes and traffic are not touched. A cluster that has this version is
    reconciled instead, which brings AKS's current release of its components.
    `why` continues the title. A check that offers this reads ManagedCluster.
    """
    steps = missing_versions(facts, minor)
    if not steps:
        return update_without_value(facts.cluster, f"Reconcile the cluster, {why}", UPGRADES, expect)
    commands = (
        az_aks(facts.cluster, "upgrade", "--control-plane-only", "--yes", "--kubernetes-version", each)
        for each in steps
    )
    return change(
        f"Upgrade the control plane to Kubernetes {steps[-1]}, {why}",
        " && ".join(commands),
        UPGRADES,
        f"{expect}. Upgrade the node pools later, each with `az aks nodepool upgrade`",
    )


def missing_versions(facts: Facts, minor: tuple[int, int]) -> tuple[str, ...]:
    """The minor versions from the cluster's next one to the wanted one, () if it has that.

    AKS skips none (https://learn.microsoft.com/azure/aks/supported-kubernetes-versions). Only the wanted one if the
    cluster's is not known.
    """
    cluster = next(iter(facts.readable(ManagedCluster)), None)
    found = _VERSION.match(cluster.kubernetes_version) if cluster is not None else None
    if found is None:
        return (f"{minor[0]}.{minor[1]}",)
    return tuple(f"{minor[0]}.{number}" for number in range(int(found[2]) + 1, minor[1] + 1))
