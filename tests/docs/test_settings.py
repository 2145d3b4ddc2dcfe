"""The page of environment variables, compared with the code."""

import importlib
import re
from pathlib import Path

import pytest

from bot.slack.settings import SlackSettings
from checks.config.environment import EnvironmentSettings
from checks.config.settings import KubectlSettings, PodSettings, Settings, TerminalSettings
from workers.queue.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
MODELS: tuple[type[EnvironmentSettings], ...] = (
    Settings,
    KubectlSettings,
    PodSettings,
    TerminalSettings,
    WorkerSettings,
    SlackSettings,
)
SHOWN_OTHERWISE = {
    "EGRESS_DIAG_CONFIG",
    "EGRESS_DIAG_LOG",
    "KUBECONFIG",
    "HOSTNAME",
    "KUBERNETES_SERVICE_HOST",
    "NO_COLOR",
    "TERM",
}
"""Variables whose default depends on the process."""


def rows() -> dict[str, tuple[str, str]]:
    """Default and allowed values of each variable, as on the page."""
    page = (
        (ROOT / "docs/configuration.md")
        .read_text()
        .partition("## Read by egress-diag")[2]
        .partition("## Read by lib")[0]
    )
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| `")]
    return {name: (row[2], row[3]) for row in cells for name in re.findall(r"`(\w+)`", row[0])}


def test_the_page_lists_exactly_the_variables_of_the_code() -> None:
    assert set(rows()) == {name for model in MODELS for name in model.variables()}


@pytest.mark.parametrize("model", MODELS)
def test_defaults_and_allowed_values_are_those_of_the_code(model: type[EnvironmentSettings]) -> None:
    for name, (allowed, default) in model.variables().items():
        shown = rows()[name]
        if name not in ("HOSTNAME", "KUBERNETES_SERVICE_HOST"):
            assert shown[1] == allowed, name
        if name not in SHOWN_OTHERWISE and isinstance(default, str | int):
            assert shown[0] == f"`{default}`", name


def test_every_settings_class_is_compared() -> None:
    for path in ("checks", "workers", "bot"):
        for file in (ROOT / path).rglob("*settings*.py"):
            if "sandbox" not in file.parts:
                importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
    found = {each for each in EnvironmentSettings.__subclasses__() if not each.__module__.startswith("bot.sandbox")}
    assert found == set(MODELS)
