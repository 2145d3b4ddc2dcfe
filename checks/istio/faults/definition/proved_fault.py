"""A fault with the fix that was proved for it."""

from dataclasses import dataclass

from checks.istio.faults.definition.fault import Fix, RouteFault
from checks.istio.request.outcome import RequestOutcome


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
    others: tuple[Fix, ...] = ()
    """Other fixes of an undecided fault, each with one change and proved as the first one."""
