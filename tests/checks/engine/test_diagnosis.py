"""A diagnosis keeps its findings if a part of it fails.

It reports a gateway that does not exist once.
"""

import gc
from collections.abc import Iterator
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest

from checks.catalogue import catalogue
from checks.engine.diagnosis import evaluate, needed
from checks.engine.readings import record
from checks.engine.route_tracing import traced_reads
from checks.engine.selection import chosen_checks
from checks.facts.istio_networking import VirtualService
from checks.facts.store import FactStore
from checks.facts.view import Facts
from checks.model.findings import Observation, Status, Verdict, healthy
from checks.model.route import Route
from checks.sources.gathering import gather
from checks.sources.recorded import RecordedSource
from tests.clusters.compose import Manifest, compose, named
from tests.recordings import diagnosed, question, recording

BASE = named("base")


class Defective(VirtualService):
    """A VirtualService whose rules cannot be read because of a defect in the program."""

    __slots__ = ()

    @property
    def http(self) -> Any:
        raise RuntimeError("defect")


def test_a_defect_in_route_tracing_loses_no_finding() -> None:
    wanted = question(BASE, "team-egress/egw", "edition.cnn.com")
    chosen = [check for check in catalogue() if VirtualService not in check.reads]
    source = RecordedSource(recording(BASE))
    store = FactStore(source.now())
    for reading in gather(source, needed(chosen) | traced_reads(wanted), store, monotonic() + 60):
        record(store, reading)
    store.add(VirtualService, [Defective(each.raw) for each in store.known(VirtualService)])
    report = evaluate(store, wanted, chosen)
    assert {finding.check for finding in report.findings} == {check.slug for check in chosen}
    token = report.route.problem.partition("error ")[2][:8] if report.route else ""
    problem = f"Not traced: tracing crashed (error {token}, RuntimeError); the log of this run has the details."
    assert report.route == Route("edition.cnn.com", "team-egress/egw", problem, problem=problem)


@pytest.mark.parametrize(
    ("chosen", "missing"),
    [("gateway-name-invalid", True), ("gateway-not-in-profile", True), ("cluster-not-running", False)],
)
@pytest.mark.parametrize("azure", [True, False])
def test_a_gateway_of_neither_the_profile_nor_the_cluster_is_an_error(chosen: str, missing: bool, azure: bool) -> None:
    """Before, EG104 failed for it, and the gateway was called broken."""
    cluster = BASE if azure else compose(BASE, {"azure": None})
    done = diagnosed(cluster, question(cluster, "team-egress/egv"), chosen_checks(chosen, catalogue()))
    found = done.missing_gateway()
    assert (found is not None) is missing
    assert done.finish(0.0).findings == () if missing else found is None
    assert found is None or found.nearest == ("team-egress/egw",)


@pytest.mark.parametrize("name", ["team-a/web", "aks-istio-system/istiod-asm-1-30"])
def test_another_service_of_the_name_is_no_gateway(name: str) -> None:
    cluster = compose(BASE, {"azure": None})
    assert diagnosed(cluster, question(cluster, name)).missing_gateway() is not None


@pytest.mark.parametrize("resource", ["services", "deployments.apps"])
def test_a_gateway_outside_the_profile_is_not_missing_while_the_cluster_is_not_read(resource: str) -> None:
    error = {"source": "kubernetes", "resource": resource, "namespace": None, "status": 403, "message": "forbidden"}
    unread = replace(BASE, errors=(*BASE.errors, error))
    done = diagnosed(unread, question(unread, "team-egress/egv"), chosen_checks("EG104,EG301", catalogue()))
    assert done.missing_gateway() is None
    assert {finding.status for finding in done.finish(0.0).findings} == {Status.UNKNOWN}


def test_a_disabled_mesh_is_reported_before_a_missing_gateway() -> None:
    disabled = {"serviceMeshProfile": {"mode": "Disabled", "istio": None}}
    cluster = compose(BASE, {"azure": {"managed_cluster": {"properties": disabled}}, "remove": ["* team-egress/*"]})
    done = diagnosed(cluster, question(cluster, "team-egress/egw"))
    assert done.missing_gateway() is None
    assert done.finish(0.0).root_causes == ("istio-addon-disabled",)


def test_the_duration_of_a_run_is_reported_in_milliseconds() -> None:
    done = diagnosed(BASE, question(BASE, "team-egress/egw"), chosen_checks("gateway-name-invalid", catalogue()))
    assert done.finish(1.23456).duration_seconds == 1.235


PROFILE = {"source": "azure", "resource": "managedClusters", "namespace": None, "status": 403, "message": "forbidden"}
SERVICES = {"source": "kubernetes", "resource": "services", "namespace": None, "status": 403, "message": "forbidden"}


@pytest.mark.parametrize("errors", [(SERVICES,), (PROFILE, SERVICES)], ids=["cluster", "cluster and profile"])
def test_a_gateway_is_not_reported_as_missing_if_the_cluster_could_not_be_read(errors: tuple[Manifest, ...]) -> None:
    unread = replace(BASE, errors=(*BASE.errors, *errors))
    done = diagnosed(unread, question(unread, "team-egress/absent"), chosen_checks("gateway-name-invalid", catalogue()))
    assert done.missing_gateway() is None
    assert {finding.status for finding in done.finish(0.0).findings} == {Status.UNKNOWN}
    assert done.target_gap is not None
    assert done.target_gap.resource == "services", "Azure is not blamed for a cluster that cannot be read"


def test_a_name_that_the_cluster_does_not_have_is_not_blamed_on_azure() -> None:
    """docs/rulings.md#ruling-37."""
    unread = replace(BASE, errors=(*BASE.errors, PROFILE))
    done = diagnosed(unread, question(unread, "team-egress/eqw"), chosen_checks("gateway-name-invalid", catalogue()))
    missing = done.missing_gateway()
    assert missing is not None
    assert missing.nearest == ("team-egress/egw",)
    assert missing.unread.startswith("The identity of the diagnosis has no permission to read managedClusters")


def test_garbage_is_not_collected_while_checks_are_evaluated() -> None:
    """Collections that freed nothing took most of the time of a question about a large cluster."""
    collecting: list[bool] = []

    def observed(facts: Facts) -> Iterator[Observation]:
        collecting.append(gc.isenabled())
        yield healthy("Passed.")

    chosen = chosen_checks("gateway-name-invalid", catalogue())
    source = RecordedSource(recording(BASE))
    store = FactStore(source.now())
    for reading in gather(source, needed(chosen), store, monotonic() + 60):
        record(store, reading)
    report = evaluate(store, question(BASE, "team-egress/egw"), [replace(each, run=observed) for each in chosen])
    assert (report.verdict, collecting) == (Verdict.HEALTHY, [False])
    assert gc.isenabled()
