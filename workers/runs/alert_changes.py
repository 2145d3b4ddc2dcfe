"""The alerts of a thread after a notification of Alertmanager. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from workers.records.alert import Alert, AlertChange, AlertLine, ThreadAlerts
from workers.records.card import QUIET

MOST_LINES = 200
"""Alerts of a thread that are kept; the resolved ones are removed first."""

MOST_ALERT_CHANGES = 50
"""Changes of a thread that are kept, the latest ones."""

_NAMED = 3
"""Alerts that a change names."""


@dataclass(frozen=True, slots=True)
class Notified:
    """The parts of a notification for one gateway, compared with what is stored.

    `began` are alerts that were not known to fire, `ended` known ones that are resolved, `known` the number of alerts that
    change nothing.
    """

    began: tuple[Alert, ...]
    ended: tuple[Alert, ...]
    known: int


def compared(lines: Sequence[AlertLine], alerts: Sequence[Alert], now: datetime) -> Notified:
    """The changes that a notification makes to the alerts of a thread."""
    began: dict[str, Alert] = {}
    ended: dict[str, Alert] = {}
    by_fingerprint = {each.alert.fingerprint: each for each in lines}
    for alert in alerts:
        line = by_fingerprint.get(alert.fingerprint)
        if alert.ended is None:
            if not _is_known(line, alert):
                began[alert.fingerprint] = alert
        elif line is not None and line.alert.ended is None and alert.ended > line.alert.began:
            ended[alert.fingerprint] = replace(line.alert, ended=min(alert.ended, now))
    return Notified(tuple(began.values()), tuple(ended.values()), len(alerts) - len(began) - len(ended))


def _is_known(line: AlertLine | None, alert: Alert) -> bool:
    """Whether an alert that fires is the one of this line.

    A repetition can arrive after the resolution. An alert that began after it was last seen is another one: its
    resolution was lost.
    """
    if line is None:
        return False
    until = line.alert.ended or line.seen
    return alert.began == line.alert.began or alert.began <= until


def fires_already(lines: Sequence[AlertLine], now: datetime) -> bool:
    """Whether an alert of the thread fires; one that was not reported for a day does not count."""
    return any(each.alert.ended is None and now - each.seen < QUIET for each in lines)


def still_fires(lines: Sequence[AlertLine], ended: Sequence[Alert]) -> bool:
    """Whether an alert of the thread fires after some are resolved."""
    resolved = {each.fingerprint for each in ended}
    return any(each.alert.ended is None and each.alert.fingerprint not in resolved for each in lines)


def after_notification(thread: ThreadAlerts, notified: Notified, seen: Sequence[Alert], now: datetime) -> ThreadAlerts:
    """The thread with the changes; `seen` are all alerts of the notification."""
    changed = {each.fingerprint: each for each in (*notified.began, *notified.ended)}
    reported = {each.fingerprint for each in seen}
    kept = [
        AlertLine(
            changed.get(each.alert.fingerprint, each.alert), now if each.alert.fingerprint in reported else each.seen
        )
        for each in thread.lines
    ]
    there = {each.alert.fingerprint for each in kept}
    kept += [AlertLine(alert, now) for alert in notified.began if alert.fingerprint not in there]
    changes = thread.changes
    for kind, alerts in (("firing", notified.began), ("resolved", notified.ended)):
        if alerts:
            changes = (*changes, _change(kind, alerts, changes, now))  # type: ignore[arg-type]
    return replace(thread, lines=_bounded(kept), changes=changes[-MOST_ALERT_CHANGES:])


def _change(
    kind: Literal["firing", "resolved"], alerts: Sequence[Alert], before: Sequence[AlertChange], now: datetime
) -> AlertChange:
    names = tuple(dict.fromkeys(each.name for each in alerts))[:_NAMED]
    at = max((each.ended for each in alerts if each.ended is not None), default=now)
    number = before[-1].number + 1 if before else 1
    return AlertChange(number, kind, at, min(each.began for each in alerts), names, len(alerts))


def _bounded(lines: Sequence[AlertLine]) -> tuple[AlertLine, ...]:
    """The lines within their limit, without the resolved ones that were seen first."""
    ranked = sorted(lines, key=lambda each: (each.alert.ended is not None, -each.seen.timestamp()))
    kept = {each.alert.fingerprint for each in ranked[:MOST_LINES]}
    return tuple(each for each in lines if each.alert.fingerprint in kept)
