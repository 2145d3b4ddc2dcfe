"""The support calendar of the add-on's mesh revisions as of `DATED`.

Source: docs/domain/algorithms.md#revision-calendar.

The table becomes outdated, so findings from it are warnings that name its date (docs/rulings.md#ruling-14).
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

DATED = date(2026, 8, 21)
"""The date of the documentation from which the table was taken."""

Minor = tuple[int, int]


@dataclass(frozen=True, slots=True)
class SupportedRevision:
    """A mesh revision: its end of support and the AKS minor versions it works with.

    The end of support is (year, month).
    """

    name: str
    ends: tuple[int, int]
    oldest: Minor
    newest: Minor
    expected: bool = False
    """Whether the documentation calls the end expected."""
    oldest_with_lts: Minor | None = None
    """The oldest minor version for clusters with long-term support, if it differs."""

    def ended(self, now: datetime) -> bool:
        """Whether its last month of support has passed."""
        year, month = self.ends
        return now >= datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)

    def runs_on(self, minor: Minor, long_term_support: bool) -> bool:
        """Whether it is compatible with this AKS minor version."""
        oldest = self.oldest_with_lts if long_term_support and self.oldest_with_lts else self.oldest
        return oldest <= minor <= self.newest

    @property
    def end(self) -> str:
        """The end of support: `2026-08 (expected)`."""
        return f"{self.last_month} (expected)" if self.expected else self.last_month

    @property
    def last_month(self) -> str:
        """The month with which AKS ends the support, as `2026-08`."""
        year, month = self.ends
        return f"{year}-{month:02}"

    @property
    def minors(self) -> str:
        """The range of minor versions: `1.30 to 1.35`."""
        return f"{self.oldest[0]}.{self.oldest[1]} to {self.newest[0]}.{self.newest[1]}"


CALENDAR = (
    SupportedRevision("asm-1-24", (2025, 9), (1, 28), (1, 33)),
    SupportedRevision("asm-1-25", (2026, 1), (1, 29), (1, 33), oldest_with_lts=(1, 28)),
    SupportedRevision("asm-1-26", (2026, 4), (1, 29), (1, 34), oldest_with_lts=(1, 28)),
    SupportedRevision("asm-1-27", (2026, 5), (1, 29), (1, 35)),
    SupportedRevision("asm-1-28", (2026, 8), (1, 30), (1, 35), expected=True),
    SupportedRevision("asm-1-29", (2026, 9), (1, 31), (1, 36), expected=True),
    SupportedRevision("asm-1-30", (2026, 12), (1, 32), (1, 36), expected=True),
)


def calendar_entry(name: str) -> SupportedRevision | None:
    """The calendar's row for a revision, None if it has none."""
    return next((each for each in CALENDAR if each.name == name), None)


def version_of(name: str) -> Minor | None:
    """`asm-1-30` as (1, 30), for comparing revisions; None for a name of another shape."""
    found = re.fullmatch(r"asm-(\d+)-(\d+)", name, re.ASCII)
    return (int(found[1]), int(found[2])) if found else None


def before_the_calendar(name: str) -> bool:
    """Whether the revision is older than all in the calendar, so that its support has ended."""
    version, first = version_of(name), version_of(CALENDAR[0].name)
    return version is not None and first is not None and version < first
