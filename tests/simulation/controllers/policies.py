"""Exceptions from policies, as steps create them.

Sources: https://kubernetes.io/docs/concepts/policy/limit-range (defaults),
https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy (bindings),
https://kyverno.io/docs/exceptions, https://learn.microsoft.com/azure/governance/policy/concepts/exemption-structure.
"""

import re

from checks.facts.label_selectors import selects
from checks.knowledge.policy_denials import gatekeeper_constraint, kyverno_rule
from tests.clusters.bundles import Manifest
from tests.clusters.compose import identity
from tests.simulation.cluster_copy import ClusterCopy

_REQUIRED = re.compile(r"must specify (?P<which>limits|requests)\.(?P<resource>\w+)")
_BOUND = re.compile(r"ValidatingAdmissionPolicy '(?P<policy>[^']+)' with binding '(?P<binding>[^']+)'")
KINDS = ("LimitRange", "PolicyException", "ValidatingAdmissionPolicyBinding")
"""The kinds that steps create and egress-diag does not read."""


def admitted(copy: ClusterCopy, message: str, home: Manifest) -> bool:
    """Whether the pods that a refusal denied are admitted now."""
    if (required := _REQUIRED.search(message)) is not None:
        return _has_default(copy, identity(home)[3], required["which"], required["resource"])
    if (bound := _BOUND.search(message)) is not None:
        return bound["policy"] in copy.exempted or _left_out(copy, bound["binding"], home)
    if constraint := gatekeeper_constraint(message):
        return constraint in copy.exempted
    rule = kyverno_rule(message)
    return rule is not None and any(
        {"policyName": rule.policy, "ruleNames": [rule.rule]} in (each["spec"].get("exceptions") or ())
        for each in copy.of("PolicyException", identity(home)[3])
    )


def _has_default(copy: ClusterCopy, namespace: str, which: str, resource: str) -> bool:
    field = "default" if which == "limits" else "defaultRequest"
    return any(
        resource in (item.get(field) or {})
        for each in copy.of("LimitRange", namespace)
        for item in each["spec"].get("limits") or ()
        if item.get("type") == "Container"
    )


def _left_out(copy: ClusterCopy, binding: str, home: Manifest) -> bool:
    labels = {**(home["metadata"].get("labels") or {}), "kubernetes.io/metadata.name": identity(home)[3]}
    return any(
        identity(each)[3] == binding
        and not selects((each["spec"].get("matchResources") or {}).get("namespaceSelector") or {}, labels)
        for each in copy.of("ValidatingAdmissionPolicyBinding")
    )
