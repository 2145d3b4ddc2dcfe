"""Exempting the gateway from a policy, in the place that the policy's engine keeps."""

import re
from collections.abc import Mapping
from datetime import timedelta

from checks.facts.manifests import manifest_yaml
from checks.facts.view import Facts
from checks.knowledge.policy_denials import KyvernoRule
from checks.model.commands import POLICY, alternatives, change, inspect, kubectl, kubectl_apply, quoted
from checks.model.findings import Action

_ASSIGNMENT = "jsonpath={.items[0].metadata.annotations.azure-policy-assignment-id}"
_EXEMPTED = timedelta(days=1)
AGREED = "the owner of the policy must agree"
"""Part of the expected result of each exception from a policy."""
_UNTIL = f"{AGREED}. Run the undo command when the policy admits the pods"
VAP = "https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/"


def azure_exceptions(facts: Facts, kinds: str, generated: str, namespace: str) -> list[Action]:
    """Exclude the namespace in the policy assignment of a generated object.

    The alternative exempts the whole cluster for a day.

    The add-on restores what is changed in the cluster (docs/domain/components.md#webhook-owners). The object's annotation has
    the assignment, which the denial does not name. The exclusion is for one namespace, and the policy applies in the others.
    """
    cluster = facts.cluster
    shown = kubectl("get", kinds, "--field-selector", f"metadata.name={generated}", "-o", _ASSIGNMENT)
    scope = (
        f"/subscriptions/{cluster.subscription}/resourceGroups/{cluster.resource_group}/providers/"
        f"Microsoft.ContainerService/managedClusters/{cluster.aks_name}"
    )
    until = f"{facts.now + _EXEMPTED:%Y-%m-%dT%H:%M:%SZ}"
    name = quoted("--name", "egress-gateway", "--exemption-category", "Waiver", "--expires-on", until)
    where = (
        f"{quoted('--scope', scope)}"
        if cluster.subscription and cluster.resource_group
        else '--scope "${CLUSTER_ID:?resource ID of the cluster}"'
    )
    return [
        inspect(f"Show the policy assignment of {generated}", shown, POLICY, "the ID of the assignment to change"),
        *alternatives(
            azure_exclusion(namespace, f"of {generated}"),
            change(
                f"Exempt the whole cluster from the policy assignment of {generated} until {until}",
                f'az policy exemption create {name} --policy-assignment "$({shown})" {where}',
                POLICY,
                "Azure Policy updates the cluster within 15 minutes, then the pods are created. Meanwhile the assignment "
                f"denies nothing in the whole cluster; {AGREED}",
            ),
        ),
    ]


def azure_exclusion(namespace: str, which: str = "that the denial names") -> Action:
    """Exclude the namespace in a policy assignment."""
    return change(
        f"Exclude namespace {namespace} in the policy assignment {which} (parameter excludedNamespaces): changes in the "
        "cluster are reverted",
        url=POLICY,
        expect=f"Azure Policy updates the cluster within 15 minutes, then the pods are created; {AGREED}, and removes the "
        "exclusion when the policy admits the gateway's pods",
    )


def kyverno_exception(
    rule: KyvernoRule, namespace: str, labels: Mapping[str, str], whose: str = "the gateway"
) -> Action:
    """A PolicyException of Kyverno for these pods only; `whose` pods they are, for the title."""
    owner = "istiod" if whose == "istiod" else "egress-gateway"
    selected = {"kinds": ["Pod"], "namespaces": [namespace], "selector": {"matchLabels": dict(labels)}}
    manifest = {
        "apiVersion": "kyverno.io/v2",
        "kind": "PolicyException",
        "metadata": {
            "name": f"{owner}-{rule.policy}"[:63].rstrip("-."),
            "namespace": namespace,
        },
        "spec": {
            "exceptions": [{"policyName": rule.policy, "ruleNames": [rule.rule]}],
            "match": {"any": [{"resources": selected}]},
        },
    }
    return change(
        f"Create an exception from rule {rule.rule} of Kyverno policy {rule.policy} for {whose}'s pods (Kyverno must allow "
        f"exceptions in namespace {namespace})",
        kubectl_apply(manifest_yaml(manifest)),
        expect=f"the pods are created at the controller's next attempt; {_UNTIL}",
    )


_BINDING = re.compile(r"with binding '(?P<name>[^']+)'")


def exclude_in_binding(message: str, namespace: str) -> Action:
    """Exclude the namespace in the binding of a ValidatingAdmissionPolicy.

    The server-side apply of this one field conflicts, and changes nothing, if another program has set it.
    """
    found = _BINDING.search(message)
    if found is None:
        return change("Exclude the gateway's namespace from the policy's binding", url=VAP, expect=_UNTIL)
    expression = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [namespace]}
    manifest = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": found["name"]},
        "spec": {"matchResources": {"namespaceSelector": {"matchExpressions": [expression]}}},
    }
    command = kubectl_apply(manifest_yaml(manifest), "--server-side")
    return change(
        f"Exclude namespace {namespace} in ValidatingAdmissionPolicyBinding {found['name']}; the command changes nothing if "
        "another program has set its namespaceSelector",
        command,
        VAP,
        f"the pods are created at the controller's next attempt; {_UNTIL}",
    )
