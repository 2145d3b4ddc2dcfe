"""The pages and files that are written from the chart's values."""

import yaml

from tests.helm.chart import CHART
from tests.helm.defaults import HEADER, defaults
from tests.helm.values_page import EXAMPLES, page, title


def test_the_page_of_the_chart_is_up_to_date() -> None:
    assert (CHART / "README.md").read_text() == page(), "run make docs"


def test_the_defaults_of_older_values_are_those_of_the_chart() -> None:
    written = (CHART / "files/defaults.yaml").read_text()
    assert written.startswith(HEADER)
    assert yaml.safe_load(written) == defaults(), "run make docs"


def test_the_page_describes_every_default() -> None:
    found = page()
    missing = [path for path in defaults() if f"| `{path}" not in found]
    assert missing == []


def test_every_template_begins_with_the_defaults() -> None:
    for path in [*(CHART / "templates").rglob("*.yaml"), CHART / "templates/NOTES.txt"]:
        assert path.read_text().startswith('{{- include "egress-diag.defaults" . }}\n'), path.name


def test_every_example_begins_with_its_title() -> None:
    for path in EXAMPLES.glob("*.yaml"):
        assert title(path.read_text()).endswith("."), path.name
