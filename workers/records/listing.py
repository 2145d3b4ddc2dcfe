"""The answer to the command `list`."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import TypeAdapter

from checks.config.access_rules import Requester
from checks.model.raw_values import Moment
from workers.records.stored import FromKey


class ListingState(StrEnum):
    """The state of the answer to `list CLUSTER`."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Listing:
    """The answer to `list CLUSTER` for one user: the gateways of the mesh profile in Azure.

    Each gateway is its `namespace/name` and whether it is enabled.
    """

    id: FromKey
    cluster: str
    user: str
    channel: str
    response_url: str = ""
    state: ListingState = ListingState.WAITING
    gateways: tuple[tuple[str, bool], ...] = ()
    problem: str = ""
    step: str = ""
    """The title of the next step for the problem, "" without one."""
    at: Moment | None = None
    groups: tuple[str, ...] = ()
    """The user groups of the access rules that the user was in."""
    partial: bool = False
    """Whether `gateways` lacks some that the user may not check."""

    @property
    def requester(self) -> Requester:
        """The user by whose permissions it is answered."""
        return Requester(self.user, self.channel, self.groups)


LISTING_JSON = TypeAdapter(Listing)
