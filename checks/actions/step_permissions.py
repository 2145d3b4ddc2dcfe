"""The Kubernetes permissions of active steps, as rules of a Role (docs/permissions.md)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from checks.actions.planning import ACTION_READS
from checks.facts.fact import Listed

Rule = dict[str, list[str]]

PROBE: list[Rule] = [
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["get", "list", "create", "delete"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
    {"apiGroups": [""], "resources": ["pods/ephemeralcontainers"], "verbs": ["patch"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["list"]},
]
"""The permissions of the active probes (SEG-4, SEG-5).

A probe runs in an ephemeral container in the gateway's pod, or in the pod of a Job.
"""

RESTART: list[Rule] = [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "patch"]}]
"""The restart action (SEG-6): the annotation that `kubectl rollout restart` sets."""


def action_rules() -> list[Rule]:
    """The rules of the action worker's ClusterRole: the lists that planning reads."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for kind in ACTION_READS:
        if isinstance(kind.origin, Listed):
            grouped[kind.origin.group].append(kind.origin.plural)
    return [
        {"apiGroups": [group], "resources": sorted(found), "verbs": ["list"]}
        for group, found in sorted(grouped.items())
    ]


def single_rights(rules: Iterable[Rule]) -> Iterator[tuple[str, str, str]]:
    """Each permission of the rules as (verb, resource, API group)."""
    for rule in rules:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                yield verb, resource, rule["apiGroups"][0]
