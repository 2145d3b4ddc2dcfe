"""Alerts in the parent message of a thread, and as lines in the thread."""

from collections.abc import Iterator

from bot.messages.blocks import Escaped, Message, as_code, context, fallback, fitting, raw
from bot.messages.phrases import DATE_AND_TIME, local_time, short_duration
from checks.config.alert_configuration import ALERT_USER
from checks.reports.wording import plural
from workers.records.alert import ThreadAlerts
from workers.records.run import Run

_NAMED = 3
"""Alerts that a line names."""


def alert_line(alerts: ThreadAlerts) -> Iterator[Escaped]:
    """The alerts that fire, or the last one that was resolved."""
    firing, last = alerts.firing, alerts.last_ended
    if firing:
        names = _names(list(dict.fromkeys(each.name for each in firing)), len(firing))
        yield raw(f"🔔 Alert firing since {local_time(firing[0].began, DATE_AND_TIME)}: {names}")
    elif last is not None and last.ended is not None:
        yield raw(f"🔕 Alert resolved {local_time(last.ended, DATE_AND_TIME)}: {as_code(last.name)}")


def alert_messages(run: Run, alerts: ThreadAlerts) -> Iterator[Message]:
    """A line in the thread for each notification that changed something.

    The first one of a thread that an alert has started is its parent message.
    """
    for change in alerts.changes:
        if change.number == 1 and change.kind == "firing" and run.order.user == ALERT_USER:
            continue
        names = _names(list(change.names), change.count)
        if change.kind == "firing":
            words, line = "Alert firing", f"🔔 Alert firing since {local_time(change.began, DATE_AND_TIME)}: {names}"
        else:
            length = short_duration(max(0.0, (change.at - change.began).total_seconds()))
            at = local_time(change.at, DATE_AND_TIME)
            words, line = "Alert resolved", f"🔕 Alert resolved {at} after {length}: {names}"
        text = fallback(f"{words}: {', '.join(change.names)}")
        yield Message(f"alert/{change.number}", text, fitting([context(raw(line))]), final=True)


def _names(names: list[str], count: int) -> Escaped:
    shown = ", ".join(map(as_code, names[:_NAMED]))
    more = count - len(names[:_NAMED])
    return raw(f"{shown} and {plural(more, 'more alert')}" if more > 0 else shown)
