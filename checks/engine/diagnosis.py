"""Runs checks over facts as they arrive. Pure: it is handed readings and gives findings; sources and clocks are outside.

A check is evaluated as soon as the last fact that it reads has arrived. A check never sees a read that failed as empty:
it is `unknown`, or `skipped` where a more fundamental failure leaves nothing to look at.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from checks.engine.arrivals import Closed, Reading, record
from checks.engine.causes import explained, root_causes, verdict
from checks.engine.check import Check
from checks.engine.recent_changes import TIMELINE_READS, changes
from checks.engine.route_tracing import traced_route, untraceable
from checks.facts.egress_gateway import (
    EgressGateway,
    UnknownGateway,
    all_from_profile,
    from_cluster,
    from_profile,
    gateway_entries,
)
from checks.facts.fact import Fact, Gap, Unreadable
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.pods import Pod
from checks.facts.services import Service
from checks.facts.store import FactStore
from checks.facts.view import Facts
from checks.facts.workloads import Deployment
from checks.model.findings import Change, Finding, Observation, Report, Scope, Status
from checks.model.question import Question
from checks.model.route import Route

log = logging.getLogger(__name__)

TARGET_READS: tuple[type[Fact], ...] = (ManagedCluster, Deployment, Service, Pod)
"""What tells which gateway a run is about: the profile, or where Azure cannot be read the cluster's own objects."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A check has been evaluated; explanations follow with the report."""

    check: Check
    findings: tuple[Finding, ...]


def needed(checks: Iterable[Check]) -> frozenset[type[Fact]]:
    """Every kind of fact that these checks need read, with what tells the gateway."""
    kinds = {kind for check in checks for kind in check.reads}
    if any(check.scope is not Scope.AZURE for check in checks):
        kinds.update(TARGET_READS)
    return frozenset(kinds | {ManagedCluster})


class Diagnosis:
    """One gateway's diagnosis over a store that is being filled. Feed it with `advance` after each reading, then
    `finish`; both give the checks evaluated by that. Raises AmbiguousGateway when the name fits several gateways."""

    def __init__(
        self, store: FactStore, question: Question, checks: Sequence[Check], target: EgressGateway | None = None
    ) -> None:
        self.store = store
        self.question = question
        self.checks = tuple(checks)
        self.target = target
        self._target_gap: Gap | None = None
        self._target_known = target is not None
        self._waiting = list(self.checks)
        self._findings: dict[str, tuple[Finding, ...]] = {}
        self._touched: dict[str, frozenset[type[Fact]]] = {}

    def advance(self) -> list[Evaluated]:
        """Evaluates every check whose facts have all arrived, in catalogue order."""
        self.resolve_target()
        if not self.store.arrived(ManagedCluster):
            return []
        ready: list[Check] = []
        waiting: list[Check] = []
        for check in self._waiting:
            (ready if self._is_ready(check) else waiting).append(check)
        self._waiting = waiting
        return [self._evaluate(check) for check in ready]

    def finish(self, duration: float) -> Report:
        """The report, once every kind has been closed. `duration` is in seconds."""
        gated = [f for c in self.checks for f in self._gated(c, self._findings.get(c.slug, ()))]
        findings = explained(gated, self.checks)
        target = self.target
        recent, gaps = self._changes()
        return Report(
            cluster=self.question.cluster.name,
            namespace=target.namespace if target else (self.question.namespace or ""),
            gateway=self.question.gateway,
            verdict=verdict(findings),
            started_at=self.store.now,
            duration_seconds=round(duration, 3),
            root_causes=root_causes(findings),
            findings=findings,
            host=self.question.host,
            client=self.question.client,
            changes=recent,
            gaps=tuple(sorted({*gaps, *(str(gap) for gap in self.store.all_gaps())})),
            route=self._route(findings),
        )

    def missing_gateway(self) -> UnknownGateway | None:
        """That there is no such gateway, where none of the checks that were chosen would tell it (EG104 does)."""
        chosen = {check.slug for check in self.checks}
        if not self._target_known or self._target_gap is not None or "gateway-not-in-profile" in chosen:
            return None
        if all(check.scope is not Scope.GATEWAY for check in self.checks) or (self.target and self.target.known):
            return None
        clusters = self.store.known(ManagedCluster)
        if any(not cluster.has_profile for cluster in clusters):
            return None
        shown = [str(each) for cluster in clusters for each in all_from_profile(cluster)]
        shown = shown or list(gateway_entries(self.store.known(Service)))
        return UnknownGateway(self.question.gateway, self.question.namespace, shown)

    def _route(self, findings: tuple[Finding, ...]) -> Route | None:
        """The route of the host that was asked about; a sentence in its place where tracing it failed."""
        try:
            return traced_route(self.store, self.question, self.target, self._target_gap, findings)
        except Exception as error:  # the engine's own place: a report without a route is still a report
            token = _token("route", error)
            log.exception("tracing the route failed, error %s", token)
            return untraceable(self.question, token, type(error).__name__)

    def _changes(self) -> tuple[tuple[Change, ...], tuple[str, ...]]:
        """The recent changes, from what has been read; a sentence in their place where telling them failed."""
        if self.target is None:
            return (), ()
        facts = Facts(self.store, self.target, self.question, TIMELINE_READS)
        try:
            return changes(facts), ()
        except Exception as error:  # the engine's own place: a report without a timeline is still a report
            token = _token("timeline", error)
            log.exception("the timeline failed, error %s", token)
            return (), (f"recent changes: could not be told (error {token}, {type(error).__name__})",)

    def reads_of(self, slug: str) -> frozenset[type[Fact]]:
        """The kinds that the check really asked for in this run."""
        return self._touched.get(slug, frozenset())

    def _is_ready(self, check: Check) -> bool:
        if check.scope is Scope.GATEWAY and not self._target_known:
            return False
        return all(self.store.arrived(kind) for kind in check.reads)

    def resolve_target(self) -> None:
        """Finds out which gateway the run is about, as soon as what has been read tells it."""
        if self._target_known or not self.store.arrived(ManagedCluster):
            return
        name, namespace = self.question.gateway, self.question.namespace
        cluster = next(iter(self.store.known(ManagedCluster)), None)
        if cluster is not None and cluster.has_profile:
            self.target = from_profile(cluster, name, namespace)
        elif all(self.store.arrived(kind) for kind in TARGET_READS):
            gaps = [*self.store.gaps(Service), *self.store.gaps(Deployment)]
            self.target = from_cluster(
                name,
                namespace,
                self.store.known(Service),
                self.store.known(Deployment),
                self.store.known(Pod),
            )
            if not self.target.known:
                # Neither half shows the gateway, and one of them could not be read: which one it is stays unknown.
                self.target = None
                self._target_gap = next(iter([*self.store.gaps(ManagedCluster), *gaps]), None)
        else:
            return
        self._target_known = True
        if self.target is not None:
            self.store.targets = tuple(dict.fromkeys((*self.store.targets, self.target)))

    def _evaluate(self, check: Check) -> Evaluated:
        if stop := self._stopped_by(check):
            findings: tuple[Finding, ...] = (stop,)
        else:
            findings = tuple(self._run(check))
        self._findings[check.slug] = findings
        return Evaluated(check, findings)

    def _stopped_by(self, check: Check) -> Finding | None:
        """A skipped finding where an earlier failure leaves this check nothing to look at."""
        for findings in self._findings.values():
            for cause in findings:
                if cause.stops is not None and cause.check != check.slug and check.scope.within(cause.stops):
                    return check.leaves_to(cause)
        return None

    def _gated(self, check: Check, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        """Findings made before the failure that leaves nothing to look at was known give way to it."""
        if findings and (stop := self._stopped_by(check)):
            return (stop,)
        return findings

    def _run(self, check: Check) -> Iterator[Finding]:
        facts = Facts(self.store, self.target, self.question, frozenset(check.reads), self._target_gap)
        found: list[Finding] = []
        try:
            for observation in check.run(facts):
                found.append(check.says(observation))  # noqa: PERF401 - what was found before a gap must stand
        except Unreadable as gap:
            # What was found before the gap stands; a pass does not, since the rest could not be looked at.
            found = [f for f in found if f.status in (Status.FAIL, Status.WARN, Status.UNKNOWN)]
            found.append(check.could_not(gap.gap))
        except Exception as error:  # noqa: BLE001 - the engine's own place: a crashed check is unknown, hides no other
            found = [f for f in found if f.status in (Status.FAIL, Status.WARN, Status.UNKNOWN)]
            found.append(check.says(self._crashed(check, error)))
        self._touched[check.slug] = frozenset(facts.touched)
        if not found:
            found.append(check.says(Observation(Status.UNKNOWN, "The check said nothing: a defect of the check.")))
        serious = [f for f in found if f.status is not Status.PASS]
        yield from serious if any(f.status is not Status.SKIPPED for f in serious) else found

    def _crashed(self, check: Check, error: Exception) -> Observation:
        token = _token(check.code, error)
        log.error("check %s crashed, error %s", check.slug, token, exc_info=error)
        return Observation(
            Status.UNKNOWN,
            f"The check itself failed (error {token}, {type(error).__name__}); the log of this run has the details.",
        )


def _token(where: str, error: Exception) -> str:
    """What a reader of the report can look for in the log."""
    return hashlib.sha256(f"{where} {type(error).__name__} {error}".encode()).hexdigest()[:8]


def diagnose(
    readings: Iterable[Reading], store: FactStore, question: Question, checks: Sequence[Check], *, at_once: bool = False
) -> Iterator[Evaluated | Diagnosis]:
    """Drives one diagnosis over readings as they come: each evaluated check, at last the Diagnosis to `finish`.
    `at_once` evaluates only when all has been read, in catalogue order: for recordings, where nothing is waited for."""
    run = Diagnosis(store, question, checks)
    for reading in readings:
        record(store, reading)
        if isinstance(reading, Closed):
            if at_once:
                run.resolve_target()
            else:
                yield from run.advance()
    yield from run.advance()
    yield run


def evaluate(
    store: FactStore, question: Question, checks: Sequence[Check], target: EgressGateway | None = None
) -> Report:
    """Diagnoses one gateway over a store that has been gathered whole (a sweep does this for each)."""
    run = Diagnosis(store, question, checks, target)
    run.advance()
    return run.finish(0.0)
