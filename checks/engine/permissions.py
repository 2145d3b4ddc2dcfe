"""The rights that the declared reads of checks need, and the checks that need each.

The chart's RBAC is generated from it.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from checks.engine.check import Check
from checks.facts.fact import ArmResource, AzureCall, Fact, Listed, PodLog, ProbeResults, ProxyCounters, ServerVersion

CREDENTIAL_ACTION = "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action"
"""Needed to reach an API server through Azure.

The role is `Azure Kubernetes Service Cluster User Role`.
"""


@dataclass(frozen=True, slots=True)
class Right:
    """A Kubernetes resource with its verbs, or an Azure action.

    `lost` are the checks that may be `unknown` without it.
    """

    group: str
    resource: str
    verbs: tuple[str, ...]
    lost: tuple[str, ...]
    """Codes of those checks."""

    @property
    def name(self) -> str:
        """`PLURAL.GROUP`, the plural alone for core kinds, or the Azure action."""
        return f"{self.resource}.{self.group}" if self.group else self.resource


def kubernetes_rights(checks: Iterable[Check]) -> tuple[Right, ...]:
    """The rights of the ClusterRole, sorted by API group and resource."""
    lost: dict[tuple[str, str, tuple[str, ...]], set[str]] = defaultdict(set)
    for check in checks:
        for kind in _reads(check):
            match kind.origin:
                case Listed(group=group, plural=plural):
                    lost[(group, plural, ("list",))].add(check.code)
                case PodLog():
                    lost[("", "pods/log", ("get",))].add(check.code)
                case _:
                    continue
    return tuple(
        Right(group, name, verbs, tuple(sorted(codes))) for (group, name, verbs), codes in sorted(lost.items())
    )


def azure_rights(checks: Iterable[Check]) -> tuple[Right, ...]:
    """The Azure actions, sorted by name.

    The last one is access to the API server through Azure.
    """
    lost: dict[str, set[str]] = defaultdict(set)
    for check in checks:
        for kind in _reads(check):
            match kind.origin:
                case AzureCall(action=action) | ArmResource(action=action):
                    lost[action].add(check.code)
                case Listed() | PodLog() | ServerVersion():
                    lost[CREDENTIAL_ACTION].add(check.code)
                case ProbeResults() | ProxyCounters():
                    continue
    return tuple(Right("", action, (), tuple(sorted(codes))) for action, codes in sorted(lost.items()))


def _reads(check: Check) -> set[type[Fact]]:
    """The kinds that a check reads.

    Kinds that only help to find pods for logs, and ids of Azure resources, are included.
    """
    found: set[type[Fact]] = set()
    todo = list(check.reads)
    while todo:
        kind = todo.pop()
        if kind not in found:
            found.add(kind)
            todo += kind.origin.after if isinstance(kind.origin, ArmResource | PodLog | ProxyCounters) else ()
    return found


def namespaced_role(checks: Iterable[Check], name: str = "egress-diag") -> dict[str, object]:
    """The Role of one namespace as a manifest.

    It is for an identity without permissions in the whole cluster. It has the namespaced kinds, and `get` of the
    namespace itself. Source: docs/permissions.md#namespaces-only.
    """
    of_cluster = {
        (kind.origin.group, kind.origin.plural)
        for check in checks
        for kind in _reads(check)
        if isinstance(kind.origin, Listed) and not kind.origin.namespaced
    }
    rights = [each for each in kubernetes_rights(checks) if (each.group, each.resource) not in of_cluster]
    own = Right("", "namespaces", ("get",), ())
    return _role("Role", name, [*rights, own])


def cluster_role(checks: Iterable[Check], name: str = "egress-diag") -> dict[str, object]:
    """The ClusterRole as a manifest."""
    return _role("ClusterRole", name, kubernetes_rights(checks))


def _role(kind: str, name: str, rights: Iterable[Right]) -> dict[str, object]:
    """A role with one rule for each API group and set of verbs."""
    grouped: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for right in rights:
        grouped[(right.group, right.verbs)].append(right.resource)
    rules = [
        {"apiGroups": [group], "resources": resources, "verbs": list(verbs)}
        for (group, verbs), resources in sorted(grouped.items())
    ]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "rules": rules,
    }
