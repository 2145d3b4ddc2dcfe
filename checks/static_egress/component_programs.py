"""Other programs on gateway nodes, which can change what the gateway daemon has set there."""

import json
from collections.abc import Iterable

from checks.facts.pods import Pod
from checks.facts.view import Facts
from checks.facts.workloads import DaemonSet
from checks.kubernetes.ownership import with_owner
from checks.model.commands import KEGTS, change, kubectl
from checks.model.findings import Action
from checks.model.raw_values import items

_OF_AKS = ("kube-system", "aks-", "gatekeeper-system", "calico-system", "tigera-operator", "app-routing-system")
"""The beginnings of the namespaces in which AKS runs its own DaemonSets."""

_AFFINITY = {
    "requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [
            {"matchExpressions": [{"key": "kubernetes.azure.com/mode", "operator": "NotIn", "values": ["gateway"]}]}
        ]
    }
}


def excluded_programs(facts: Facts, fix: str, nodes: Iterable[str]) -> list[Action]:
    """Keep each DaemonSet that is not one of AKS off the gateway nodes.

    `fix` is the title if there is none. Requires DaemonSet and Pod declared.
    """
    found = [_exclude(each) for each in _foreign(facts, frozenset(nodes)) if not _placed(each)]
    return found or [change(fix, "", KEGTS, "the gateway daemons no longer report the error")]


def _foreign(facts: Facts, nodes: frozenset[str]) -> list[DaemonSet]:
    owners = {
        (pod.namespace, pod.owner[1])
        for pod in facts.readable(Pod)
        if pod.node in nodes and pod.owner[0] == "DaemonSet" and not pod.namespace.startswith(_OF_AKS)
    }
    return [each for each in facts.readable(DaemonSet) if (each.namespace, each.name) in owners]


def _placed(daemon_set: DaemonSet) -> bool:
    """Whether its template already requires nodes, which a patch would replace."""
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    path = ("spec", "template", "spec", "affinity", "nodeAffinity", required, "nodeSelectorTerms")
    return bool(items(daemon_set.raw, *path))


def _exclude(daemon_set: DaemonSet) -> Action:
    patch = json.dumps({"spec": {"template": {"spec": {"affinity": {"nodeAffinity": _AFFINITY}}}}})
    command = kubectl(
        "patch", "daemonset", daemon_set.name, "--type", "merge", "-p", patch, namespace=daemon_set.namespace
    )
    title = f"Exclude the gateway nodes from {daemon_set.ref}, the only kind of program there that is not one of AKS"
    expect = "its pods on the gateway nodes end, and the gateway daemons no longer report the error"
    return with_owner(change(title, command, KEGTS, expect), daemon_set)
