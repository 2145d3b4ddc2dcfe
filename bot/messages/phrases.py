"""Marks and words of the messages."""

from datetime import UTC, datetime

from bot.messages.blocks import Escaped, raw
from checks.model.findings import Effect, Status, Verdict

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
    Verdict.BROKEN: "❌",
    Verdict.INCONCLUSIVE: "❔",
}

EFFECT_WORDS = {
    Effect.READS: "only reads",
    Effect.CHANGES: "changes the cluster",
    Effect.DISRUPTS: "cuts traffic while it runs",
}


def local_time(moment: datetime, form: str = "{time}") -> Escaped:
    """A time that each reader sees in their own zone; UTC where Slack cannot (notifications)."""
    utc = moment.astimezone(UTC)
    return raw(f"<!date^{int(utc.timestamp())}^{form}|{utc:%H:%M} UTC>")


def short_duration(seconds: float) -> str:
    """A duration in one or two parts: `8 s`, `3 min`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
