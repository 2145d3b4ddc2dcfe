"""The libraries that a command imports: one that it does not need delays it."""

import subprocess
import sys

import pytest

from tests.command_line import ROOT

BUNDLE = str(ROOT / "examples" / "bundles" / "healthy")


@pytest.mark.parametrize(
    ("words", "unneeded"),
    [
        (["--help"], {"pydantic", "yaml", "urllib3", "kubernetes", "azure", "redis", "slack_bolt", "rich"}),
        (["diagnose", "--help"], {"pydantic", "yaml", "urllib3", "kubernetes", "azure", "rich"}),
        (
            ["diagnose", "any", "team-egress/egw", "--bundle", BUNDLE, "--output", "json"],
            {"pydantic_settings", "urllib3", "kubernetes", "azure", "redis", "rich"},
        ),
    ],
    ids=["help", "help of a command", "diagnosis of a bundle"],
)
def test_a_command_loads_only_the_libraries_that_it_needs(words: list[str], unneeded: set[str]) -> None:
    program = (
        "import sys\nfrom checks.cli.main import main\n"
        f"try:\n    main({words!r})\nexcept SystemExit as done:\n    print(f'\\nexit code {{done.code}}')\n"
        f"print(sorted(name for name in {sorted(unneeded)!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == ["exit code 0", "[]"]
