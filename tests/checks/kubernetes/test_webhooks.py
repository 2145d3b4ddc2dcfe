"""Matching of a webhook by rules, operations, scope and selectors.

Source: docs/domain/algorithms.md#webhook-matching.
"""

from typing import Any

import pytest

from checks.facts.admission_webhooks import Webhook
from checks.kubernetes.webhooks import DEPLOYMENTS, ISTIO, PODS, SERVICES, Resource, applies, covers

POD = {"app": "egw", "istio": "egw"}
NAMESPACE = {"kubernetes.io/metadata.name": "team-egress", "team": "egress"}


def hook(**raw: Any) -> Webhook:
    return Webhook({"name": "a.example.com", **raw})


def rule(**raw: Any) -> dict[str, Any]:
    base = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"], "scope": "*"}
    return {**base, **raw}


@pytest.mark.parametrize(
    ("given", "resource", "expected"),
    [
        (rule(), PODS, True),
        (rule(), SERVICES, False),
        (rule(), DEPLOYMENTS, False),
        (rule(apiGroups=["*"], resources=["*"]), DEPLOYMENTS, True),
        (rule(apiGroups=["apps"], resources=["*/*"], operations=["*"]), DEPLOYMENTS, True),
        (rule(resources=["pods/exec", "pods/status"]), PODS, False),
        (rule(operations=["DELETE", "CONNECT"]), PODS, False),
        (rule(operations=["UPDATE"]), PODS, True),
        (rule(scope="Cluster"), PODS, False),
        (rule(scope="Namespaced"), PODS, True),
        (rule(operations=None), PODS, False),
        (rule(apiGroups=["networking.istio.io"], resources=["gateways"]), ISTIO, True),
        (rule(apiGroups=["apps"], apiVersions=["v1beta1"], resources=["deployments"]), DEPLOYMENTS, True),
    ],
)
def test_a_rule_covers_the_kinds_that_it_names(given: dict[str, Any], resource: Resource, expected: bool) -> None:
    assert covers(hook(rules=[given]), resource) is expected


def test_an_exact_match_policy_does_not_match_other_versions() -> None:
    given = rule(apiGroups=["apps"], apiVersions=["v1beta1"], resources=["deployments"])
    assert not covers(hook(rules=[given], matchPolicy="Exact"), DEPLOYMENTS)


def test_a_webhook_without_rules_matches_nothing() -> None:
    assert not covers(hook(rules=None), PODS)


@pytest.mark.parametrize(
    ("namespace", "labels", "expected"),
    [
        (None, None, True),
        ({}, {}, True),
        ({"matchLabels": {"team": "egress"}}, None, True),
        ({"matchLabels": {"team": "a"}}, None, False),
        ({"matchExpressions": [{"key": "control-plane", "operator": "DoesNotExist"}]}, None, True),
        (
            {
                "matchExpressions": [
                    {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["team-egress"]}
                ]
            },
            None,
            False,
        ),
        (None, {"matchLabels": {"istio": "egw"}}, True),
        (None, {"matchExpressions": [{"key": "istio", "operator": "Exists"}]}, True),
        (None, {"matchExpressions": [{"key": "istio", "operator": "In", "values": ["other"]}]}, False),
        ({"matchLabels": {"team": "egress"}}, {"matchLabels": {"vault": "true"}}, False),
    ],
)
def test_both_selectors_must_match_the_object(namespace: Any, labels: Any, expected: bool) -> None:
    assert applies(hook(namespaceSelector=namespace, objectSelector=labels), NAMESPACE, POD) is expected
