"""The faults of a request that does not go through the gateway.

Each is proved by its fix or by the decision of a proxy. The outcome gives the hop at which the request ended. The
readers of that hop name what could be wrong there; a fix is applied to a copy of the facts and the request is resolved
again. A fault counts if its fix takes the request further. Several independent faults of one route are therefore found
one after the other, and their fixes are an ordered set.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from checks.facts.changes import Apply, ChangeRefused, ObjectChange
from checks.facts.fact import Unreadable
from checks.facts.kubernetes_kinds import LISTED_KINDS
from checks.istio.faults.broken_request import THROUGH, BrokenRequest, least_progress
from checks.istio.faults.fault import Fix, RouteFault
from checks.istio.faults.side_effects import makes_worse
from checks.istio.request.client_request import ANY_NAME
from checks.istio.request.outcome import RequestOutcome, Result
from checks.istio.request.routing import Routing

_V = TypeVar("_V")

Reader = Callable[[BrokenRequest], Iterable[RouteFault]]
_MOST_FAULTS = 4
_MOST_FIXES = 60
_STORED = frozenset(kind for kind, _ in LISTED_KINDS.values())


@dataclass(frozen=True, slots=True)
class Proved:
    """A fault of a request with its proved fix.

    A fix without changes is advice. The fix is None if there is neither a fix nor advice.
    """

    fault: RouteFault
    fix: Fix | None
    outcome: RequestOutcome
    """The outcome at which it was found."""
    after: RequestOutcome | None = None
    """The outcome after its fix and those before it."""


def faults_of(broken: BrokenRequest, readers: Iterable[Reader]) -> tuple[Proved, ...]:
    """The faults of a request in the order of its route; empty if no reader explains it."""
    found: list[Proved] = []
    changes: tuple[ObjectChange, ...] = ()
    now = broken
    while len(found) < _MOST_FAULTS and now.outcome.result not in (Result.THROUGH, Result.UNKNOWN):
        proved = _first(_Trial(now, broken, changes), readers)
        found += proved
        if not proved or proved[-1].after is None:
            break
        changes = (*changes, *(change for each in proved if each.fix is not None for change in each.fix.changes))
        now = BrokenRequest(_after(broken, changes), broken.request, proved[-1].after)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Trial:
    """A request after the fixes that are proved so far, and how to resolve it with one more."""

    now: BrokenRequest
    original: BrokenRequest
    before: tuple[ObjectChange, ...]

    def with_fixes(self, fixes: Iterable[Fix]) -> RequestOutcome | None:
        """The outcome with these fixes.

        None if they cannot be applied, if the outcome is not known, if the request does not get further, or if another
        request gets worse.
        """
        changes = (*self.before, *(change for fix in fixes for change in fix.changes))
        if not all(map(_is_stored, changes)):
            return None
        try:
            after = _after(self.original, changes)
            outcome = after.outcome(self.original.request)
        except (Unreadable, ChangeRefused):
            return None
        further = outcome.result is not Result.UNKNOWN and self.reached(outcome) > self.reached(self.now.outcome)
        return outcome if further and not makes_worse(self.original, after, changes) else None

    def reached(self, outcome: RequestOutcome | None) -> int:
        """How far the request gets."""
        return least_progress(outcome, self.now.routing.gateway) if outcome is not None else 0


def _first(trial: _Trial, readers: Iterable[Reader]) -> tuple[Proved, ...]:
    """The fault whose fix takes the request furthest; the first one of equals.

    If no single fix helps, the result is several faults whose fixes help only together, or else one fault that is
    certain.
    """
    best: Proved | None = None
    reached = trial.reached(trial.now.outcome)
    certain: RouteFault | None = None
    tried: list[tuple[RouteFault, Fix]] = []
    for fault in (each for reader in readers for each in _readable(partial(reader, trial.now))):
        certain = certain or (fault if fault.certain else None)
        for fix in _readable(partial(fault.fixes, trial.now)):
            if not fix.changes or len(tried) >= _MOST_FIXES or _names_example(fix):
                continue
            tried.append((fault, fix))
            after = trial.with_fixes((fix,))
            if trial.reached(after) > reached:
                best, reached = Proved(fault, fix, trial.now.outcome, after), trial.reached(after)
            if best is not None and reached >= THROUGH:
                return (best,)
    if best is not None:
        return (best,)
    return _together(trial, tried) or ((_advised(trial, certain),) if certain is not None else ())


def _readable(find: Callable[[], Iterable[_V]]) -> Iterator[_V]:
    """The values that are found without the kinds that could not be read."""
    try:
        yield from find()
    except Unreadable:
        return


def _names_example(fix: Fix) -> bool:
    """Whether a fix would write the name that stands for any host of a wildcard."""
    return any(f"{ANY_NAME}." in each.command for each in fix.changes)


def _together(trial: _Trial, tried: list[tuple[RouteFault, Fix]]) -> tuple[Proved, ...]:
    """The fewest faults whose fixes take the request further only together.

    Of each kind of fault, the first fix is tried.
    """
    kept = list({fault.name: (fault, fix) for fault, fix in reversed(tried)}.values())[::-1]
    least, reached = trial.reached(trial.now.outcome), trial.reached(trial.with_fixes(fix for _, fix in kept))
    if len(kept) < 2 or reached <= least:
        return ()
    for each in tuple(kept):
        rest = [other for other in kept if other is not each]
        if trial.reached(trial.with_fixes(fix for _, fix in rest)) >= reached:
            kept = rest
    after = trial.with_fixes(fix for _, fix in kept)
    found = [Proved(fault, fix, trial.now.outcome, trial.now.outcome) for fault, fix in kept]
    return (*found[:-1], replace(found[-1], after=after))


def _advised(trial: _Trial, fault: RouteFault) -> Proved:
    """A fault that is certain, with what a person has to do if no change of an object fixes it."""
    advice = (fix for fix in _readable(partial(fault.fixes, trial.now)) if not fix.changes)
    return Proved(fault, next(advice, None), trial.now.outcome)


def _is_stored(change: ObjectChange) -> bool:
    """Whether it changes an object that is stored in the cluster.

    Objects that istiod makes of others, such as those of the Gateway API, are not stored.
    """
    return isinstance(change, Apply) or type(change.thing) in _STORED


def _after(original: BrokenRequest, changes: tuple[ObjectChange, ...]) -> Routing:
    return Routing(original.facts.with_changes(changes))
