"""The diagnosis of an incident, and again with some reads changed.

A check is a function of the kinds that it declares, of the gateway and of the question: the engine refuses every other
read. If none of its kinds was read differently, its result is that of the first diagnosis. All reads, the routing of
explanations and the verdict are repeated.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import monotonic

from checks.catalogue import catalogue
from checks.engine.check import Check
from checks.engine.diagnosis import Diagnosis, diagnose, needed
from checks.facts.fact import Fact, Unreadable
from checks.facts.store import FactStore
from checks.facts.view import Facts
from checks.model.findings import Observation, Report
from checks.sources.gathering import gather
from checks.sources.recorded import RecordedSource
from tests.clusters.compose import Cluster
from tests.incidents.incidents import Incident
from tests.recordings import question, recording


class Undisturbed:
    """The report of an incident, and the results of its checks before they are explained."""

    def __init__(self, incident: Incident) -> None:
        self._expect = incident.expect
        self._results: dict[str, tuple[list[Observation], Unreadable | None]] = {}
        self._store, self.report = self._diagnosed(incident.cluster, [self._kept(each) for each in catalogue()])

    def again(self, cluster: Cluster) -> Report:
        """The report of the incident if its reads return this cluster."""
        source = RecordedSource(recording(cluster))
        comparison = _Comparison(self._store, FactStore(source.now()))
        checks = [self._repeated(each, comparison) for each in catalogue()]
        return self._diagnosed(cluster, checks, comparison.store)[1]

    def _diagnosed(
        self, cluster: Cluster, checks: Sequence[Check], store: FactStore | None = None
    ) -> tuple[FactStore, Report]:
        source = RecordedSource(recording(cluster))
        store = store or FactStore(source.now())
        expect = self._expect
        wanted = question(cluster, expect["gateway"], expect.get("host"), expect.get("from"))
        *_, run = diagnose(gather(source, needed(checks), store, monotonic() + 60), store, wanted, checks)
        assert isinstance(run, Diagnosis)
        return store, run.finish(0.0)

    def _kept(self, check: Check) -> Check:
        """The check, whose results are kept."""

        def run(facts: Facts) -> Iterator[Observation]:
            found: list[Observation] = []
            end: Unreadable | None = None
            try:
                for each in check.run(facts):
                    found.append(each)
                    yield each
            except Unreadable as unread:
                end = unread
                raise
            finally:
                self._results[check.slug] = found, end

        return replace(check, run=run)

    def _repeated(self, check: Check, comparison: "_Comparison") -> Check:
        """The check, with the kept results if its facts are the same."""

        def run(facts: Facts) -> Iterator[Observation]:
            if check.slug not in self._results or not comparison.same(check):
                yield from check.run(facts)
                return
            found, end = self._results[check.slug]
            yield from found
            if end is not None:
                raise end

        return replace(check, run=run)


class _Comparison:
    """The kinds that two stores of facts have in common."""

    def __init__(self, first: FactStore, second: FactStore) -> None:
        self._first, self.store = first, second
        self._same: dict[type[Fact], bool] = {}

    def same(self, check: Check) -> bool:
        """Whether the gateway and all facts that the check may read are the same."""
        targets = self._first.targets
        return bool(targets) and targets == self.store.targets and all(map(self._is_same, check.declared))

    def _is_same(self, kind: type[Fact]) -> bool:
        if kind not in self._same:
            self._same[kind] = _read(self._first, kind) == _read(self.store, kind)
        return self._same[kind]


def _read(store: FactStore, kind: type[Fact]) -> tuple[object, ...]:
    return store.known(kind), store.gaps(kind), store.absent(kind), store.not_configured(kind)
