"""Schedules of digests."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pydantic import TypeAdapter

from checks.config.access_rules import Requester
from checks.model.recurrence import Recurrence


@dataclass(frozen=True, slots=True)
class Schedule:
    """A scheduled digest of one channel. `stopped` is why it is suspended ("" if it is active)."""

    id: str
    channel: str
    clusters: tuple[str, ...]
    """Names, or patterns with `*`."""
    recurrence: Recurrence
    show: str = "changes"
    """`changes` or `full`."""
    user: str = ""
    """The user who added it; "" for one of the configuration file."""
    stopped: str = ""
    groups: tuple[str, ...] = ()
    """The user groups of the access rules that the user was in."""

    @property
    def requester(self) -> Requester | None:
        """The user by whose permissions its digests are composed; None if it is configured."""
        return Requester(self.user, self.channel, self.groups) if self.user else None

    @property
    def configured(self) -> bool:
        """Whether it comes from the configuration file and can only be changed there."""
        return not self.user


SCHEDULE_JSON = TypeAdapter(Schedule)


def selected_clusters(patterns: Sequence[str], names: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The clusters among `names` that the patterns select, and the patterns that match none."""
    there = tuple(names)
    selected = tuple(name for name in there if any(fnmatchcase(name, pattern) for pattern in patterns))
    unmatched = tuple(p for p in patterns if not any(fnmatchcase(name, p) for name in there))
    return selected, unmatched
