"""One version everywhere: the packages, the chart, the changelog, the pages."""

import re
import tomllib
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


def test_the_two_distributions_require_each_other_in_this_version() -> None:
    main, demo = (
        tomllib.loads((ROOT / place / "pyproject.toml").read_text())["project"] for place in (".", "bot/sandbox")
    )
    assert main["optional-dependencies"]["demo"] == [f"egress-diag-demo=={__version__}"]
    assert [line for line in demo["dependencies"] if line.startswith("egress-diag")] == [f"egress-diag=={__version__}"]


def test_the_installed_distributions_have_this_version() -> None:
    assert (version("egress-diag"), version("egress-diag-demo")) == (__version__, __version__)


def test_the_installation_page_names_the_image_by_this_version() -> None:
    page = (ROOT / "docs/install.md").read_text()
    assert set(re.findall(r"egress-diag:(\d[\w.]*)|tag: (\d[\w.]*)|VERSION=(\d[\w.]*)", page)) == {
        (__version__, "", ""),
        ("", __version__, ""),
        ("", "", __version__),
    }
