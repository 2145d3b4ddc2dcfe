"""One version everywhere: the packages, the chart, the changelog, the pages."""

import re
from importlib.metadata import version
from pathlib import Path

import yaml

from checks import __version__

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm/egress-diag/Chart.yaml"


def test_the_chart_and_the_application_in_it_have_the_packages_version() -> None:
    chart = yaml.safe_load(CHART.read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    entries = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert re.fullmatch(rf"{re.escape(__version__)} \((unreleased|\d{{4}}-\d\d-\d\d)\)", entries[0])


def test_every_released_chart_has_an_entry_with_its_date() -> None:
    released = {path.stem.rpartition("-")[2] for path in (ROOT / "tests/helm/released").glob("*.tgz")}
    entries = re.findall(r"^## (\S+) \(\d{4}-\d\d-\d\d\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released <= set(entries)
    assert __version__ not in released


def test_the_installed_distribution_has_this_version() -> None:
    assert version("egress-diag") == __version__


def test_every_page_names_the_published_chart_with_this_version() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), CHART.parent / "README.md"]
    named = [
        (page.name, words)
        for page in pages
        for words in re.findall(r"oci://\S+/egress-diag( [^ `]+ [^ `]+)?", page.read_text())
        if words
    ]
    assert {words for _, words in named} == {f" --version {__version__}"}
    assert {page for page, _ in named} >= {"README.md", "install.md", "upgrade.md"}


def test_the_installation_page_names_the_image_by_this_version() -> None:
    page = (ROOT / "docs/install.md").read_text()
    assert set(re.findall(r"egress-diag:(\d[\w.]*)|tag: (\d[\w.]*)|VERSION=(\d[\w.]*)", page)) == {
        (__version__, "", ""),
        ("", __version__, ""),
        ("", "", __version__),
    }
