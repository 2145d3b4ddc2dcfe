"""Explanations, root causes and the verdict.

Sources: docs/rulings.md#ruling-1, docs/rulings.md#ruling-2.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from graphlib import TopologicalSorter

from checks.engine.check import Because, Check
from checks.model.findings import Finding, Severity, Status, Verdict

_NAMED_CAUSE = "sandbox"
"""The kind of involved object that is a cause, by its slug, that a message matches."""
_EXPLAINED = frozenset((Status.FAIL, Status.WARN))
"""The findings that others can explain."""
_UNHEALTHY = _EXPLAINED | {Status.UNKNOWN}
"""The findings that count for the verdict."""


@dataclass(frozen=True, slots=True)
class _Causes:
    """The explanations that a set of checks declares."""

    of_fault: Mapping[str, Mapping[str, Because]]
    """For each fault, the faults that may explain it."""
    order: tuple[str, ...]
    """The slugs, causes before effects."""


@lru_cache(maxsize=32)
def _declared_by(checks: tuple[Check, ...]) -> _Causes:
    """The explanations of these checks.

    Every run has one of a few sets of checks: each set is ordered once.
    """
    edges = {check.slug: check.explains for check in checks}
    return _Causes(_causes(edges), _fundamental_first(edges))


def explained(findings: Sequence[Finding], checks: Iterable[Check]) -> tuple[Finding, ...]:
    """The findings in the same order, with `explained_by` and `possible_causes`.

    A failure that only a pending finding explains becomes a warning (docs/rulings.md#ruling-1)."""
    if _EXPLAINED.isdisjoint([finding.status for finding in findings]):
        return tuple(findings)
    causes = _declared_by(tuple(checks))
    done: dict[int, Finding] = {}
    by_check: dict[str, list[int]] = {}
    for index, finding in enumerate(findings):
        if finding.status in _UNHEALTHY:  # the others explain nothing
            by_check.setdefault(finding.check, []).append(index)
    for slug in [each for each in causes.order if each in by_check]:
        for index in by_check[slug]:
            done[index] = _explain(findings[index], slug, causes.of_fault, by_check, done)
    result = list(findings)
    for index, finding in done.items():
        result[index] = finding
    return tuple(result)


def _explain(
    finding: Finding,
    slug: str,
    causes: Mapping[str, Mapping[str, Because]],
    by_check: Mapping[str, list[int]],
    done: Mapping[int, Finding],
) -> Finding:
    if finding.status not in _EXPLAINED:
        return finding
    failed: list[str] = []
    pending: list[str] = []
    unchecked: list[str] = []
    for cause, why in causes.get(slug, {}).items():
        for other in (done[i] for i in by_check.get(cause, ())):
            if other.status is Status.UNKNOWN:
                unchecked.append(cause)
            elif other.status is Status.FAIL:
                if _shares(other, finding, why) or _matches_no_failure(finding, why, by_check, done):
                    failed.append(cause)
            elif other.status is Status.WARN and other.pending and _shares(other, finding, why):
                pending.append(cause)
    if finding.status is Status.WARN:
        # A warning keeps its severity and status, whatever explains it.
        return replace(finding, explained_by=tuple(dict.fromkeys(failed + pending)))
    if pending and not failed:
        return replace(
            finding,
            status=Status.WARN,
            pending=True,
            severity=Severity.RISKS,
            explained_by=tuple(dict.fromkeys(pending)),
        )
    possible = () if failed else tuple(dict.fromkeys(unchecked))
    return replace(finding, explained_by=tuple(dict.fromkeys(failed + pending)), possible_causes=possible)


def _matches_no_failure(
    effect: Finding, why: Because, by_check: Mapping[str, list[int]], done: Mapping[int, Finding]
) -> bool:
    """Whether the effect's message matches only causes that have not failed.

    Source: docs/rulings.md#ruling-27.
    """
    named = {one.name for one in effect.about if one.kind == _NAMED_CAUSE}
    if why.share != _NAMED_CAUSE or not named:
        return False
    found = (done[index] for slug in named for index in by_check.get(slug, ()))
    return not any(each.status is Status.FAIL or each.pending for each in found)


def _shares(cause: Finding, effect: Finding, why: Because) -> bool:
    if not why.share:
        return True
    return any(one.kind == why.share for one in cause.about & effect.about)


def _causes(edges: Mapping[str, Mapping[str, Because]]) -> dict[str, dict[str, Because]]:
    """The edges reversed: for each fault, the faults that may explain it."""
    reverse: dict[str, dict[str, Because]] = {}
    for cause, effects in edges.items():
        for effect, why in effects.items():
            reverse.setdefault(effect, {})[cause] = why
    return reverse


def _fundamental_first(edges: Mapping[str, Mapping[str, Because]]) -> tuple[str, ...]:
    """Slugs, causes before effects. Raises graphlib.CycleError if faults explain each other."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for cause, effects in edges.items():
        sorter.add(cause)
        for effect in effects:
            sorter.add(effect, cause)
    return tuple(sorter.static_order())


def root_causes(findings: Iterable[Finding]) -> tuple[str, ...]:
    """The failed checks that no other failed check explains, by code.

    At least one finding of each is not explained. The most fundamental is first.
    """
    failed = sorted((f for f in findings if f.status is Status.FAIL), key=lambda f: f.code)
    return tuple(dict.fromkeys(f.check for f in failed if not f.explained_by))


def warning_checks(findings: Iterable[Finding], checks: Iterable[Check]) -> tuple[str, ...]:
    """The checks that warn, causes before what they explain, then by effect on traffic.

    The order is that of docs/severity.md#order. A warning explains another one only if its own effect is at least as severe.
    """
    warned = [f for f in findings if f.status is Status.WARN]
    if not warned:
        return ()
    causes = _declared_by(tuple(checks))
    depths: dict[int, int] = {}
    checked = {f.check for f in warned}
    for slug in [each for each in causes.order if each in checked]:
        for finding in (f for f in warned if f.check == slug):
            explaining = (
                depths[id(cause)]
                for cause in warned
                if (why := causes.of_fault.get(slug, {}).get(cause.check))
                and cause.impact >= finding.impact
                and _shares(cause, finding, why)
            )
            depths[id(finding)] = 1 + max(explaining, default=-1)
    ordered = sorted(warned, key=lambda f: (depths.get(id(f), 0), -f.impact, f.code))
    return tuple(dict.fromkeys(f.check for f in ordered))


def verdict(findings: Iterable[Finding]) -> Verdict:
    """The verdict by docs/contract.md#verdict.

    Any failure is broken; else a pending fault is starting (docs/rulings.md#ruling-23); else an unchecked fault that can
    block or degrade is inconclusive; else any warning is degraded; else healthy."""
    found = [f for f in findings if f.status in _UNHEALTHY]
    if any(f.status is Status.FAIL for f in found):
        return Verdict.BROKEN
    if any(f.status is Status.WARN and f.pending for f in found):
        return Verdict.STARTING
    if any(f.status is Status.UNKNOWN and f.severity is not Severity.RISKS for f in found):
        return Verdict.INCONCLUSIVE
    if any(f.status is Status.WARN for f in found):
        return Verdict.DEGRADED
    return Verdict.HEALTHY
