"""Routes before and after a change of the cluster, as values."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, with_config

from checks.model.route import Outcome


@dataclass(frozen=True, slots=True)
class RouteState:
    """The outcome of one kind of request.

    `answer` is the response that the application gets, `source_address` the address that the destination sees ("" if the
    request does not arrive), `destination` the host and port that are reached, and `decided_by` the object and field that
    decided it last ("" if none did). `reason` says why the outcome is not known.
    """

    outcome: Outcome
    answer: str = ""
    source_address: str = ""
    destination: str = ""
    decided_by: str = ""
    reason: str = ""

    @property
    def effect(self) -> tuple[Outcome, str, str, str]:
        """The parts that users of the route notice: two states with the same effect are alike."""
        arrives = self.outcome is not Outcome.FAILS
        return (
            self.outcome,
            "" if arrives else self.answer or self.reason,
            self.source_address,
            self.destination if arrives else "",
        )


@with_config(serialize_by_alias=True)
@dataclass(frozen=True, slots=True)
class RouteChange:
    """One kind of request whose outcome differs after a change.

    Its clients have the same outcomes.
    """

    scheme: str
    host: str
    port: int
    path: str
    clients: Annotated[tuple[str, ...], Field(alias="from")]
    now: RouteState
    then: Annotated[RouteState, Field(alias="if_applied")]

    @property
    def lost(self) -> bool:
        """Whether it goes through the gateway now, and certainly not after the change."""
        return self.now.outcome is Outcome.THROUGH and self.then.outcome not in (Outcome.THROUGH, Outcome.UNKNOWN)

    @property
    def moved(self) -> bool:
        """Whether it goes through the gateway in both states, with another source IP address."""
        through = self.now.outcome is self.then.outcome is Outcome.THROUGH
        return through and self.now.source_address != self.then.source_address

    @property
    def gained(self) -> bool:
        """Whether it goes through the gateway after the change, and not now."""
        return self.then.outcome is Outcome.THROUGH and self.now.outcome is not Outcome.THROUGH

    @property
    def became_unknown(self) -> bool:
        """Whether its outcome is known now, and not after the change."""
        return self.then.outcome is Outcome.UNKNOWN and self.now.outcome is not Outcome.UNKNOWN
