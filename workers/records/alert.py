"""Alerts: which of them fire for a gateway, and the thread that answers them."""

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from checks.model.raw_values import Moment
from workers.records.run import Target


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as Alertmanager reports it; `ended` is None while it fires."""

    fingerprint: str
    name: str
    began: Moment
    ended: Moment | None = None


@dataclass(frozen=True, slots=True)
class AlertLine:
    """An alert of a thread. `seen` is the last time that Alertmanager reported it."""

    alert: Alert
    seen: Moment


@dataclass(frozen=True, slots=True)
class AlertChange:
    """The change by one notification: alerts that began to fire, or that are resolved.

    `number` never changes. `names` are some of the `count` alerts. `began` is the earliest beginning among them.
    """

    number: int
    kind: Literal["firing", "resolved"]
    at: Moment
    began: Moment
    names: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class ThreadAlerts:
    """The alerts of one gateway that are answered in one thread.

    `head` is the run whose parent message heads the thread, `latest` the last run that an alert has started there.
    """

    head: str
    channel: str
    target: Target
    latest: str
    lines: tuple[AlertLine, ...] = ()
    changes: tuple[AlertChange, ...] = ()

    @property
    def firing(self) -> tuple[Alert, ...]:
        """The alerts that are not resolved, the earliest first."""
        return tuple(sorted((each.alert for each in self.lines if each.alert.ended is None), key=lambda a: a.began))

    @property
    def last_ended(self) -> Alert | None:
        """The alert that was resolved last; None while one fires."""
        ended = [each.alert for each in self.lines if each.alert.ended is not None]
        return None if self.firing or not ended else max(ended, key=lambda alert: alert.ended or alert.began)


THREAD_ALERTS_JSON = TypeAdapter(ThreadAlerts)
