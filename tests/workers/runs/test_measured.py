"""The metric of reads: each answer of a cluster is counted under its outcome."""

import pytest
from prometheus_client import REGISTRY

from checks.facts.fact import Gap
from checks.sources.recorded import RecordedSource
from checks.sources.source import Answer
from tests.clusters.compose import named
from tests.recordings import recording
from workers.runs.measured import MeasuredSource


class Refusing(RecordedSource):
    """A cluster whose version cannot be read, with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(recording(named("base")))
        self.status = status

    def server_version(self, deadline: float) -> Answer:
        del deadline
        return Gap("kubernetes", "get", "version", self.status, "refused")


def counted(outcome: str) -> float:
    labels = {"source": "kubernetes", "outcome": outcome}
    return REGISTRY.get_sample_value("egress_diag_source_calls_total", labels) or 0.0


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (0, "no_connection"),
        (401, "unauthenticated"),
        (403, "forbidden"),
        (404, "not_found"),
        (429, "throttled"),
        (500, "error"),
        (504, "timeout"),
    ],
)
def test_a_refused_read_is_counted_under_its_outcome(status: int, outcome: str) -> None:
    before = counted(outcome)
    MeasuredSource(Refusing(status)).server_version(0.0)
    assert counted(outcome) == before + 1
