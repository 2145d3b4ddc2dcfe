"""Since when a fault exists: a time of the cluster, and that of the first check."""

from dataclasses import dataclass

from checks.model.raw_values import Moment


@dataclass(frozen=True, slots=True)
class FirstSeen:
    """The time of the first check that found a fault of an object, without a gap since then."""

    check: str
    subject: str
    at: Moment


@dataclass(frozen=True, slots=True)
class Beginning:
    """Since when a fault exists.

    `since` is the time that the cluster shows, None if it shows none. `first_seen` is the time of the first check that
    found it: the fault can be older.
    """

    first_seen: Moment
    since: Moment | None = None

    @property
    def known(self) -> Moment:
        """The time that the cluster shows; otherwise that of the first check."""
        return self.since or self.first_seen
