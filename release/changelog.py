"""The entries of CHANGELOG.md."""

import re
from dataclasses import dataclass

_HEADING = re.compile(r"^## (?P<version>\S+) \((?P<state>unreleased|\d{4}-\d\d-\d\d)\)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    """The changes of one version."""

    version: str
    released: str | None
    """The date (YYYY-MM-DD); None while the version is not released."""
    text: str


def newest_entry(changelog: str) -> Entry:
    """The first entry. Raises ValueError if there is none."""
    headings = list(_HEADING.finditer(changelog))
    if not headings:
        raise ValueError("CHANGELOG.md has no entry '## VERSION (unreleased)' or '## VERSION (YYYY-MM-DD)'")
    end = headings[1].start() if len(headings) > 1 else len(changelog)
    state = headings[0]["state"]
    text = changelog[headings[0].end() : end].strip()
    return Entry(headings[0]["version"], None if state == "unreleased" else state, text)
