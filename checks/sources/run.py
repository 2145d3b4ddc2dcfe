"""One diagnosis over one source, from the first read to the report: what the command line and the worker both call."""

from collections.abc import Iterator, Sequence
from time import monotonic

from checks.check import Check
from checks.diagnose import Diagnosis, Evaluated, diagnose, needed
from checks.facts.store import FactStore
from checks.facts.view import Question
from checks.findings import Report
from checks.sources.base import Source, gather
from checks.sources.recorded import RecordedSource


def run(source: Source, question: Question, checks: Sequence[Check], timeout: float) -> Iterator[Evaluated | Report]:
    """Each check as it is evaluated, at last the report. `timeout` in seconds ends the run with what it has by then.
    Raises AmbiguousGateway when the gateway's name lies in several namespaces."""
    began = monotonic()
    store = FactStore(source.now())
    readings = gather(source, needed(checks), store, began + timeout)
    for step in diagnose(readings, store, question, checks, at_once=isinstance(source, RecordedSource)):
        match step:
            case Evaluated():
                yield step
            case Diagnosis():
                yield step.finish(monotonic() - began)
