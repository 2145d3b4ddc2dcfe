"""The recent changes of objects, and the traffic, that a report names."""

from collections.abc import Iterator

from bot.messages.blocks import Block, as_code, plain, raw, section
from bot.messages.phrases import DATE_AND_TIME, local_time
from checks.model.findings import Report
from checks.reports.traffic_words import traffic_line, traffic_notes


def recent_changes(report: Report, most: int = 5) -> Iterator[Block]:
    """A section with one line for each change; none without changes."""
    if report.changes:
        rows = "\n".join(
            f"• {local_time(each.at, DATE_AND_TIME)} {as_code(each.resource)} {plain(each.what)}"
            + (f" by {plain(each.who)}" if each.who else "")
            for each in report.changes[:most]
        )
        yield section(raw(f"*Recent changes of objects*\n{rows}"))


def recent_events(report: Report) -> Iterator[Block]:
    """The recent changes, and the state of the traffic if it is known."""
    yield from recent_changes(report)
    if traffic := traffic_line(report):
        yield section(plain("\n".join(f"{each}." for each in (traffic, *traffic_notes(report)))))
