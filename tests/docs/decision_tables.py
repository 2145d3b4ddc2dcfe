"""The sections of docs/domain/decision-tables.md: `python -m tests.docs.decision_tables`.

A section is what the check declares, and the `rules` of its scenario file. The page keeps its introduction, the
sections of planned checks and what follows the last stage.
"""

import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from checks.catalogue import catalogue
from checks.docs.catalogue_page import scenarios, steps
from checks.engine.check import Check
from checks.model.findings import Severity
from checks.reports.wording import STAGES
from tests.scenarios.cases import cases_of, rules_of

PAGE = Path(__file__).parents[2] / "docs/domain/decision-tables.md"
SECTION = re.compile(r'^<a id="([\w-]+)"></a>\n### (EG\d+) \1\n\n(.*?)(?=^<a id=|^---$)', re.MULTILINE | re.DOTALL)
"""Slug, code and text of the section of a check."""

SEVERITY = re.compile(r"^- \*\*Severity\*\*: .*\n(?:  .*\n)*", re.MULTILINE)
"""The item that gives the conditions of a lower severity."""


def section(check: Check) -> str:
    """The section of a check, which ends with an empty line."""
    healthy, _, rest = rules_of(check).partition("\n\n")
    severity = SEVERITY.search(rest)
    declared = "".join(_declared(check, severity[0] if severity else ""))
    rest = SEVERITY.sub("", rest).strip()
    gap = "" if rest.startswith("- ") else "\n"
    return f'<a id="{check.slug}"></a>\n### {check.code} {check.slug}\n\n{healthy}\n\n{declared}{gap}{rest}\n\n'


def _declared(check: Check, severity: str) -> Iterator[str]:
    yield _item("Fault", f"{check.title}.")
    yield severity or _item("Severity", f"{'; '.join(_severities(check))}.")
    yield _item("Article", f"{steps(check) or 'none'}.")
    edges = [f"[{slug}](#{slug}){f' (same {why.share})' if why.share else ''}" for slug, why in check.explains.items()]
    yield _item("Explains", f"{', '.join(edges) or 'nothing'}.")
    yield _item("Cases", f"[{check.slug}](../../tests/scenarios/{scenarios(check)}).")


def _severities(check: Check) -> Iterator[str]:
    """The declared severity, and the lower ones that the cases show."""
    shown = {finding.get("severity") for case in cases_of(check) for finding in case.expected}
    yield check.severity
    yield from (f"{each} for warnings" for each in Severity if each != check.severity and each in shown)


def _item(name: str, text: str) -> str:
    words = f"- **{name}**: {text}"
    return textwrap.fill(words, 125, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False) + "\n"


def decision_tables(page: str, checks: Sequence[Check]) -> str:
    """The page with the present section of every check."""
    for check in checks:
        sections = {found[1]: found for found in SECTION.finditer(page)}
        found = sections.get(check.slug)
        start, end = found.span() if found else (_place(page, check),) * 2
        page = page[:start] + section(check) + page[end:]
    return page


def _place(page: str, check: Check) -> int:
    """The position of a new section: by code within the stage."""
    stage = page.index(f"\n## {STAGES[check.stage]}\n")
    later = next((found.start() for found in SECTION.finditer(page, stage) if found[2] > check.code), len(page))
    return min(later, page.index("\n---\n", stage) + 1)


def planned(page: str) -> dict[str, str]:
    """The slugs of the planned checks, by code."""
    return {found[2]: found[1] for found in SECTION.finditer(page) if found[3].startswith("**planned** ")}


if __name__ == "__main__":
    PAGE.write_text(decision_tables(PAGE.read_text(encoding="utf-8"), catalogue()), encoding="utf-8")
