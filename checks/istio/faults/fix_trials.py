"""Trials of fixes.

A fix is applied to a copy of the facts, and the request is resolved again.

A read that failed can keep a fault from being named or proved.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from checks.facts.changes import Apply, ChangeRefused, ObjectChange
from checks.facts.fact import Gap, Unreadable
from checks.facts.kubernetes_kinds import LISTED_KINDS
from checks.istio.faults.definition.broken_request import BrokenRequest, least_progress
from checks.istio.faults.definition.fault import Fix, RouteFault
from checks.istio.faults.definition.proved_fault import Proved
from checks.istio.faults.shared_objects import advice_instead, shared_objects
from checks.istio.faults.side_effects import makes_worse
from checks.istio.request.outcome import RequestOutcome, Result
from checks.istio.request.routing import Routing

_V = TypeVar("_V")

_STORED = frozenset(kind for kind, _ in LISTED_KINDS.values())


@dataclass(frozen=True, slots=True)
class FixTrial:
    """A request after the fixes that are proved so far, and how to resolve it with one more."""

    now: BrokenRequest
    original: BrokenRequest
    before: tuple[ObjectChange, ...]
    gaps: list[Gap] = field(default_factory=list)
    """The failed reads that kept a fault from being named or proved.

    Those of a fault that only remains do not count.
    """
    hiding: list[Gap] = field(default_factory=list)
    """All failed reads of the trial: they may hide what the request meets after this fault."""
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
        self.hiding.append(unread.gap)
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
            after = after_changes(self.original, changes)
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


def _is_stored(change: ObjectChange) -> bool:
    """Whether it changes an object that is stored in the cluster.

    Objects that istiod makes of others, such as those of the Gateway API, are not stored.
    """
    return isinstance(change, Apply) or type(change.thing) in _STORED


def after_changes(original: BrokenRequest, changes: tuple[ObjectChange, ...]) -> Routing:
    """The routing over the facts after these changes. Raises ChangeRefused."""
    return Routing(original.facts.with_changes(changes))
