"""Marks, effects, severities, times and durations as messages write them."""

from datetime import UTC, datetime

from bot.messages.blocks import Escaped, plain, raw
from checks.catalogue import catalogue
from checks.config.alert_configuration import ALERT_USER
from checks.config.automatic_requesters import WORKFLOW_USER
from checks.model.findings import Effect, Severity, Status, Verdict
from checks.reports.wording import after_colon, plural
from workers.records.beginnings import Beginning

STATUS_MARKS = {
    Status.PASS: "✅",
    Status.WARN: "⚠️",
    Status.FAIL: "❌",
    Status.SKIPPED: "▫️",
    Status.UNKNOWN: "❔",
}
RUNNING_MARK = "⏳"

VERDICT_MARKS = {
    Verdict.HEALTHY: "✅",
    Verdict.DEGRADED: "⚠️",
    Verdict.STARTING: "⏳",
    Verdict.BROKEN: "❌",
    Verdict.INCONCLUSIVE: "❔",
}

EFFECT_WORDS = {
    Effect.READS: "read-only",
    Effect.CHANGES: "changes the cluster",
    Effect.DISRUPTS: "interrupts traffic",
}

SEVERITY_WORDS = {
    Severity.BLOCKS: "blocks traffic",
    Severity.DEGRADES: "degrades traffic",
    Severity.RISKS: "risk",
}

DATE_AND_TIME = "{date_short_pretty} at {time}"
"""A format of `local_time` for moments that may be on another day.

Examples: "today at 3:45 PM", "Nov 30, 2026 at 3:45 PM". No preposition of time comes before it.
"""


def check_title(slug: str) -> Escaped:
    """The code and title of a check; its slug if it no longer exists."""
    return plain(check_words(slug))


def check_words(slug: str) -> str:
    """The same without markup."""
    return next((f"{check.code} {check.title}" for check in catalogue() if check.slug == slug), slug)


def headline_words(slug: str) -> str:
    """The title of a check after the impact, with its code at the end."""
    found = next((check for check in catalogue() if check.slug == slug), None)
    return f"{after_colon(found.title)} ({found.code})" if found is not None else slug


def local_time(moment: datetime, form: str = "{time}") -> Escaped:
    """A time that Slack shows in each reader's time zone; UTC in notifications, which cannot."""
    utc = moment.astimezone(UTC)
    elsewhere = f"{utc:%H:%M} UTC" if form == "{time}" else day_and_time(utc)
    return raw(f"<!date^{int(utc.timestamp())}^{form}|{elsewhere}>")


def day_and_time(utc: datetime) -> str:
    """A moment where Slack cannot show it in the reader's time zone: `Nov 30 at 15:45 UTC`."""
    return f"{utc:%b %-d at %H:%M} UTC"


def step_line(title: str) -> Escaped:
    """The next step in a line."""
    return raw(f"👉 {plain(title)}")


def requester_of(user: str) -> Escaped:
    """The user who has requested a run, as a mention; an alert or a workflow is no user."""
    return raw({ALERT_USER: "an alert", WORKFLOW_USER: "a workflow"}.get(user, f"<@{user}>"))


def since_when(beginning: Beginning) -> Escaped:
    """Since when a fault exists: `since` with a time of the cluster, otherwise `first seen`."""
    if beginning.since is not None:
        return raw(f"since {local_time(beginning.since, DATE_AND_TIME)}")
    return raw(f"first seen {local_time(beginning.first_seen, DATE_AND_TIME)}")


def short_duration(seconds: float) -> str:
    """A duration in at most two units: `8 s`, `3 min`, `2 h 05 min`."""
    rounded = round(seconds)
    if rounded < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{rounded} s"
    if rounded < 3600:
        return f"{rounded // 60} min"
    return f"{rounded // 3600} h {rounded % 3600 // 60:02d} min"


def long_duration(seconds: float) -> str:
    """A duration in one unit: `47 minutes`, `12 hours`, `3 days`."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return plural(minutes, "minute")
    hours = round(minutes / 60)
    return plural(hours, "hour") if hours < 48 else plural(round(hours / 24), "day")
