"""The limits of EG105, with clusters that would be too long as scenario files."""

import pytest

from checks.catalogue.prerequisites.too_many_gateways import too_many_gateways
from checks.model.findings import Severity, Status
from tests.clusters.compose import Manifest, compose, named
from tests.recordings import diagnosed, question


def result_with(entries: list[Manifest]) -> tuple[Status, Severity]:
    istio = {"components": {"egressGateways": entries}}
    patch = {"azure": {"managed_cluster": {"properties": {"serviceMeshProfile": {"istio": istio}}}}}
    cluster = compose(named("base"), patch)
    (finding,) = diagnosed(cluster, question(cluster, "team-egress/egw"), [too_many_gateways]).finish(0.0).findings
    return finding.status, finding.severity


@pytest.mark.parametrize(
    ("count", "status", "severity"),
    [
        (449, Status.PASS, Severity.BLOCKS),
        (450, Status.WARN, Severity.RISKS),
        (500, Status.WARN, Severity.RISKS),
        (501, Status.FAIL, Severity.BLOCKS),
    ],
)
def test_a_cluster_can_have_500_gateways(count: int, status: Status, severity: Severity) -> None:
    assert result_with([{"enabled": True, "name": f"g{n}"} for n in range(count)]) == (status, severity)


def test_disabled_gateways_do_not_count() -> None:
    entries = [{"enabled": n < 449, "name": f"g{n}"} for n in range(600)]
    assert result_with(entries) == (Status.PASS, Severity.BLOCKS)
