"""The faults of a request that does not go through the gateway.

Each is proved by its fix or by the decision of a proxy. The outcome gives the hop at which the request ended. The
readers of that hop name what could be wrong there; a fix is applied to a copy of the facts and the request is resolved
again. A fault counts if its fix takes the request further. Several independent faults of one route are therefore found
one after the other, and their fixes are an ordered set.

A read that failed can keep a fault from being named or proved. Then no fault is reported that only remains because of
that, such as "no rule matches".
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from checks.facts.changes import Apply, ChangeRefused, ObjectChange
from checks.facts.fact import Gap, Unreadable
from checks.facts.kubernetes_kinds import LISTED_KINDS
from checks.istio.faults.definition.broken_request import THROUGH, BrokenRequest, least_progress
from checks.istio.faults.definition.fault import Fix, RouteFault
from checks.istio.faults.proposed_objects import is_proposed, joined_fix
from checks.istio.faults.shared_objects import advice_instead, shared_objects
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
    """The faults of a request in the order of its route; empty if no reader explains it.

    A fault that only the fixes before it make is none of the cluster: its fix belongs to theirs, and without a fix they
    are not offered. Raises Unreadable if a read that failed hides the first one.
    """
    found: list[Proved] = []
    changes: tuple[ObjectChange, ...] = ()
    now = broken
    for _ in range(_MOST_FAULTS):
        if now.outcome.result in (Result.THROUGH, Result.UNKNOWN):
            break
        trial = _Trial(now, broken, changes)
        proved = _first(trial, readers)
        if not proved and not found and trial.gaps:
            raise Unreadable(trial.gaps[0])
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
        now = BrokenRequest(_after(broken, changes), broken.request, proved[-1].after)
    return tuple(found)


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


@dataclass(frozen=True, slots=True)
class _Trial:
    """A request after the fixes that are proved so far, and how to resolve it with one more."""

    now: BrokenRequest
    original: BrokenRequest
    before: tuple[ObjectChange, ...]
    gaps: list[Gap] = field(default_factory=list)
    """The failed reads that kept a fault from being named or proved.

    Those of a fault that only remains do not count.
    """
    refused: list[Proved] = field(default_factory=list)
    """The faults whose fix would change shared objects, with advice instead."""

    def readable(self, find: Callable[[], Iterable[_V]], *faults: RouteFault) -> Iterator[_V]:
        """The values that are found without the kinds that could not be read.

        They belong to the faults, if there are any.
        """
        try:
            yield from find()
        except Unreadable as unread:
            self._missed(unread, faults)

    def _missed(self, unread: Unreadable, faults: Sequence[RouteFault]) -> None:
        if not faults or not all(each.remaining for each in faults):
            self.gaps.append(unread.gap)

    def with_fixes(self, tried: Sequence[tuple[RouteFault, Fix]]) -> RequestOutcome | None:
        """The outcome with these fixes of faults.

        None if they cannot be applied, if the outcome is not known, if the request does not get further, or if another
        request gets worse.
        """
        changes = (*self.before, *(change for _, fix in tried for change in fix.changes))
        if not all(map(_is_stored, changes)):
            return None
        try:
            after = _after(self.original, changes)
            outcome = after.outcome(self.original.request)
        except Unreadable as unread:
            self._missed(unread, [fault for fault, _ in tried])
            return None
        except ChangeRefused:
            return None
        further = outcome.result is not Result.UNKNOWN and self.reached(outcome) > self.reached(self.now.outcome)
        return outcome if further and not makes_worse(self.original, after, changes) else None

    def alone(self, fault: RouteFault, fix: Fix) -> RequestOutcome | None:
        """The outcome with one fix; None if it is refused because others use its objects."""
        after, shared = self.with_fixes(((fault, fix),)), self.shared(fix)
        if shared and self.reached(after) > self.reached(self.now.outcome):
            self.refused.append(Proved(fault, advice_instead(fix, shared), self.now.outcome))
        return None if shared else after

    def shared(self, fix: Fix) -> tuple[str, ...]:
        """The changed objects that apply to other hosts and clients too."""
        return shared_objects(self.original.facts, fix.changes, self.now.mesh.configuration.root)

    def reached(self, outcome: RequestOutcome | None) -> int:
        """How far the request gets."""
        return least_progress(outcome, self.now.routing.gateway) if outcome is not None else 0


def _first(trial: _Trial, readers: Iterable[Reader]) -> tuple[Proved, ...]:
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
                return (best,)
    if best is not None or trial.refused:
        return (best or trial.refused[0],)
    if together := _together(trial, tried):
        return together
    if certain is None or (certain.remaining and trial.gaps):
        return ()
    return (_advised(trial, certain),)


def _names_example(fix: Fix) -> bool:
    """Whether a fix would write the name that stands for any host of a wildcard."""
    return any(f"{ANY_NAME}." in each.command for each in fix.changes)


def _together(trial: _Trial, tried: list[tuple[RouteFault, Fix]]) -> tuple[Proved, ...]:
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


def _advised(trial: _Trial, fault: RouteFault) -> Proved:
    """A fault that is certain, with what a person has to do if no change of an object fixes it."""
    advice = (fix for fix in trial.readable(partial(fault.fixes, trial.now), fault) if not fix.changes)
    return Proved(fault, next(advice, None), trial.now.outcome)


def _is_stored(change: ObjectChange) -> bool:
    """Whether it changes an object that is stored in the cluster.

    Objects that istiod makes of others, such as those of the Gateway API, are not stored.
    """
    return isinstance(change, Apply) or type(change.thing) in _STORED


def _after(original: BrokenRequest, changes: tuple[ObjectChange, ...]) -> Routing:
    return Routing(original.facts.with_changes(changes))
