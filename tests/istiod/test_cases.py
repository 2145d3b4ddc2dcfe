"""Meshes in which a product and istiod once differed have the route and findings of istiod."""

import copy
import re
from collections.abc import Iterable
from dataclasses import replace

import pytest

from checks.model.findings import Stage, Status
from tests.clusters.compose import Cluster
from tests.istiod.asking import Json
from tests.istiod.meshes.draft import healthy
from tests.istiod.recorded import Configured, cases, configured
from tests.istiod.router import RoutedProduct
from tests.recordings import diagnosed, question
from tests.sources import ROOT

CASES = tuple(cases())
# The given outcome is that of https://; for http:// the older ServiceEntry opens port 80, and the request bypasses.
_OTHER_OUTCOMES = {"08-older-foreign-entry-at-sidecar": "bypasses"}
_NOT_RECORDED = frozenset({"istiod-unhealthy"})
"""Checks of objects that a recorded mesh does not have."""


def cluster_of(objects: Iterable[Json], gateway: str) -> Cluster:
    """The healthy cluster with these objects, and with the gateway in its profile."""
    base, kept = healthy(), tuple(objects)
    namespace, _, name = gateway.partition("/")
    managed = copy.deepcopy(base.managed_cluster)
    assert managed is not None
    profile = managed["properties"]["serviceMeshProfile"]["istio"]
    profile["revisions"] = ["asm-1-30"]
    profile["components"]["egressGateways"] = [
        {"enabled": True, "name": name, "namespace": namespace, "gatewayConfigurationName": name}
    ]
    static = next(each for each in base.objects if each["kind"] == "StaticGatewayConfiguration")
    own = {**static, "metadata": {**static["metadata"], "name": name, "namespace": namespace}}
    return replace(base, objects=(*kept, own), managed_cluster=managed)


@pytest.mark.parametrize("mesh", CASES, ids=lambda mesh: mesh.identity)
def test_the_diagnosis_agrees_with_istiod(mesh: Configured) -> None:
    for wanted, expected in zip(mesh.questions, mesh.expected, strict=True):
        cluster = cluster_of(mesh.objects, wanted.gateway)
        report = diagnosed(cluster, question(cluster, wanted.gateway, wanted.url, wanted.client)).finish(0.0)
        assert report.route is not None
        outcome = _OTHER_OUTCOMES.get(mesh.identity, expected["outcome"])
        assert report.route.outcome.value == outcome, wanted.url
        failing = {each.check for each in report.findings if each.status is Status.FAIL and each.stage is Stage.ISTIO}
        assert bool(failing - _NOT_RECORDED) is (outcome != "through"), failing


def test_the_router_agrees_with_the_recorded_configurations() -> None:
    for mesh in configured():
        product = RoutedProduct(replace(healthy(), objects=tuple(mesh.objects)), mesh.questions[0].gateway)
        for wanted, expected in zip(mesh.questions, mesh.expected, strict=True):
            assert product.resolve(wanted).outcome in (expected["outcome"], "unknown"), (mesh.identity, wanted.url)


def test_the_cases_that_the_domain_reference_cites_are_recorded() -> None:
    page = (ROOT / "docs/domain/istiod-behaviour.md").read_text(encoding="utf-8")
    cited = set(re.findall(r"`(\d\d-[a-z][a-z0-9-]+)`", page))
    assert len(cited) > 30
    assert cited <= {mesh.identity for mesh in CASES}
