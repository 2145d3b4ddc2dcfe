"""The present state of a question in one channel, from which every answer is made."""

from dataclasses import dataclass

from checks.model.findings import Report, Status, Verdict
from checks.model.raw_values import Moment
from workers.records.card import Card
from workers.records.gateway_state import Fault, GatewayState
from workers.records.run import Run
from workers.records.tried import TriedStep


@dataclass(frozen=True, slots=True)
class PresentState:
    """The newest result that a channel knows for a gateway, or for a host through it.

    The check that made it can be a run, a check of a watch or a fleet check. `report` is None if it was made outside the
    channel and differs from the last result there: then only its verdict, causes and settings are known.
    """

    run: Run
    """The last run in the channel with a report, else the one that was asked about."""
    report: Report | None
    """The report of `run`, if it describes the present state."""
    verdict: Verdict
    at: Moment
    """The time of the newest check."""
    causes: tuple[str, ...]
    """The checks that are its root causes, pending, or its warnings."""
    faults: tuple[Fault, ...] = ()
    """The causes of a check without a report, with their details; empty if they are not kept."""
    state: GatewayState | None = None
    """The gateway over time; None if it was never checked as a whole."""
    card: Card | None = None
    gone: Moment | None = None
    """When a check found that the gateway no longer exists."""
    newer_gateway: GatewayState | None = None
    """The gateway of a host or client, if a newer check found another verdict for it."""

    @property
    def tried(self) -> tuple[TriedStep, ...]:
        """The steps that were carried out in the current or last incident, oldest first."""
        return self.card.tried if self.card is not None else ()

    @property
    def serves(self) -> bool:
        """Whether the newest check found the gateway healthy."""
        return self.verdict is Verdict.HEALTHY and self.gone is None

    def may_have(self, check: str) -> bool:
        """Whether the newest result has a fault of this check, or cannot exclude it."""
        if self.gone is not None or self.serves:
            return False
        if self.verdict is Verdict.INCONCLUSIVE:
            return True
        if self.report is None:
            return check in self.causes
        found = {each.status for each in self.report.findings if each.check == check}
        return not found or bool(found & {Status.FAIL, Status.WARN, Status.UNKNOWN})
