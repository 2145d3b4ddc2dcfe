"""Runs checks over facts as they arrive.

A check is evaluated as soon as all kinds of facts that it reads have arrived. A failed read never looks empty to a check:
the check is `unknown`, or `skipped` after a failure that makes it meaningless.
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from checks.engine.causes import explained, root_causes, verdict, warning_checks
from checks.engine.check import Check
from checks.engine.check_run import run_check
from checks.engine.collection import collection_paused
from checks.engine.command_context import findings_in_context, reasons_in_context, route_in_context
from checks.engine.completed_actions import with_recipes, with_undo
from checks.engine.counter_evidence import HOST_READS, with_counters
from checks.engine.defects import Defect, result_or_defect
from checks.engine.readings import Closed, Reading, record
from checks.engine.recent_changes import TIMELINE_READS, changes
from checks.engine.route_tracing import crashed_trace, traced_route
from checks.engine.starting import while_starting
from checks.engine.traffic_report import TRAFFIC_READS, doubted, traffic_of
from checks.engine.unmade_checks import causes_of, reasons_not_checked, without_unusable_actions
from checks.facts.egress_gateway import (
    EgressGateway,
    UnknownGateway,
    all_from_profile,
    from_cluster,
    from_profile,
    gateway_entries,
)
from checks.facts.fact import Fact, Gap
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.namespaces import Namespace
from checks.facts.pods import Pod
from checks.facts.proxy_traffic import ProxyTraffic
from checks.facts.services import Service
from checks.facts.store import FactStore
from checks.facts.view import Facts, cluster_names
from checks.facts.workloads import Deployment
from checks.istio.trace.unknown_client import MistypedClient, mistyped_client
from checks.model.findings import Change, Finding, Report, Scope, Verdict
from checks.model.question import Question
from checks.model.route import Route
from checks.model.traffic import Traffic
from checks.model.value_types import value

_Results = tuple[tuple[Finding, ...], AbstractSet[type[Fact]]]
"""The findings of a check and the kinds of facts that it read."""

TARGET_READS: tuple[type[Fact], ...] = (ManagedCluster, Deployment, Service, Pod)
"""The kinds that identify the gateway.

The mesh profile, or the cluster's objects if Azure cannot be read.
"""


@value(frozen=True, slots=True)
class Evaluated:
    """An evaluated check; its findings have no explanations yet, the report adds them."""

    check: Check
    findings: tuple[Finding, ...]


def needed(checks: Iterable[Check]) -> frozenset[type[Fact]]:
    """Every kind of fact that the checks read, and those that identify the gateway."""
    kinds = {kind for check in checks for kind in check.reads}
    if any(check.scope is not Scope.AZURE for check in checks):
        kinds.update(TARGET_READS)
    return frozenset(kinds | {ManagedCluster})


class Diagnosis:
    """The diagnosis of one gateway over a store that is being filled.

    Call `advance` after each reading, then `finish`. Raises AmbiguousGateway if the name matches several gateways."""

    def __init__(
        self, store: FactStore, question: Question, checks: Sequence[Check], target: EgressGateway | None = None
    ) -> None:
        self.store = store
        self.question = question
        self.checks = tuple(checks)
        self.target = target
        self._target_gap: Gap | None = None
        self._target_known = target is not None
        self._outside_profile = False
        """Whether the cluster has objects of the gateway, and the mesh profile does not have it."""
        self._waiting = list(self.checks)
        self._findings: dict[str, tuple[Finding, ...]] = {}
        self._stopping: list[Finding] = []
        """The findings that make other checks meaningless, in the order of evaluation."""
        self._touched: dict[str, AbstractSet[type[Fact]]] = {}
        self._of_cluster: dict[Check, _Results] = store.memo(("findings of the cluster", question.cluster), dict)

    def advance(self) -> list[Evaluated]:
        """Evaluate every check whose facts have all arrived, in the order of the codes.

        Nothing is evaluated before it is known that the gateway exists.
        """
        self.resolve_target()
        if not self.store.arrived(ManagedCluster) or self.missing_gateway() is not None:
            return []
        if self._needs_gateway and not self._target_known:
            return []
        arrived = self.store.arrived_kinds
        ready = [check for check in self._waiting if check.declared <= arrived]
        self._waiting = [check for check in self._waiting if not check.declared <= arrived]
        with collection_paused():
            return [self._evaluate(check) for check in ready]

    def finish(self, duration: float, recipes: bool = True) -> Report:
        """The report, after every kind has been closed. `duration` is in seconds.

        Without `recipes`, actions have no derived `expect`, `verify` and `undo`: a fleet check does not show them.
        """
        with collection_paused():
            return self._report(duration, recipes)

    def _report(self, duration: float, recipes: bool) -> Report:
        of_check = self._findings
        if self._stopping:
            of_check = {each.slug: self._gated(each, of_check.get(each.slug, ())) for each in self.checks}
        gated = [finding for each in self.checks for finding in of_check.get(each.slug, ())]
        traffic = self._traffic()
        findings = without_unusable_actions(explained(gated, self.checks), self.checks)
        findings = self._with_counters(doubted(findings, traffic, self.checks))
        result = verdict(findings)
        if result is Verdict.STARTING:
            findings = while_starting(findings)
        target = self.target
        if recipes:
            findings = with_recipes(findings, self.store, self.question, target, self._context)
        recent, gaps = self._changes()
        return Report(
            cluster=self.question.cluster.name,
            namespace=target.namespace if target else (self.question.namespace or ""),
            gateway=target.name if target else self.question.gateway,
            verdict=result,
            started_at=self.store.now,
            duration_seconds=round(duration, 3),
            root_causes=root_causes(findings),
            warnings=warning_checks(findings, self.checks),
            findings=findings,
            host=self.question.host,
            client=self.question.client,
            changes=recent,
            gaps=tuple(sorted({*gaps, *(str(gap) for gap in self.store.all_gaps())})),
            route=self._route(findings),
            traffic=traffic,
            not_checked=reasons_in_context(
                reasons_not_checked(findings, self._failed_reads(), self.checks), self._context
            ),
        )

    @property
    def _context(self) -> str:
        """The kubectl context of the cluster, "" if it is not known."""
        return cluster_names(self.store, self.question.cluster).context

    def _failed_reads(self) -> tuple[Gap, ...]:
        return (*self.store.all_gaps(), *([self._target_gap] if self._target_gap is not None else []))

    @property
    def target_gap(self) -> Gap | None:
        """The failed read because of which the gateway is not known."""
        return self._target_gap

    def missing_gateway(self) -> UnknownGateway | None:
        """The error that the gateway exists neither in the mesh profile nor in the cluster.

        None as long as one of the two is not read, and if the mesh is not enabled (docs/rulings.md#ruling-37).
        """
        if not self._target_known or self._target_gap is not None or (self.target and self.target.known):
            return None
        if self._outside_profile or not self._needs_gateway:
            return None
        clusters = self.store.known(ManagedCluster)
        if any(not each.has_profile or each.mesh_mode.lower() != "istio" for each in clusters):
            return None
        return unknown_gateway(self.store, self.question)

    def mistyped_client(self) -> MistypedClient | None:
        """The error that the question's client does not exist; None if that is not certain."""
        reads: frozenset[type[Fact]] = frozenset({Namespace, Pod, Deployment})
        if not self.question.client or self.target is None or not all(self.store.arrived(kind) for kind in reads):
            return None
        facts = Facts(self.store, self.target, self.question, reads)
        found = result_or_defect("client", "looking up the client", lambda: mistyped_client(facts))
        return found if isinstance(found, MistypedClient) else None

    @property
    def _needs_gateway(self) -> bool:
        return any(check.scope is Scope.GATEWAY for check in self.checks)

    def _route(self, findings: tuple[Finding, ...]) -> Route | None:
        """The route of the question's host, or one that only holds the error."""
        if not self.question.host:
            return None
        codes = {check.slug: check.code for check in self.checks}
        given = (self.store, self.question, self.target, self._target_gap, findings, codes)
        found = result_or_defect("route", "tracing the route", lambda: traced_route(*given))
        if isinstance(found, Defect):
            return crashed_trace(self.question, found)
        return route_in_context(with_undo(found, self.store), self._context) if found is not None else None

    def _traffic(self) -> Traffic | None:
        """The traffic that the proxies counted, None if that was not read."""
        facts = self._counters
        if facts is None:
            return None
        found = result_or_defect("traffic", "summarizing the traffic", lambda: traffic_of(facts))
        return Traffic("not checked", problem=str(found)) if isinstance(found, Defect) else found

    def _with_counters(self, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        """The findings with the counters that confirm them."""
        facts = self._counters
        if facts is None or not facts.configured(ProxyTraffic):
            return findings
        found = result_or_defect("traffic", "reading other counters", lambda: with_counters(findings, facts))
        return findings if isinstance(found, Defect) else found

    @property
    def _counters(self) -> Facts | None:
        """The view of the counters, None if they were not read."""
        reads = TRAFFIC_READS | HOST_READS
        if self.target is None or not self.store.arrived(*reads):
            return None
        return Facts(self.store, self.target, self.question, reads)

    def _changes(self) -> tuple[tuple[Change, ...], tuple[str, ...]]:
        """(recent changes, errors of finding them)."""
        if self.target is None:
            return (), ()
        facts = Facts(self.store, self.target, self.question, TIMELINE_READS)
        found = result_or_defect("timeline", "finding recent changes", lambda: changes(facts))
        return ((), (f"recent changes: not checked ({found})",)) if isinstance(found, Defect) else (found, ())

    def reads_of(self, slug: str) -> frozenset[type[Fact]]:
        """The kinds of facts that the check read in this run."""
        return frozenset(self._touched.get(slug, ()))

    def resolve_target(self) -> None:
        """Determine the gateway of the run, once the kinds that identify it have arrived."""
        if self._target_known or not self.store.arrived(ManagedCluster):
            return
        name, namespace = self.question.gateway, self.question.namespace
        cluster = next(iter(self.store.known(ManagedCluster)), None)
        found = from_profile(cluster, name, namespace) if cluster is not None and cluster.has_profile else None
        if found is not None and found.known:
            self.target = found
        elif all(self.store.arrived(kind) for kind in TARGET_READS):
            self.target = from_cluster(
                name,
                namespace,
                self.store.known(Service),
                self.store.known(Deployment),
                self.store.known(Pod),
            )
            gaps = [each for kind in (Service, Deployment) for each in self.store.gaps(kind) if each.covers(namespace)]
            if not self.target.known:
                # The cluster does not show the gateway: whether it exists is unknown if the cluster was not read.
                self._target_gap = next(iter(gaps), None)
                self.target = found if self._target_gap is None else None
            elif found is not None:
                self._outside_profile = True
                self.target = replace(self.target, enabled=found.enabled, known=False, from_azure=True)
        else:
            return
        self._target_known = True
        if self.target is not None:
            self.store.targets = tuple(dict.fromkeys((*self.store.targets, self.target)))

    def _evaluate(self, check: Check) -> Evaluated:
        if self._stopping and (stop := self._stopped_by(check)):
            findings: tuple[Finding, ...] = (stop,)
        else:
            findings = self._results_of(check)
        self._findings[check.slug] = findings
        for each in findings:
            if each.stops is not None:
                self._stopping.append(each)
        return Evaluated(check, findings)

    def _stopped_by(self, check: Check) -> Finding | None:
        """The finding that this check does not apply because of an earlier failure, or None."""
        for cause in self._stopping:
            if cause.stops is not None and cause.check != check.slug and check.scope.within(cause.stops):
                return check.does_not_apply(cause)
        return None

    def _gated(self, check: Check, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
        """The findings, replaced if a later failure makes the check meaningless."""
        if findings and (stop := self._stopped_by(check)):
            return (stop,)
        return findings

    def _results_of(self, check: Check) -> tuple[Finding, ...]:
        """The findings of a check.

        Those that do not depend on the gateway are computed once for the cluster.
        """
        known = self._of_cluster.get(check)
        if known is None:
            facts = Facts(self.store, self.target, self.question, check.declared, self._target_gap)
            found = run_check(check, facts)
            if [each for each in found if each.actions]:  # nearly no finding of a healthy gateway
                found = findings_in_context(found, self._context)
            known = found, facts.reads.kinds
            if not facts.reads.of_run:
                self._of_cluster[check] = known
        findings, self._touched[check.slug] = known
        return findings


def diagnose(
    readings: Iterable[Reading], store: FactStore, question: Question, checks: Sequence[Check], *, at_once: bool = False
) -> Iterator[Evaluated | Diagnosis]:
    """Run a diagnosis over readings.

    Yields each evaluated check, and last the Diagnosis to `finish`.

    With `at_once` the checks are evaluated after all reads, in the order of their codes (for recordings).
    """
    run = Diagnosis(store, question, checks)
    for reading in readings:
        record(store, reading)
        if isinstance(reading, Closed):
            if at_once:
                run.resolve_target()
            else:
                yield from run.advance()
            if run.missing_gateway() is not None:
                break
    yield from run.advance()
    yield run


def unknown_gateway(store: FactStore, question: Question) -> UnknownGateway:
    """The error about a gateway that does not exist.

    It suggests similar names of the mesh profile and the cluster, and names a profile that could not be read.
    """
    clusters = store.known(ManagedCluster)
    enabled = [str(each) for cluster in clusters for each in all_from_profile(cluster)]
    shown = dict.fromkeys([*enabled, *gateway_entries(store.known(Service))])
    unread = next(causes_of(store.gaps(ManagedCluster)), "")
    return UnknownGateway(question.gateway, question.namespace, question.nameable(shown), unread)


def evaluate(
    store: FactStore,
    question: Question,
    checks: Sequence[Check],
    target: EgressGateway | None = None,
    recipes: bool = True,
) -> Report:
    """Diagnose one gateway over a complete store, as a fleet check does for each gateway.

    `recipes` as for `Diagnosis.finish`.
    """
    run = Diagnosis(store, question, checks, target)
    run.advance()
    return run.finish(0.0, recipes)
