"""The two wheels of this repository, and what each provides when it is installed alone."""

import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.distributions.installed import Installed, built_wheel

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples/bundles"
FOLDERS = {"egress-diag": ROOT, "egress-diag-demo": ROOT / "bot/sandbox"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both wheels by the name of their distribution."""
    return {name: built_wheel(folder, tmp_path_factory.mktemp(name)) for name, folder in FOLDERS.items()}


def contents(wheel: Path) -> set[str]:
    """The files of a wheel without its metadata."""
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def project(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return found


def files(*folders: str) -> set[str]:
    """All files below folders of the repository, except compiled ones."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in found if path.suffix != ".pyc"}


def test_the_main_wheel_has_all_of_the_packages_but_the_sandbox(wheels: dict[str, Path]) -> None:
    assert contents(wheels["egress-diag"]) == files("bot", "workers", "checks") - files("bot/sandbox")


def test_the_demo_wheel_has_the_sandbox_and_the_example_bundles(wheels: dict[str, Path]) -> None:
    examples = {name.replace("examples/bundles", "bot/sandbox/examples", 1) for name in files("examples/bundles")}
    sandbox = files("bot/sandbox") - {"bot/sandbox/pyproject.toml"}
    assert contents(wheels["egress-diag-demo"]) == sandbox | examples


def test_the_main_wheel_needs_nothing_of_the_demo() -> None:
    demo = {line for line in project(FOLDERS["egress-diag-demo"])["dependencies"] if not line.startswith("egress-diag")}
    main = project(ROOT)
    assert demo
    assert not demo & set(main["dependencies"])
    assert [line.partition("==")[0] for line in main["optional-dependencies"]["demo"]] == ["egress-diag-demo"]


@pytest.fixture(scope="module")
def alone(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("alone"), wheels["egress-diag"])


@pytest.fixture(scope="module")
def both(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("both"), *wheels.values())


def test_the_main_wheel_alone_has_no_sandbox(alone: Installed) -> None:
    done = alone.run(str(alone.python), "-c", "import bot, workers, checks; import bot.sandbox")
    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'bot.sandbox'"


def test_without_the_demo_its_command_names_what_to_install(alone: Installed) -> None:
    done = alone.egress_diag("demo", "--once")
    assert done.returncode == 2
    assert (
        done.stderr.splitlines()[-1]
        == "Error: the demo is a separate package; install it with: pip install 'egress-diag[demo]'"
    )
    assert "Traceback" not in done.stderr


def test_the_help_of_the_main_wheel_lists_no_demo(alone: Installed) -> None:
    listed = alone.egress_diag("--help").stdout
    assert "\n  diagnose " in listed
    assert "\n  demo " not in listed


@pytest.mark.parametrize(
    "command",
    [
        *("bot", "worker", "beat", "mcp", "doctor", "history"),
        *("diagnose", "watch", "list", "sweep", "collect", "checks", "probe", "restart"),
    ],
)
def test_every_other_command_loads_from_the_main_wheel(command: str, alone: Installed) -> None:
    done = alone.egress_diag(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")


def test_every_module_of_the_main_wheel_can_be_imported(alone: Installed) -> None:
    walk = (
        "import bot, workers, checks, importlib, os, pkgutil\n"
        "os.environ['REDIS_URL'] = 'redis://127.0.0.1:1/0'\n"
        "for package in (bot, workers, checks):\n"
        "    for each in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(each.name)\n"
    )
    done = alone.run(str(alone.python), "-c", walk)
    assert done.returncode == 0, done.stderr


def test_the_main_wheel_diagnoses_a_bundle_and_prints_the_page_of_a_check(alone: Installed) -> None:
    bundle = EXAMPLES / "gateway-pool-missing"
    done = alone.egress_diag("diagnose", "x", "team-egress/egw", "--bundle", str(bundle), "--output", "markdown")
    assert (done.returncode, done.stderr) == (1, "")
    page = alone.egress_diag("checks", "EG405")
    assert (page.returncode, page.stderr) == (0, "")


def test_the_apps_manifest_is_in_the_main_wheel(alone: Installed) -> None:
    assert (alone.site / "bot/manifest.yaml").read_text() == (ROOT / "bot/manifest.yaml").read_text()


@pytest.mark.timeout(180)
def test_both_wheels_together_run_the_whole_demo(both: Installed) -> None:
    done = both.egress_diag("demo", "--once")
    assert done.returncode == 0, done.stderr
    assert "gateway-pool-missing" in done.stdout
