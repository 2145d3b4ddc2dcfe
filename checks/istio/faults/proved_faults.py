"""The faults of a request that does not go through the gateway.

Each is proved by its fix or by the decision of a proxy. The outcome gives the hop at which the request ended. The
readers of that hop name what could be wrong there; a fix is applied to a copy of the facts and the request is resolved
again. A fault counts if its fix takes the request further. Several independent faults of one route are therefore found
one after the other, and their fixes are an ordered set.

A read that failed can keep a fault from being named or proved. Then no fault is reported that only remains because of
that, such as "no rule matches".
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from checks.facts.changes import Apply, ObjectChange
from checks.facts.fact import Gap, Unreadable
from checks.istio.faults.definition.broken_request import THROUGH, BrokenRequest
from checks.istio.faults.definition.fault import Fix, RouteFault
from checks.istio.faults.definition.proved_fault import Proved
from checks.istio.faults.fix_trials import FixTrial, after_changes
from checks.istio.faults.proposed_objects import is_proposed, joined_fix
from checks.istio.request.client_request import ANY_NAME
from checks.istio.request.outcome import RequestOutcome, Result

Reader = Callable[[BrokenRequest], Iterable[RouteFault]]
_MOST_FAULTS = 4
_MOST_FIXES = 60


def faults_of(broken: BrokenRequest, readers: Iterable[Reader]) -> tuple[tuple[Proved, ...], Gap | None]:
    """The faults of a request, and the failed read that may hide further ones.

    They are in the order of its route; there are none if no reader explains it.

    A fault that only the fixes before it make is none of the cluster: its fix belongs to theirs, and without a fix they
    are not offered. Raises Unreadable if a read that failed hides the first one.
    """
    found: list[Proved] = []
    changes: tuple[ObjectChange, ...] = ()
    hidden: Gap | None = None
    now = broken
    for _ in range(_MOST_FAULTS):
        if now.outcome.result in (Result.THROUGH, Result.UNKNOWN):
            break
        trial = FixTrial(now, broken, changes)
        proved = _first(trial, readers)
        if not proved and not found and trial.gaps:
            raise Unreadable(trial.gaps[0])
        if trial.hiding and (not proved or proved[-1].after is None):
            hidden = trial.hiding[0]
        more = tuple(change for each in proved for change in _changes(each))
        owner = _owner(broken, found, proved)
        if owner is None:
            found += proved
        else:
            found[owner] = _completed(broken, found[owner], more, proved[-1].after if proved else None)
            found[-1] = replace(found[-1], after=proved[-1].after if proved else None)
        if not proved or proved[-1].after is None:
            break
        changes = (*changes, *more)
        now = BrokenRequest(after_changes(broken, changes), broken.request, proved[-1].after)
    return tuple(found), hidden


def _owner(broken: BrokenRequest, found: Sequence[Proved], proved: Sequence[Proved]) -> int | None:
    """The position of the fault whose fix makes the next ones.

    None if they are faults of the cluster.
    If no fault of the cluster explains why the request still ends, it is the last fault whose fix creates an object.
    """
    fixed = [at for at, each in enumerate(found) if each.fix is not None and each.fix.changes]
    if all(each.fault.remaining and not _changes(each) for each in proved):
        creating = [at for at in fixed if any(isinstance(each, Apply) for each in _changes(found[at]))]
        return creating[-1] if creating else None
    changes: list[ObjectChange] = []
    for position in fixed:
        changes += _changes(found[position])
        if any(is_proposed(broken.facts, changes, each.fault, each.fix) for each in proved):
            return position
    return None


def _changes(proved: Proved) -> tuple[ObjectChange, ...]:
    return proved.fix.changes if proved.fix is not None else ()


def _completed(
    broken: BrokenRequest, last: Proved, more: Sequence[ObjectChange], after: RequestOutcome | None
) -> Proved:
    """A fault with a fix that also has the changes which its own objects need.

    If there are none, no fix is offered that ends at its own objects.
    """
    if last.fix is None or after is None:
        advice = last.fault.fixes(replace(broken, outcome=last.outcome))
        return replace(last, fix=next((each for each in advice if not each.changes), None), after=None)
    return replace(last, fix=joined_fix(broken.facts, last.fix, more))


def _first(trial: FixTrial, readers: Iterable[Reader]) -> tuple[Proved, ...]:
    """The fault whose fix takes the request furthest; the first one of equals.

    A fix that changes a shared object becomes advice. If no single fix helps, the result is several faults whose fixes
    help only together, or else one fault that is certain. A fault that only remains is not certain if a failed read
    could hide another one.
    """
    best: Proved | None = None
    reached = trial.reached(trial.now.outcome)
    certain: RouteFault | None = None
    tried: list[tuple[RouteFault, Fix]] = []
    for fault in (each for reader in readers for each in trial.readable(partial(reader, trial.now))):
        certain = certain or (fault if fault.certain else None)
        for fix in trial.readable(partial(fault.fixes, trial.now), fault):
            if not fix.changes or len(tried) >= _MOST_FIXES or _names_example(fix):
                continue
            tried.append((fault, fix))
            after = trial.alone(fault, fix)
            if trial.reached(after) > reached:
                best, reached = Proved(fault, fix, trial.now.outcome, after), trial.reached(after)
            if best is not None and reached >= THROUGH:
                return (_with_others(trial, best),)
    if best is not None or trial.refused:
        return (_with_others(trial, best) if best is not None else trial.refused[0],)
    if together := _together(trial, tried):
        return together
    if certain is None or (certain.remaining and trial.gaps):
        return ()
    return (_advised(trial, certain),)


def _with_others(trial: FixTrial, best: Proved) -> Proved:
    """An undecided fault with its other fixes of one change that are as good."""
    if not best.fault.undecided:
        return best
    fixes = trial.readable(partial(best.fault.fixes, trial.now), best.fault)
    other = (each for each in fixes if len(each.changes) == 1 and each != best.fix and not _names_example(each))
    as_far = (each for each in other if trial.reached(trial.alone(best.fault, each)) >= trial.reached(best.after))
    return replace(best, others=tuple(as_far))


def _names_example(fix: Fix) -> bool:
    """Whether a fix would write the name that stands for any host of a wildcard."""
    return any(f"{ANY_NAME}." in each.command for each in fix.changes)


def _together(trial: FixTrial, tried: list[tuple[RouteFault, Fix]]) -> tuple[Proved, ...]:
    """The fewest faults whose fixes take the request further only together.

    Of each kind of fault, the first fix is tried.
    """
    kept = list({fault.name: (fault, fix) for fault, fix in reversed(tried) if not trial.shared(fix)}.values())[::-1]
    least, reached = trial.reached(trial.now.outcome), trial.reached(trial.with_fixes(kept))
    if len(kept) < 2 or reached <= least:
        return ()
    for each in tuple(kept):
        rest = [other for other in kept if other is not each]
        if trial.reached(trial.with_fixes(rest)) >= reached:
            kept = rest
    after = trial.with_fixes(kept)
    found = [Proved(fault, fix, trial.now.outcome, trial.now.outcome) for fault, fix in kept]
    return (*found[:-1], replace(found[-1], after=after))


def _advised(trial: FixTrial, fault: RouteFault) -> Proved:
    """A fault that is certain, with what a person has to do if no change of an object fixes it."""
    advice = (fix for fix in trial.readable(partial(fault.fixes, trial.now), fault) if not fix.changes)
    return Proved(fault, next(advice, None), trial.now.outcome)
