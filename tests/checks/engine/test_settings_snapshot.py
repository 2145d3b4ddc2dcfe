"""The settings of a gateway that a run records.

A setting is left out if it was not read or is not set.
"""

from dataclasses import replace
from typing import Any

import pytest

from checks.engine.settings_snapshot import snapshot
from tests.clusters.compose import Cluster, compose, named
from tests.recordings import diagnosed, question

ISTIO = {
    "DestinationRule team-egress/egressgateway-for-cnn metadata.generation": "1",
    "Gateway team-egress/istio-egressgateway metadata.generation": "1",
    "ServiceEntry team-egress/cnn metadata.generation": "1",
    "VirtualService team-egress/direct-cnn-through-egress-gateway metadata.generation": "1",
}
CONFIGURATION = {
    "StaticGatewayConfiguration team-egress/sgc spec.defaultRoute": "staticEgressGateway",
    "StaticGatewayConfiguration team-egress/sgc spec.excludeCidrs": '["10.0.0.0/8"]',
    "StaticGatewayConfiguration team-egress/sgc spec.gatewayNodepoolName": "gwpool",
    "StaticGatewayConfiguration team-egress/sgc spec.provisionPublicIps": "true",
    "StaticGatewayConfiguration team-egress/sgc status.egressIpPrefix": "20.50.60.0/30",
}
PROFILE = "serviceMeshProfile.istio"
CLUSTER = {
    "managed cluster aks1 currentKubernetesVersion": "1.34.2",
    f"managed cluster aks1 {PROFILE}.components.egressGateways[team-egress/egw].gatewayConfigurationName": "sgc",
    f"managed cluster aks1 {PROFILE}.revisions": "asm-1-30",
}
POOL = {"node pool gwpool count": "2", "node pool gwpool gatewayProfile.publicIPPrefixSize": "30"}


def settings(cluster: Cluster) -> dict[str, str]:
    run = diagnosed(cluster, question(cluster, "team-egress/egw"))
    assert run.target is not None
    return {f"{each.resource} {each.field}": each.observed for each in snapshot(run.store, run.target)}


def refused(source: str, resource: str) -> Cluster:
    error = {"source": source, "resource": resource, "namespace": None, "status": 403, "message": "forbidden"}
    return compose(named("base"), {"errors": [error]})


def test_the_settings_of_a_healthy_gateway() -> None:
    assert settings(named("base")) == {**ISTIO, **CONFIGURATION, **CLUSTER, **POOL}


@pytest.mark.parametrize(
    ("cluster", "left"),
    [
        (refused("azure", "agentPools"), {**ISTIO, **CONFIGURATION, **CLUSTER}),
        (refused("azure", "*"), {**ISTIO, **CONFIGURATION}),
        (refused("kubernetes", "staticgatewayconfigurations.egressgateway.kubernetes.azure.com"), {**ISTIO, **CLUSTER}),
    ],
    ids=["node pools", "Azure", "StaticGatewayConfigurations"],
)
def test_a_setting_that_was_not_read_is_absent(cluster: Cluster, left: dict[str, str]) -> None:
    """A failed read must not look like a change of the setting."""
    assert settings(cluster) == left


@pytest.mark.parametrize(
    ("pool", "left"),
    [
        ({"name": "gwpool", "count": 3, "gatewayProfile": None}, {"node pool gwpool count": "3"}),
        (
            {"name": "GwPool", "count": None, "gatewayProfile": {"publicIPPrefixSize": 28}},
            {"node pool GwPool gatewayProfile.publicIPPrefixSize": "28"},
        ),
    ],
    ids=["without a prefix size", "without a count, its name in other case"],
)
def test_a_setting_of_the_node_pool_that_is_not_set_is_absent(pool: dict[str, Any], left: dict[str, str]) -> None:
    cluster = replace(named("base"), agent_pools=(pool,))
    assert settings(cluster) == {**ISTIO, **CONFIGURATION, **CLUSTER, **left}
