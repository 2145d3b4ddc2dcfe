"""Cards: the parent message that shows the incident of a gateway in one channel."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import TypeAdapter

from checks.model.findings import Verdict
from checks.model.raw_values import Moment
from workers.records.run import Target
from workers.records.tried import TriedStep

QUIET = timedelta(days=1)
"""The time without activity after which a new card follows (docs/slack.md#card-followed)."""

OwnedBy = Literal["button", "handoff", "home"]
"""The place where ownership was taken or released."""


@dataclass(frozen=True, slots=True)
class OwnerChange:
    """A user took the ownership of an incident, or released it (`owner` is then empty).

    `number` is the position among all changes of the card, also those that are no longer kept.
    """

    number: int
    at: Moment
    user: str
    owner: str
    before: str
    by: OwnedBy = "button"

    @property
    def kept(self) -> bool:
        """Whether the owner stays the same, because the gateway has failed again."""
        return bool(self.owner) and self.owner == self.before


@dataclass(frozen=True, slots=True)
class ReportedResult:
    """The last result that a check in the channel has reported in the thread of a card.

    `times` is the number of the incident. A change is reported by the check that differs from it, once.
    """

    verdict: Verdict
    causes: tuple[str, ...]
    times: int


@dataclass(frozen=True, slots=True)
class Card:
    """The card of one question (a gateway, or requests for a host through it) in one channel.

    It exists from the first check in the channel that does not find the gateway healthy. `verdict`, `causes` and `at`
    are those of the last check of the gateway, wherever it was made.
    """

    cluster: str
    gateway: str
    """`namespace/name`."""
    channel: str
    run: str
    """The run whose parent message is the card."""
    latest: str
    """The last run in this channel with a report."""
    verdict: Verdict
    began: Moment
    """When the incident began: as the cluster shows it, else the time of the first check."""
    at: Moment
    active: Moment
    """The last activity: a check in the channel, a changed verdict, a changed owner, a watch."""
    worst: Verdict
    """The worst verdict of the incident."""
    causes: tuple[str, ...] = ()
    """The checks that are its root causes, or pending."""
    ended: Moment | None = None
    """When the incident ended; None while the gateway does not serve."""
    was: tuple[str, ...] = ()
    """The causes of the last check that did not find the gateway healthy."""
    elsewhere: bool = False
    """Whether the last check was made outside this channel and differs from that of `latest`."""
    certain: Verdict | None = None
    """The last verdict that was not inconclusive, at `certain_at`."""
    certain_at: Moment | None = None
    times: int = 1
    """The incidents that this card has shown."""
    earlier: str = ""
    """The run of the card that this one follows."""
    host: str | None = None
    client: str | None = None
    owners: tuple[OwnerChange, ...] = ()
    """The latest changes of the owner."""
    gone: Moment | None = None
    """When a check found that the gateway no longer exists."""
    tried: tuple[TriedStep, ...] = ()
    """The steps that were carried out in this incident, oldest first."""
    reported: ReportedResult | None = None
    """None for a card of an earlier version."""

    @property
    def key(self) -> str:
        """The name of the card among those of its cluster."""
        return card_key(self.channel, self.gateway, self.host, self.client)

    @property
    def target(self) -> Target:
        """The question that the checks of the card answer."""
        namespace, _, name = self.gateway.partition("/")
        return Target(self.cluster, name, namespace, self.host, self.client)

    @property
    def open(self) -> bool:
        """Whether the gateway exists, and the last check did not find it healthy."""
        return self.verdict is not Verdict.HEALTHY and self.gone is None

    def is_current(self, now: datetime) -> bool:
        """Whether the card has had activity within a day: checks of the gateway then belong to it."""
        return now - self.active < QUIET


def card_key(channel: str, gateway: str, host: str | None = None, client: str | None = None) -> str:
    """The name of a card among those of its cluster; it begins with the channel."""
    return "|".join((channel, gateway, host or "", client or ""))


CARD_JSON = TypeAdapter(Card)
