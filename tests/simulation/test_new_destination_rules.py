"""A printed DestinationRule that originates TLS at the gateway does not apply at sidecars.

There it would wrap the TLS of applications that call `https://` themselves.

The router compares these requests before and after.
"""

import pytest

from checks.facts.istio_networking import DestinationRule
from checks.model.question import Question
from tests.clusters.bundles import Cluster, Manifest
from tests.clusters.compose import compose
from tests.incidents.incidents import incidents
from tests.recordings import diagnosed, question
from tests.simulation.cluster_copy import ClusterCopy
from tests.simulation.execution import executed

_PROXY = {
    "name": "istio-proxy",
    "image": "mcr.microsoft.com/oss/v2/istio/proxyv2:v1.30.2-1",
    "args": ["proxy", "sidecar"],
}
BATCH: Manifest = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "batch-1",
        "namespace": "team-egress",
        "labels": {"app": "batch", "istio.io/rev": "asm-1-30"},
    },
    "spec": {"containers": [{"name": "batch", "image": "ghcr.io/example/batch:1"}, _PROXY]},
    "status": {"phase": "Running", "podIP": "10.244.3.77", "conditions": [{"type": "Ready", "status": "True"}]},
}


def _cluster(*more: Manifest) -> Cluster:
    found = next(each for each in incidents() if each.name == "040-no-origination").cluster
    return compose(found, {"add": list(more)}) if more else found


def _outcomes(cluster: Cluster, wanted: Question) -> list[tuple[str, str, str]]:
    route = diagnosed(cluster, wanted).finish(0.0).route
    assert route is not None
    return [(each.scheme, each.outcome.value, each.answer) for each in route.requests]


@pytest.mark.parametrize(
    ("client", "more", "selector"),
    [("team-a/web", (), {}), ("team-egress/batch-1", (BATCH,), {"istio": "egw"})],
)
def test_requests_with_the_tls_of_applications_stay_as_they_are(
    client: str, more: tuple[Manifest, ...], selector: dict[str, str]
) -> None:
    cluster = _cluster(*more)
    found = executed(cluster, question(cluster, "team-egress/egw"))
    assert found.fixed
    secured = question(cluster, "team-egress/egw", "https://edition.cnn.com", client)
    assert _outcomes(found.cluster, secured) == _outcomes(cluster, secured)
    facts = ClusterCopy(found.cluster).facts()
    rule = facts.by_key(DestinationRule, "team-egress", "originate-tls-for-edition-cnn-com")
    assert rule is not None
    assert rule.export_to == (".",)
    assert rule.workload_selector == selector
