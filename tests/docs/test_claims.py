"""Each test and case that docs/claims.md names exists."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "claims.md"
HELD_BY = re.compile(r"\[[^]]+\]\((?P<file>\.\./tests/[^)]+)\): (?P<names>`[^`]+`(?:, `[^`]+`)*)")


def test_every_test_and_case_of_the_page_exists() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 15
    for row in rows:
        found = [
            (each["file"], name) for each in HELD_BY.finditer(row) for name in re.findall(r"`([^`]+)`", each["names"])
        ]
        assert found, row
        for file, name in found:
            written = (PAGE.parent / file).read_text(encoding="utf-8")
            assert (f"def {name}(" if name.startswith("test_") else name) in written, f"{file}: {name}"
