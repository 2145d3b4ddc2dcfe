"""The pages about installing and about rights: their commands run, their values work, their tables are the checks'."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from checks.catalogue import catalogue
from checks.docs.permission_tables import PARTS, PROBE, PURPOSES, RESTART, purpose
from checks.engine.permissions import azure_rights, kubernetes_rights
from tests.docs.commands import ROOT, Block, blocks
from tests.helm.chart import CHART, program, rendered

BLOCKS = blocks("docs/install.md")
INSTALL = (ROOT / "docs/install.md").read_text()
PERMISSIONS = (ROOT / "docs/permissions.md").read_text()


def test_the_commands_that_need_nothing_work_as_they_stand(tmp_path: Path) -> None:
    environment = {"PATH": f"{Path(program('helm')).parent}:{os.defpath}", "HOME": str(tmp_path)}
    (tmp_path / "helm").symlink_to(ROOT / "helm")
    (block,) = [block for block in BLOCKS if not block.needs]
    done = subprocess.run(
        [shutil.which("bash") or "/bin/bash", "-euo", "pipefail", "-c", block.script],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    values = yaml.safe_load((tmp_path / "egress-diag-values.yaml").read_text())
    assert values["slack"]["existingSecret"] == "egress-diag-slack"
    assert len(rendered(values)) == int(done.stdout.split()[-1])


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_is_shell_and_says_to_people_what_it_needs(block: Block) -> None:
    done = subprocess.run(["/bin/bash", "-n", "-c", block.script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if block.needs:
        above = INSTALL.splitlines()[: block.line - 2]
        assert any(line.strip() == f"*{block.needs.capitalize()}*" for line in above[-3:])


def test_the_objects_that_the_commands_name_are_the_charts() -> None:
    names = {f"{o['kind'].lower()}/{o['metadata']['name']}" for o in rendered({})}
    scripts = "\n".join(block.script for block in BLOCKS).replace("deploy/", "deployment/")
    used = set(re.findall(r"\b(?:deployment|statefulset)/[\w-]+", scripts))
    assert used
    assert used <= names
    # The account of the federated credential is the one that the workers have.
    assert re.findall(r"system:serviceaccount:([\w-]+):([\w-]+)", scripts) == [("egress-diag", "egress-diag-worker")]
    assert "serviceaccount/egress-diag-worker" in names


def test_the_values_that_the_page_names_exist() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    named = set(re.findall(r"`([a-z]\w+(?:\.\w+)+)[:`]", INSTALL))
    names = {each for each in named if each.split(".")[0] in values}
    assert len(names) > 15
    for name in names:
        place = values
        for part in name.split("."):
            assert part in place, name
            place = place[part]


def test_the_pages_requests_are_the_charts() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for name in ("bot", "courier", "worker", "beat", "Redis"):
        told = re.search(rf"^\| {name}\b.*\| (\d+) MiB \|$", INSTALL, re.MULTILINE)
        assert told, name
        assert values[name.lower()]["resources"]["requests"]["memory"] == f"{told[1]}Mi"


def test_the_table_of_rights_is_what_the_checks_need() -> None:
    written = PERMISSIONS.partition("<!-- rights: written by make docs -->\n")[2].partition("\n<!-- end of rights -->")[
        0
    ]
    assert written == PARTS["table"](catalogue()), "older than the checks: make docs"
    assert (ROOT / "docs/azure-role.json").read_text() == PARTS["azure"](catalogue()) + "\n", "make docs"


def test_every_right_says_what_it_is_for_and_no_purpose_is_left_over() -> None:
    needed = (*kubernetes_rights(catalogue()), *azure_rights(catalogue()))
    said = {purpose(right) for right in needed}
    assert len(said) == len(needed), "two rights with one purpose"
    # Left over: a kind that has a fact, but that no check reads now.
    assert {key for key, value in PURPOSES.items() if value not in said} <= {"peerauthentications"}


def test_the_rights_that_change_something_are_all_on_the_page() -> None:
    section = PERMISSIONS.partition("## Permissions that change a cluster")[2]
    for rule in [*PROBE, *RESTART]:
        assert all(verb in section for verb in rule["verbs"])
        assert all(name.partition("/")[0] in section for name in rule["resources"])


def test_the_azure_role_can_be_made_from_its_file() -> None:
    role = json.loads((ROOT / "docs/azure-role.json").read_text())
    assert set(role) == {"Name", "Description", "Actions", "AssignableScopes"}
    assert f'--role "{role["Name"]}"' in INSTALL
