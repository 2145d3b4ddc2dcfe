"""`make new`: the code and the format of a new check."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from checks.docs.new_check import TABLES, create_check
from tests.clusters.bundles import read_yaml

ROOT = Path(__file__).parents[2]
BEFORE = '---\n\n<a id="static-gateway"></a>\n'
PLANNED = """\
<a id="planned-fault"></a>
### EG390 planned-fault

**planned** The gateway has no planned fault.

- **Article**: none.
- **Explains**: nothing.

| Result | Condition |
| --- | --- |
| warning | The fault is there |

"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with the rules of all checks, as the current folder."""
    for each in ("checks/catalogue/provisioning", "tests/scenarios/provisioning", "docs/domain"):
        (tmp_path / each).mkdir(parents=True)
    tables = (ROOT / TABLES).read_text(encoding="utf-8")
    (tmp_path / TABLES).write_text(tables.replace(BEFORE, PLANNED + BEFORE), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def created(folder: Path, fault: str) -> Path:
    create_check(f"provisioning/{fault}")
    return folder / f"checks/catalogue/provisioning/{fault}.py"


def test_a_planned_check_gets_its_reserved_code(folder: Path) -> None:
    assert 'code="EG390"' in created(folder, "planned_fault").read_text()


def test_another_check_gets_a_code_that_is_not_reserved(folder: Path) -> None:
    found = re.search(r'code="(EG3\d\d)"', created(folder, "a_fault_that_is_not_planned").read_text())
    assert found is not None
    assert found[1] not in (ROOT / TABLES).read_text()


def test_two_new_checks_have_different_codes(folder: Path) -> None:
    files = [created(folder, fault).read_text() for fault in ("a_first_fault", "a_second_fault")]
    assert len({code for text in files for code in re.findall(r'code="(EG3\d\d)"', text)}) == 2


def test_the_rules_of_a_planned_check_move_to_its_cases(folder: Path) -> None:
    check = created(folder, "planned_fault").read_text()
    rules = read_yaml(folder / "tests/scenarios/provisioning/planned_fault.yaml")["rules"]
    assert rules.startswith("The gateway has no planned fault.\n\n")
    assert "| warning | The fault is there |" in rules
    assert "**Article**" not in rules
    assert "article=()," in check


def test_a_new_check_is_formatted(folder: Path) -> None:
    file = created(folder, "a_fault_that_is_not_planned")
    ruff = Path(sys.executable).with_name("ruff")
    assert (
        subprocess.run([ruff, "format", "--check", "--config", ROOT / "pyproject.toml", file], check=False).returncode
        == 0
    )
