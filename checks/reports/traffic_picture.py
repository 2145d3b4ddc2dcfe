"""The traffic of the last hours as a small picture of text."""

from collections.abc import Sequence

from checks.model.findings import Report

_HEIGHTS = "▁▂▃▄▅▆▇█"
_UNKNOWN = "·"
_HOUR = 3600


def traffic_picture(report: Report) -> tuple[str, ...]:
    """The requests, those that failed, and the scale of both; empty if not known.

    Each line has at most 60 columns. The lowest bar is no request at all, and a dot a time that is not known.
    """
    history = report.traffic.history if report.traffic is not None else None
    if history is None:
        return ()
    highest = max((each for each in history.totals if each is not None), default=0)
    if not highest:
        return ()
    hours = round(len(history.totals) * history.step_seconds / _HOUR)
    most_failed = max(each for each in history.failed if each is not None)
    minutes = history.step_seconds // 60
    return (
        f"requests {_bars(history.totals, highest)}",
        f"failed   {_bars(history.failed, highest)}",
        f"last {hours} h, at most {highest:,} in {minutes} min, {most_failed:,} failed",
    )


def _bars(counts: Sequence[int | None], highest: int) -> str:
    return "".join(_UNKNOWN if each is None else _bar(each, highest) for each in counts)


def _bar(count: int, highest: int) -> str:
    """The lowest bar is for zero alone."""
    if not count:
        return _HEIGHTS[0]
    steps = len(_HEIGHTS) - 1
    return _HEIGHTS[min(steps, 1 + (count * steps - 1) // highest)]
