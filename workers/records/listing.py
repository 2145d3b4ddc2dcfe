"""The answer to the command `list`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import TypeAdapter

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
    at: datetime | None = None


LISTING_JSON = TypeAdapter(Listing)
