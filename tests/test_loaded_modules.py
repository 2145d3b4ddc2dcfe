"""The modules that a command loads: each one delays it."""

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


HELP_PACKAGES = {"checks.cli", "checks.config", "checks.model"}
DIAGNOSIS_LIBRARIES = {
    *(
        "annotated_types",
        "click",
        "json_merge_patch",
        "jsonpatch",
        "jsonpointer",
        "orjson",
        "pydantic",
        "pydantic_core",
    ),
    *("typing_extensions", "typing_inspection", "yaml"),
}
SLOW = {
    "asyncio",
    "concurrent",
    "dataclasses",
    "email",
    "http",
    "importlib.metadata",
    "json",
    "logging",
    "socket",
    "ssl",
    "zipfile",
}
"""Modules of the standard library that take longer than the rest of --help."""
EMPTY = "import sys; print(*sys.modules)"
LOADED = """
import sys
from checks.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as done:
    assert done.code == 0, done.code
print()
print(*sys.modules)
"""


def loaded(*words: str) -> set[str]:
    """The modules that a command loads, without those of an empty program."""
    empty = subprocess.run([sys.executable, "-c", EMPTY], capture_output=True, text=True, check=True).stdout.split()
    done = subprocess.run([sys.executable, "-c", LOADED, *words], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()) - set(empty)


def libraries(modules: set[str]) -> set[str]:
    """The libraries of other projects among modules."""
    names = {each.partition(".")[0] for each in modules if not each.startswith("_")}
    compiled = {each for each in names if each == "cython_runtime"}  # a compiled module of PyYAML registers it
    return names - sys.stdlib_module_names - compiled - {"checks"}


def test_the_help_loads_the_command_line_and_click_alone() -> None:
    found = loaded("--help")
    assert libraries(found) == {"click"}
    assert {".".join(each.split(".")[:2]) for each in found if each.startswith("checks.")} == HELP_PACKAGES
    assert found & SLOW == set()


def test_the_diagnosis_of_a_bundle_loads_no_other_library_than_these() -> None:
    found = loaded("diagnose", "any", "team-egress/egw", "--bundle", BUNDLE)
    assert libraries(found) <= DIAGNOSIS_LIBRARIES
