"""The predicted refusals are those of istiod's own validation."""

from typing import Any

import pytest

from checks.facts.fact import KubernetesObject
from checks.facts.istio_networking import DestinationRule, Gateway, ServiceEntry, Sidecar, VirtualService
from checks.facts.istio_policies import AuthorizationPolicy, PeerAuthentication
from checks.facts.kubernetes_kinds import listed_kind
from checks.istio.validation.webhook import webhook_answer
from tests.checks.istio.validation.record import recorded
from tests.clusters.compose import named, names

_ENUM = "for enum"
"""A value that the schema of the kind does not have.

The router reports such a value as not known.
"""


def predicted(manifest: Any) -> str:
    kind = listed_kind(manifest["apiVersion"], manifest["kind"])
    assert kind is not None
    return webhook_answer(kind, manifest)


def test_no_object_that_istiod_accepts_is_refused() -> None:
    wrong = [(each["spec"], predicted(each)) for each, istiod in recorded() if not istiod and predicted(each)]
    assert wrong == []


def test_nearly_every_refusal_of_istiod_is_predicted() -> None:
    refused = [each for each, istiod in recorded() if istiod and _ENUM not in istiod]
    missed = [each["spec"] for each in refused if not predicted(each)]
    assert len(refused) > 500
    assert len(missed) <= len(refused) / 50, missed


def test_the_objects_of_the_test_clusters_are_accepted() -> None:
    for name in names():
        for each in named(name).objects:
            kind = listed_kind(each["apiVersion"], each["kind"])
            assert kind is None or not webhook_answer(kind, each), each["metadata"]


RULE: dict[str, Any] = {"destination": {"host": "a.example", "port": {"number": 80}}}


@pytest.mark.parametrize(
    ("kind", "spec", "flaw"),
    [
        (Gateway, {"servers": []}, "spec.servers is empty"),
        (
            Gateway,
            {"servers": [{"hosts": ["a.example"], "port": {"number": 443, "name": "tls", "protocol": "TLS"}}]},
            "spec.servers[0]: protocol TLS needs tls",
        ),
        (
            VirtualService,
            {"hosts": ["*"], "http": [{"route": [RULE]}]},
            "* is only for rules that are bound to a Gateway",
        ),
        (VirtualService, {"hosts": ["a.example"]}, "spec has neither http nor tls nor tcp"),
        (
            VirtualService,
            {"hosts": ["a.example"], "http": [{"route": [RULE]}], "exportTo": [".", "shop"]},
            "exportTo has shop twice",
        ),
        (
            VirtualService,
            {"hosts": ["a.example"], "tls": [{"match": [{"sniHosts": ["b.example"]}], "route": [RULE]}]},
            "sniHosts b.example is none of spec.hosts",
        ),
        (
            DestinationRule,
            {"host": "a.example", "trafficPolicy": {"tls": {"mode": "MUTUAL"}}},
            "tls.mode MUTUAL needs clientCertificate",
        ),
        (ServiceEntry, {"hosts": ["*"], "resolution": "DNS"}, "spec.hosts: * is not allowed"),
        (
            ServiceEntry,
            {"hosts": ["*.example.com"], "resolution": "DNS"},
            "resolution DNS without endpoints has host *.example.com, which cannot be resolved",
        ),
        (Sidecar, {"egress": [{"hosts": ["a.example"]}]}, "'a.example' is not of the form NAMESPACE/HOST"),
        (AuthorizationPolicy, {"action": "DENY"}, "action DENY has no rules"),
        (PeerAuthentication, {"portLevelMtls": {"80": {"mode": "DISABLE"}}}, "portLevelMtls needs a selector"),
    ],
)
def test_the_reason_names_the_field(kind: type[KubernetesObject], spec: Any, flaw: str) -> None:
    assert flaw in webhook_answer(kind, {"metadata": {"name": "a", "namespace": "shop"}, "spec": spec})
