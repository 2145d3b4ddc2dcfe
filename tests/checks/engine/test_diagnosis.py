"""A diagnosis keeps its findings if a part of it fails.

It reports a gateway that does not exist once.
"""

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
from checks.model.findings import Status
from checks.model.route import Route
from checks.sources.gathering import gather
from checks.sources.recorded import RecordedSource
from tests.clusters.compose import named
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
    ("chosen", "reported"),
    [
        ("gateway-name-invalid", True),
        ("gateway-name-invalid,gateway-not-in-profile", False),
        ("cluster-not-running", False),
    ],
)
def test_an_unknown_gateway_is_an_error_unless_a_check_reports_it(chosen: str, reported: bool) -> None:
    done = diagnosed(BASE, question(BASE, "team-egress/absent"), chosen_checks(chosen, catalogue()))
    assert (done.missing_gateway() is not None) is reported


def test_the_duration_of_a_run_is_reported_in_milliseconds() -> None:
    done = diagnosed(BASE, question(BASE, "team-egress/egw"), chosen_checks("gateway-name-invalid", catalogue()))
    assert done.finish(1.23456).duration_seconds == 1.235


def test_a_gateway_that_could_not_be_read_is_not_reported_as_missing() -> None:
    error = {"source": "azure", "resource": "managedClusters", "namespace": None, "status": 403, "message": "forbidden"}
    unread = replace(BASE, errors=(*BASE.errors, error))
    done = diagnosed(unread, question(unread, "team-egress/absent"), chosen_checks("gateway-name-invalid", catalogue()))
    assert done.missing_gateway() is None
    assert {finding.status for finding in done.finish(0.0).findings} == {Status.UNKNOWN}
