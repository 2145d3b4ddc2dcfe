"""Watches, which check a gateway repeatedly."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field, TypeAdapter, with_config

from checks.model.findings import Verdict
from checks.model.raw_values import Moment
from checks.reports.watch_text import PASSES_TO_FIX
from workers.records.beginnings import Beginning
from workers.records.run import Target
from workers.records.stored import FromKey

__all__ = ["PASSES_TO_FIX", "WATCH_JSON", "Watch", "WatchCheck", "WatchState"]


class WatchState(StrEnum):
    """Whether a watch still checks its gateway, and why it ended."""

    ACTIVE = "going"
    FIXED = "fixed"
    EXPIRED = "over"
    """The time of the watch is over."""
    STOPPED = "stopped"

    @property
    def ended(self) -> bool:
        return self is not WatchState.ACTIVE


@dataclass(frozen=True, slots=True)
class WatchCheck:
    """One check of a watch: time, verdict, titles of the causes, run.

    The causes are the root causes, or the pending faults of a gateway that is starting. The verdict is None if the run
    had none. `beginnings` has an entry for each cause, or none.
    """

    at: Moment
    verdict: Verdict | None
    causes: tuple[str, ...]
    run: str
    beginnings: tuple[Beginning, ...] = ()
    traffic: str = ""
    """The traffic that the proxies counted, in one line; "" if no counters are read."""
    traffic_fails: bool = False
    """Whether most requests to a host fail, also if the destination is what fails."""
    reported: bool = False
    """Whether another check in the thread of the card has reported this change."""
    news: bool = False
    """Whether it is the first check and differs from the last result in the thread."""

    @property
    def passed(self) -> bool:
        """Whether the gateway serves: one that is starting, or whose traffic fails, does not."""
        return self.verdict in (Verdict.HEALTHY, Verdict.DEGRADED) and not self.traffic_fails

    @property
    def result(self) -> tuple[object, ...]:
        """Equal for checks with the same result."""
        return (self.verdict, self.causes, self.traffic_fails)


@with_config(serialize_by_alias=True)
@dataclass(frozen=True, slots=True)
class Watch:
    """A gateway that is checked repeatedly until it is fixed or the time of the watch is over."""

    id: FromKey
    target: Target
    user: str
    channel: str
    thread: str | None
    began: Moment
    until: Moment
    state: WatchState = WatchState.ACTIVE
    checks: Annotated[int, Field(alias="looks")] = 0
    passed: Annotated[int, Field(alias="good")] = 0
    """The number of checks passed in a row."""
    last: WatchCheck | None = None
    changes: tuple[WatchCheck, ...] = ()
    """The first check, and each with a result other than the one before."""
    run: str = ""
    """The run that is under way for the watch."""
    ended: Moment | None = None
    stopped_by: str = ""
    groups: tuple[str, ...] = ()
    """The user groups of the access rules that the user was in, for what its checks may name."""
    card: str = ""
    """The run whose parent message heads the thread of the watch; empty if no run does."""

    @property
    def uneventful(self) -> bool:
        """Whether every check so far has passed."""
        return all(each.passed for each in self.changes) and (self.last is None or self.last.passed)


WATCH_JSON = TypeAdapter(Watch)
