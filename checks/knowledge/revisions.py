"""The support calendar of the add-on's mesh revisions, from tables/mesh-revisions.yaml.

Source: docs/domain/algorithms.md#revision-calendar. The table becomes outdated: findings from it are warnings that name
its date (docs/rulings.md#ruling-14), and a value newer than it is not checked (docs/rulings.md#ruling-29).
"""

import re
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from checks.knowledge.tables import read_table

Minor = tuple[int, int]


def _minor(value: object) -> object:
    found = re.fullmatch(r"(\d+)[.-](\d+)", value, re.ASCII) if isinstance(value, str) else None
    return (int(found[1]), int(found[2])) if found else value


_Minor = Annotated[Minor, BeforeValidator(_minor)]


class SupportedRevision(BaseModel):
    """A mesh revision: its end of support and the AKS minor versions it works with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^asm-\d+-\d+$")]
    ends: _Minor
    """The last month of support: (year, month)."""
    oldest: _Minor
    newest: _Minor
    expected: bool = False
    """Whether the documentation calls the end expected."""
    oldest_with_lts: _Minor | None = None
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


class Calendar(BaseModel):
    """The rows of the calendar, oldest revision first, and the date of its source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    taken: date
    source: str
    used_by: tuple[str, ...]
    revisions: Annotated[tuple[SupportedRevision, ...], Field(min_length=2)]

    def row(self, name: str) -> SupportedRevision | None:
        """The row of a revision, None if it has none."""
        return next((each for each in self.revisions if each.name == name), None)

    @property
    def newest_kubernetes(self) -> Minor:
        """The newest minor version in any row. About newer versions the calendar says nothing."""
        return max(each.newest for each in self.revisions)

    def could_be_supported(self, row: SupportedRevision) -> bool:
        """Whether the end of support of this revision depends on releases that came later.

        AKS always supports two revisions, so that this is so for the two newest rows.
        """
        return row in self.revisions[-2:]

    def knows(self, row: SupportedRevision, minor: Minor) -> bool:
        """Whether the calendar covers this revision on this minor version."""
        return minor <= self.newest_kubernetes or row.newest < self.newest_kubernetes

    def next_of(self, name: str, minor: Minor, *, long_term_support: bool, now: datetime) -> SupportedRevision | None:
        """The newest supported revision to which a mesh of this revision can be upgraded.

        An upgrade skips at most one revision, and the new one is compatible with the AKS minor version. None if the
        calendar has none.
        """
        old = version_of(name)
        if old is None:
            return None
        near = {f"asm-{old[0]}-{old[1] + step}" for step in (1, 2)}
        found = [
            each
            for each in self.revisions
            if each.name in near
            and each.runs_on(minor, long_term_support)
            and (not each.ended(now) or self.could_be_supported(each))
        ]
        return found[-1] if found else None

    def before(self, name: str) -> bool:
        """Whether the revision is older than every row, so that its support has ended."""
        version, first = version_of(name), version_of(self.revisions[0].name)
        return version is not None and first is not None and version < first


CALENDAR = read_table("mesh-revisions.yaml", Calendar)


def version_of(name: str) -> Minor | None:
    """`asm-1-30` as (1, 30), for comparing revisions; None for a name of another shape."""
    found = re.fullmatch(r"asm-(\d+)-(\d+)", name, re.ASCII)
    return (int(found[1]), int(found[2])) if found else None
