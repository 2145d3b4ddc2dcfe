"""Pods of one gateway share an outcome unless their address decides about it."""

from collections.abc import Iterable
from typing import Any

import pytest

from checks.facts.fact import KubernetesObject
from checks.facts.store import FactStore
from checks.istio.mesh.mesh import Mesh
from checks.istio.request import proxy_configuration
from checks.istio.request.proxy_configuration import ProxyConfigurations
from tests.bench.evaluation import gathered
from tests.bench.fleet import big_cluster
from tests.checks.istio.request.sent import arrivals, made

_PODS = ("10.244.0.5", "10.244.1.5")
"""The addresses of the two pods in the base cluster."""
_ARRIVED = "edition.cnn.com:80"


def _denied(addresses: list[str]) -> dict[str, Any]:
    rules = [{"when": [{"key": "destination.ip", "values": addresses}]}]
    return made(
        "AuthorizationPolicy",
        "by-address",
        {"action": "DENY", "rules": rules},
        namespace="team-egress",
        group="security",
    )


@pytest.mark.parametrize("address", _PODS)
def test_a_policy_about_the_address_of_one_pod_denies_half_of_the_requests(address: str) -> None:
    found = arrivals(_denied([address]), url="http://edition.cnn.com")
    assert found.pop(_ARRIVED) == 50
    assert list(found.values()) == [50]


def test_requests_through_pods_that_are_alike_all_arrive() -> None:
    assert arrivals(url="http://edition.cnn.com") == {_ARRIVED: 100}


def test_only_the_configurations_of_the_gateways_used_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of 500 gateways took 13 MiB; one that is needed again is generated again."""
    monkeypatch.setattr(proxy_configuration, "_MOST_GATEWAYS", 1)
    store = gathered(big_cluster(3, 20))
    mesh = Mesh("asm-1-30", _Stored(store))
    configurations = ProxyConfigurations(lambda _: mesh)
    pods = [store.gateway_pods(target)[0] for target in store.targets]
    first, *others = [configurations.of(mesh, pod) for pod in pods]
    assert configurations.of(mesh, pods[-1]) is others[-1]
    again = configurations.of(mesh, pods[0])
    assert first is not None
    assert again is not None
    assert again is not first
    assert again.proxy == first.proxy


class _Stored:
    def __init__(self, store: FactStore) -> None:
        self._store = store

    def __getitem__(self, kind: type[KubernetesObject], /) -> Iterable[KubernetesObject]:
        return self._store.known(kind)
