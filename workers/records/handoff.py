"""Handoffs: their order and what a shift hands over."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import Field, TypeAdapter, with_config

from checks.config.access_rules import Requester
from checks.model.findings import Verdict
from checks.model.raw_values import Moment
from workers.records.digest import DriftedGateway, GatewayLine, Unchecked
from workers.records.mute import Mute
from workers.records.tried import TriedStep


@dataclass(frozen=True, slots=True)
class HandoffOrder:
    """A requested handoff: `user` hands over, `to` takes over ("" if no one is named)."""

    id: str
    channel: str
    user: str
    at: Moment
    span: timedelta
    clusters: tuple[str, ...]
    to: str = ""
    note: str = ""
    groups: tuple[str, ...] = ()
    """The user groups of the access rules that the user was in."""

    @property
    def requester(self) -> Requester:
        """The user by whose permissions it is answered."""
        return Requester(self.user, self.channel, self.groups)


@dataclass(frozen=True, slots=True)
class Watching:
    """An active watch."""

    id: str
    cluster: str
    gateway: str
    user: str
    until: Moment
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """The checks of this shift: fleet checks of clusters, and runs that users requested."""

    clusters: int = 0
    gateways: int = 0
    sweeps: int = 0
    missed: int = 0
    """Fleet checks that could not read their cluster."""
    runs: int = 0
    last: Moment | None = None


@dataclass(frozen=True, slots=True)
class Fixed:
    """A gateway that was fixed during this shift.

    `week` is the number of its outages within seven days.
    """

    line: GatewayLine
    week: int = 1

    @property
    def may_return(self) -> bool:
        return self.week > 1


MOST_UNCHECKED = 4
"""Gateways, not checked for one reason, that a handoff lists one by one.

It counts the others.
"""


@dataclass(frozen=True, slots=True)
class Work:
    """The steps and checks of a gateway in the channel of the handoff, and the next step.

    `checks` is the number of its checks there since the incident began, `last` and `verdict` are those of the latest one.
    """

    tried: tuple[TriedStep, ...] = ()
    checks: int = 0
    last: Moment | None = None
    verdict: Verdict | None = None
    next: str = ""
    """The title of the next step, empty if no check in the channel shows it."""


@with_config(serialize_by_alias=True)
@dataclass(frozen=True, slots=True)
class Handoff:
    """A composed handoff: what the next on-call engineer takes over."""

    order: HandoffOrder
    coverage: Annotated[Coverage, Field(alias="looked")]
    open: tuple[GatewayLine, ...] = ()
    fixed: tuple[Fixed, ...] = ()
    watching: tuple[Watching, ...] = ()
    changed: tuple[DriftedGateway, ...] = ()
    """Gateways that do not fail and whose settings or egress IP prefix changed."""
    prefix_changes: Annotated[tuple[DriftedGateway, ...], Field(alias="moved")] = ()
    unchecked: Annotated[tuple[Unchecked, ...], Field(alias="unseen")] = ()
    muted: tuple[Mute, ...] = ()
    links: Mapping[str, str] | None = None
    """The last run of each gateway with a line, by `cluster namespace/name`.

    The bot links its thread.
    """
    taken_by: str = ""
    taken_at: Moment | None = None
    reminded: bool = False
    starting: tuple[GatewayLine, ...] = ()
    warned: tuple[GatewayLine, ...] = ()
    """Gateways that serve and have warnings."""
    work: Mapping[str, Work] | None = None
    """The work at each gateway with a line, by `cluster namespace/name`."""

    @property
    def owned(self) -> tuple[GatewayLine, ...]:
        """The gateways that a takeover takes: those that do not serve."""
        return (*self.open, *self.starting)

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to hand over."""
        return not any(
            (
                self.open,
                self.starting,
                self.warned,
                self.fixed,
                self.watching,
                self.changed,
                self.prefix_changes,
                self.unchecked,
            )
        )


@dataclass(frozen=True, slots=True)
class Takeover:
    """The user who has taken a handoff, and the time."""

    user: str
    at: Moment


HANDOFF_JSON = TypeAdapter(Handoff)
TAKEOVER_JSON = TypeAdapter(Takeover)
