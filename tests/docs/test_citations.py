"""Every page and anchor that the code and the pages cite is in the repository."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP = ("bot", "workers", "checks", "docs", "examples", "helm", "tests")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
OUTSIDE = re.compile(
    r"(?<![\w/.#-])(?:domain|catalogue|contract|design|style|ecosystem|slack|language)\.md"
    r"(?=[ ,;:)]*(?:\d|,|\)|Appendix|Bundle))|(?<![\w#-])[Rr]ulings? \d+(?![\d)]*\]\()"
)
"""A document without its folder, or a ruling by its number alone."""

CITATION = re.compile(r"(?<![\w/.-])docs/[\w./-]+\.md(?:#[\w-]+)?")


def tracked() -> tuple[Path, ...]:
    """The files of the checkout that can cite or be cited, from git if available."""
    git = shutil.which("git") or "git"
    words = [git, "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False) if shutil.which(git) else None
    if listed is not None and listed.returncode == 0:
        files = [ROOT / name for name in listed.stdout.splitlines()]
    else:
        files = [file for top in TOP for file in (ROOT / top).rglob("*")]
    return tuple(f for f in files if f.suffix in (".py", ".md", ".yaml", ".toml", ".tpl", ".txt") and f.is_file())


FILES = tracked()
PAGES = tuple(f for f in FILES if f.suffix == ".md")


@cache
def anchors(page: Path) -> frozenset[str]:
    """Explicit anchors, and those that GitHub generates from headings."""
    text = page.read_text(encoding="utf-8")
    made = {_slug(title) for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    return frozenset(made | set(re.findall(r'<a id="([\w-]+)"></a>', text)))


def _slug(title: str) -> str:
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
    return re.sub(r"[^\w\- ]", "", words.lower()).strip().replace(" ", "-")


def dead(target: Path, anchor: str) -> bool:
    """Whether the page or the anchor does not exist."""
    if not target.exists():
        return True
    return bool(anchor) and target.suffix == ".md" and anchor not in anchors(target)


def links_of(page: Path) -> Iterator[tuple[str, Path, str]]:
    """The links of a page into the repository: as written, the file, the anchor."""
    for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            yield link, (page.parent / path).resolve() if path else page, anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_of_a_page_resolve(page: Path) -> None:
    assert [link for link, target, anchor in links_of(page) if dead(target, anchor)] == []


def test_the_citations_of_the_code_resolve() -> None:
    missing = []
    for file in FILES:
        for cited in CITATION.findall(file.read_text(encoding="utf-8")):
            path, _, anchor = cited.partition("#")
            if dead(ROOT / path, anchor):
                missing.append(f"{file.relative_to(ROOT)}: {cited}")
    assert missing == []


def test_no_citation_leaves_the_reader_searching() -> None:
    """ "domain.md 5.2" and "Ruling 8" name neither the page nor the place.

    Pages of docs/ may name the pages beside them.
    """
    found = []
    for file in FILES:
        name = file.relative_to(ROOT)
        if file == Path(__file__) or name.parts[0] == "docs":
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            if cited := OUTSIDE.search(line):
                found.append(f"{name}:{number}: {cited.group()}")
    assert found == []
