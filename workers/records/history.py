"""The history of each gateway and the inventory of each cluster."""

from dataclasses import dataclass

from pydantic import TypeAdapter

from checks.model.findings import Verdict
from checks.model.raw_values import Moment
from workers.records.beginnings import Beginning
from workers.records.stored import FromKey


@dataclass(frozen=True, slots=True)
class GatewayVerdict:
    """A gateway's last verdict."""

    cluster: FromKey
    namespace: FromKey
    gateway: FromKey
    verdict: Verdict
    root_causes: tuple[str, ...]
    at: Moment
    run: str
    pending: tuple[str, ...] = ()
    """The checks that a gateway which is starting waits for."""
    beginning: Beginning | None = None
    """Since when the oldest of its causes exists."""
    warnings: tuple[str, ...] = ()
    """The checks whose warnings no other finding explains."""
    reason: str = ""
    """The first reason why checks were not made, if it is inconclusive."""
    step: str = ""
    """The title of the next step for the reason."""


@dataclass(frozen=True, slots=True)
class PastRun:
    """A past run, also after its evidence has expired: time, verdict, faults, user and channel."""

    run: str
    at: Moment
    verdict: Verdict
    root_causes: tuple[str, ...]
    failing: tuple[str, ...]
    user: str
    channel: str

    def change_since(self, before: "PastRun") -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The codes that newly fail (`new`), and those that no longer fail (`resolved`)."""
        new = tuple(code for code in self.failing if code not in before.failing)
        resolved = tuple(code for code in before.failing if code not in self.failing)
        return (("new", new), ("resolved", resolved))


@dataclass(frozen=True, slots=True)
class Remark:
    """A user's comment on a run that is wrong."""

    at: Moment
    user: str
    comment: str


@dataclass(frozen=True, slots=True)
class Ownership:
    """The owner of a gateway's incident, since when, and the run in whose thread it was taken."""

    user: str
    at: Moment
    run: str = ""


@dataclass(frozen=True, slots=True)
class Inventory:
    """The gateways last seen in a cluster's mesh profile (`namespace/name`, enabled).

    `at` is None if it was never read.
    """

    gateways: tuple[tuple[str, bool], ...] = ()
    at: Moment | None = None


GATEWAY_VERDICT_JSON = TypeAdapter(GatewayVerdict)

PAST_RUN_JSON = TypeAdapter(PastRun)

REMARK_JSON = TypeAdapter(Remark)

OWNERSHIP_JSON = TypeAdapter(Ownership)

INVENTORY_JSON = TypeAdapter(Inventory)
