"""Alerts: the runs that they start, and the threads that answer them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from checks.config.alert_configuration import ALERT_USER
from workers.client.stores import Stores
from workers.fleet.service import current_time
from workers.records.alert import Alert, ThreadAlerts
from workers.records.card import QUIET
from workers.records.run import Accepted, Order, Run, Target
from workers.runs.alert_changes import after_notification, compared, fires_already, still_fires
from workers.runs.alerts import StoredThread
from workers.runs.compare_and_set import until_applied

RECENT = timedelta(minutes=10)
"""The time for which the last check of an incident answers further alerts."""


class AlertOutcome(StrEnum):
    """The effect of a notification about one gateway."""

    STARTED = "started"
    """A check has started."""
    JOINED = "joined"
    """The gateway has an incident with a recent check.

    The alert is a line in its thread.
    """
    RESOLVED = "resolved"
    """The thread says so, and if no other alert fires, the gateway is checked again."""
    KNOWN = "known"
    """Nothing is new."""


FindThread = Callable[[], str | None]
"""Finds the thread of an alert's own message in the channel; None if it is not known."""


class TooManyStarts(Exception):
    """Alerts have started too many checks in this minute.

    Nothing was recorded for the gateway.
    """


class Start(Protocol):
    """Accepts an order and sends it to the workers."""

    def __call__(self, order: Order) -> Accepted: ...


@dataclass(slots=True)
class _Begun:
    """The run of one notification, which is started once however often the transition is tried."""

    accepted: Accepted | None = None


class AlertClient:
    """Answers alerts, each incident of a gateway once. Every method may raise `Unavailable`."""

    def __init__(self, stores: Stores, start: Start) -> None:
        self._stores = stores
        self._start = start

    def notified(
        self, channel: str, target: Target, alerts: Sequence[Alert], thread: FindThread = lambda: None
    ) -> AlertOutcome:
        """Answer alerts about one gateway in a channel, of which some may be resolved.

        `thread` finds that of the alert's own message; it is called for a gateway without a thread. The caller verifies the
        permission of the user `alerts` first. Raises TooManyStarts.
        """
        now, begun = current_time(), _Begun()
        return until_applied(lambda: self._notified(channel, target, alerts, thread, now, begun))

    def _notified(
        self, channel: str, target: Target, alerts: Sequence[Alert], thread: FindThread, now: datetime, begun: _Begun
    ) -> AlertOutcome | None:
        stored = self._stores.alerts.find(channel, target)
        before = stored.alerts
        lines = before.lines if before is not None else ()
        found = compared(lines, alerts, now)
        latest = self._stores.runs.get(before.latest) if before is not None else None
        if not found.began and not found.ended:
            return self._seen(stored, found_alerts=alerts, now=now)
        if found.began:
            starts = not (fires_already(lines, now) and _is_recent(latest, now))
        else:
            starts = not still_fires(lines, found.ended)
        outcome = AlertOutcome.JOINED if found.began else AlertOutcome.RESOLVED
        head, last = (before.head, before.latest) if before is not None else ("", "")
        if starts:
            reason = min(found.began or found.ended, key=lambda alert: (alert.began, alert.fingerprint))
            last, head = self._started(channel, target, reason, before, thread, now, begun)
            outcome = AlertOutcome.STARTED if found.began else AlertOutcome.RESOLVED
        base = self._continued(before, head, channel, target, last)
        after = after_notification(base, found, alerts, now)
        if not self._stores.alerts.record(stored, after, shown=True):
            return None
        self._stores.documents.changed(f"run/{head}")
        return outcome

    def _seen(self, stored: StoredThread, found_alerts: Sequence[Alert], now: datetime) -> AlertOutcome | None:
        """Note that alerts fire still; no message changes."""
        before = stored.alerts
        if before is None:
            return AlertOutcome.KNOWN
        after = after_notification(before, compared((), (), now), found_alerts, now)
        return AlertOutcome.KNOWN if self._stores.alerts.record(stored, after, shown=False) else None

    def _started(
        self,
        channel: str,
        target: Target,
        reason: Alert,
        before: ThreadAlerts | None,
        thread: FindThread,
        now: datetime,
        begun: _Begun,
    ) -> tuple[str, str]:
        """The run that answers the alerts, and the run whose parent message heads its thread."""
        if begun.accepted is None:
            if not self._stores.alerts.may_start(channel, now):
                raise TooManyStarts
            after = before.latest if before is not None and self._is_current(before, now) else None
            moment = (reason.ended or reason.began).isoformat()
            order = Order(
                target,
                ALERT_USER,
                channel,
                f"alert/{channel}/{target.key}/{reason.fingerprint}/{moment}",
                thread=None if after else thread(),
                after=after,
            )
            begun.accepted = self._start(order)
        run = begun.accepted.run
        return run.id, self._stores.head_of(run)

    def _is_current(self, thread: ThreadAlerts, now: datetime) -> bool:
        """Whether a new alert belongs to the thread.

        It had an alert within a day, and its run is stored.
        """
        last = max((each.seen for each in thread.lines), default=None)
        return last is not None and now - last < QUIET and self._stores.runs.get(thread.latest) is not None

    def _continued(
        self, before: ThreadAlerts | None, head: str, channel: str, target: Target, latest: str
    ) -> ThreadAlerts:
        """The alerts of the thread so far.

        In another thread, only those that fire continue.
        """
        if before is not None and before.head == head:
            return ThreadAlerts(head, channel, target, latest, before.lines, before.changes)
        firing = tuple(each for each in before.lines if each.alert.ended is None) if before is not None else ()
        there = self._stores.alerts.of_thread(head)
        own = there.lines if there is not None else ()
        known = {each.alert.fingerprint for each in own}
        moved = tuple(each for each in firing if each.alert.fingerprint not in known)
        return ThreadAlerts(head, channel, target, latest, (*own, *moved), there.changes if there is not None else ())


def _is_recent(run: Run | None, now: datetime) -> bool:
    """Whether a run is under way or has ended a short time ago."""
    return run is not None and (run.ended is None or now - run.ended < RECENT)
