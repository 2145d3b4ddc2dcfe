"""The faults of a request that does not go through the gateway, each proved by its fix or by the proxy's decision.

The outcome says where the request ended. The readers of that hop name what could be wrong there; a fix is laid over the
facts and the request is resolved again. A fault counts if its fix takes the request further. So several independent
faults of one route are found one after the other, and their fixes are an ordered set."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from checks.facts.changes import ChangeRefused, ObjectChange
from checks.facts.fact import Unreadable
from checks.istio.faults.broken_request import THROUGH, BrokenRequest, least_progress
from checks.istio.faults.fault import Fix, RouteFault
from checks.istio.request.outcome import RequestOutcome, Result
from checks.istio.request.routing import Routing

Reader = Callable[[BrokenRequest], Iterable[RouteFault]]
_MOST_FAULTS = 4
_MOST_FIXES = 60


@dataclass(frozen=True, slots=True)
class Proved:
    """A fault of a request with its proved fix, None if there is none."""

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
        proved = _first(now, broken, changes, readers)
        if proved is None:
            break
        found.append(proved)
        if proved.fix is None or proved.after is None:
            break
        changes = (*changes, *proved.fix.changes)
        now = BrokenRequest(_after(broken, changes), broken.request, proved.after)
    return tuple(found)


def _first(
    now: BrokenRequest, original: BrokenRequest, before: tuple[ObjectChange, ...], readers: Iterable[Reader]
) -> Proved | None:
    """The fault whose fix takes the request furthest, the first of equals; else one that is certain."""
    gateway, best = now.routing.gateway, None
    reached = least_progress(now.outcome, gateway)
    certain: RouteFault | None = None
    tried = 0
    for fault in (each for reader in readers for each in reader(now)):
        certain = certain or (fault if fault.certain else None)
        for fix in fault.fixes(now):
            tried += 1
            after = _outcome_with(original, (*before, *fix.changes)) if tried <= _MOST_FIXES else None
            further = least_progress(after, gateway) if after is not None else 0
            if after is not None and further > reached:
                best, reached = Proved(fault, fix, now.outcome, after), further
            if further >= THROUGH:
                return best
    if best is None and certain is not None:
        return Proved(certain, None, now.outcome)
    return best


def _after(original: BrokenRequest, changes: tuple[ObjectChange, ...]) -> Routing:
    return Routing(original.facts.with_changes(changes))


def _outcome_with(original: BrokenRequest, changes: tuple[ObjectChange, ...]) -> RequestOutcome | None:
    """The outcome after the changes; None if they cannot be applied or the outcome is not known."""
    try:
        outcome = _after(original, changes).outcome(original.request)
    except (Unreadable, ChangeRefused):
        return None
    return None if outcome.result is Result.UNKNOWN else outcome
