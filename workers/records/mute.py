"""Mutes: faults that digests and handoffs leave out."""

from dataclasses import dataclass

from pydantic import TypeAdapter

from checks.model.raw_values import Moment


@dataclass(frozen=True, slots=True)
class Mute:
    """A fault of a gateway that is left out of digests and handoffs until `until`.

    `check` is its slug.
    """

    cluster: str
    gateway: str
    check: str
    user: str
    reason: str
    at: Moment
    until: Moment


MUTE_JSON = TypeAdapter(Mute)
