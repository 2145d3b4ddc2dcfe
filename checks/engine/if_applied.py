"""The diagnosis of a gateway now and after a proposed change, and the differences."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from checks.engine.check import Check
from checks.engine.diagnosis import Diagnosis
from checks.engine.settings_snapshot import snapshot
from checks.facts.egress_gateway import EgressGateway
from checks.facts.fact import Fact
from checks.facts.laying import Laid, LaidObject, Laying, NotKnown, laid_proposal
from checks.facts.proposal import NotJudged, Proposal
from checks.facts.store import FactStore
from checks.facts.view import Facts
from checks.istio.trace.changed_routes import ComparedRoutes, compared_routes
from checks.istio.trace.trace import TRACE_READS
from checks.istio.validation.webhook import webhook_answer
from checks.model.findings import Finding, Report, Status, Verdict
from checks.model.question import Question
from checks.model.route_changes import RouteChange

ROUTE_READS: frozenset[type[Fact]] = frozenset(TRACE_READS)
"""The kinds that the comparison of routes reads."""

_SHOWN = (Status.FAIL, Status.WARN, Status.UNKNOWN)


class FindingEffect(StrEnum):
    """How a finding differs after a proposed change."""

    APPEARS = "appears"
    GOES = "goes"
    CHANGES = "changes"
    NOT_CHECKED = "not checked"
    """The check is made now, and not after the change."""
    DOES_NOT_APPLY = "does not apply"
    """The check no longer applies, because of another fault or because its subject is gone."""


@dataclass(frozen=True, slots=True)
class FindingChange:
    """A failure, warning or check not made that differs.

    One of the two findings is None if there is none.
    """

    effect: FindingEffect
    now: Finding | None
    then: Finding | None

    @property
    def shown(self) -> Finding:
        """The finding after the change, or the one that goes."""
        found = self.then or self.now
        if found is None:
            raise ValueError("neither state has the finding")
        return found


@dataclass(frozen=True, slots=True)
class ProposedState:
    """The facts with a proposal laid over them, and the manifests that are not judged."""

    laid: Laid
    not_judged: tuple[NotJudged, ...] = ()


@dataclass(frozen=True, slots=True)
class IfApplied:
    """The reports of one gateway now and if a proposal were applied, with the differences."""

    now: Report
    then: Report
    objects: tuple[LaidObject, ...]
    not_judged: tuple[NotJudged, ...]
    findings: tuple[FindingChange, ...]
    routes: tuple[RouteChange, ...]
    compared: int
    """The number of requests whose routes were compared."""
    not_known: tuple[NotKnown, ...]

    @property
    def lost(self) -> tuple[RouteChange, ...]:
        """The requests that go through the gateway now and would no longer."""
        return tuple(each for each in self.routes if each.lost)

    @property
    def refused(self) -> tuple[LaidObject, ...]:
        """The objects that the API server or istiod would refuse."""
        return tuple(each for each in self.objects if each.result is Laying.REFUSED)

    @property
    def uncertain(self) -> bool:
        """Whether a part that decides about traffic is not known."""
        return any(each.decides for each in self.not_known) or any(each.became_unknown for each in self.routes)

    @property
    def verdict(self) -> Verdict:
        """The verdict if applied.

        It is not better than inconclusive if a part that decides is not known.
        """
        better = (Verdict.HEALTHY, Verdict.DEGRADED, Verdict.STARTING)
        return Verdict.INCONCLUSIVE if self.uncertain and self.then.verdict in better else self.then.verdict

    @property
    def breaks(self) -> bool:
        """Whether the exit code is 1.

        A check would fail, a route would be lost, or an object would be refused.
        """
        return self.verdict is Verdict.BROKEN or bool(self.lost or self.refused)

    @property
    def changes_anything(self) -> bool:
        """Whether the verdict, a finding or a route differs."""
        return bool(self.findings or self.routes) or self.now.verdict is not self.verdict


def proposed_state(store: FactStore, proposed: Proposal) -> ProposedState:
    """The proposal laid over the facts of a cluster. Raises BadChange."""
    return ProposedState(laid_proposal(store, proposed, webhook_answer), proposed.not_judged)


def if_applied(
    now: Report,
    question: Question,
    target: EgressGateway | None,
    checks: Sequence[Check],
    store: FactStore,
    proposed: ProposedState,
    recipes: bool = True,
) -> IfApplied:
    """Diagnose the same gateway over the laid facts, and compare with the report of `store`.

    `recipes` as for `Diagnosis.finish`.
    """
    laid = proposed.laid
    known = target if target is not None and target.known else None
    run = Diagnosis(laid.store, question, checks, known)
    run.advance()
    then = run.finish(0.0, recipes)
    if run.target is not None:
        then = replace(then, settings=snapshot(laid.store, run.target))
    not_known = [each for each in laid.not_known if each.namespace in ("", then.namespace)]
    if run.missing_gateway() is not None:
        not_known.append(NotKnown("neither the mesh profile nor the cluster has the gateway afterwards"))
    routes = _routes(question, target, now, then, store, laid.store)
    if routes.gap is not None:
        not_known.append(NotKnown(f"the routes are not compared: {routes.gap}"))
    return IfApplied(
        now=now,
        then=then,
        objects=laid.objects,
        not_judged=proposed.not_judged,
        findings=tuple(changed_findings(now, then)),
        routes=routes.changes,
        compared=routes.compared,
        not_known=tuple(not_known),
    )


def _routes(
    question: Question, target: EgressGateway | None, now: Report, then: Report, before: FactStore, after: FactStore
) -> ComparedRoutes:
    """The routes of all hosts that differ.

    None are compared while a failure makes the checks of the gateway meaningless: the verdict is then broken.
    """
    stopped = any(each.stops is not None for report in (now, then) for each in report.findings)
    if stopped or target is None or not target.known:
        return ComparedRoutes()
    every = replace(question, host=None)
    views = (Facts(each, target, every, ROUTE_READS) for each in (before, after))
    return compared_routes(*views)


def changed_findings(now: Report, then: Report) -> Iterator[FindingChange]:
    """The failures, warnings and checks not made that differ, in the order of the catalogue.

    Findings of a check about the same subject are compared with each other.
    """
    before, after = _shown(now), _shown(then)
    for key in sorted({*before, *after}, key=str):
        old, new = _without_common(before.get(key, []), after.get(key, []))
        for position in range(max(len(old), len(new))):
            earlier = old[position] if position < len(old) else None
            later = new[position] if position < len(new) else None
            yield _changed(earlier, later, now, then)


def _shown(report: Report) -> dict[tuple[str, str, str], list[Finding]]:
    found: dict[tuple[str, str, str], list[Finding]] = defaultdict(list)
    for each in report.findings:
        if each.status in _SHOWN:
            found[each.code, each.check, each.subject].append(each)
    return found


def _without_common(old: list[Finding], new: list[Finding]) -> tuple[list[Finding], list[Finding]]:
    def key(finding: Finding) -> tuple[object, ...]:
        return (finding.status, finding.summary, finding.severity, finding.pending)

    common = Counter(map(key, old)) & Counter(map(key, new))
    return _beyond(old, common, key), _beyond(new, common, key)


def _beyond(
    found: list[Finding], common: Counter[tuple[object, ...]], key: Callable[[Finding], tuple[object, ...]]
) -> list[Finding]:
    left = common.copy()
    kept = []
    for each in found:
        if left[key(each)] > 0:
            left[key(each)] -= 1
        else:
            kept.append(each)
    return kept


def _changed(old: Finding | None, new: Finding | None, now: Report, then: Report) -> FindingChange:
    if new is None and old is not None:
        skipped = next((e for e in then.findings if e.check == old.check and e.status is Status.SKIPPED), None)
        effect = FindingEffect.GOES if skipped is None else FindingEffect.DOES_NOT_APPLY
        return FindingChange(effect, old, skipped)
    if new is not None and new.status is Status.UNKNOWN and (old is None or old.status is not Status.UNKNOWN):
        earlier = old or next((each for each in now.findings if each.check == new.check), None)
        return FindingChange(FindingEffect.NOT_CHECKED, earlier, new)
    return FindingChange(FindingEffect.APPEARS if old is None else FindingEffect.CHANGES, old, new)
