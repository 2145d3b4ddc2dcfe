"""The installation and permission pages: commands run, values exist, tables are current."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from checks.actions.step_permissions import PROBE, RESTART
from checks.catalogue import catalogue
from checks.docs.permission_tables import PARTS, PURPOSES, purpose
from checks.engine.permissions import azure_rights, kubernetes_rights
from tests.docs.commands import ROOT, Block, blocks
from tests.helm.chart import CHART, program, rendered
from tests.helm.values_schema import SCHEMA, described

BLOCKS = blocks("docs/install.md")
INSTALL = (ROOT / "docs/install.md").read_text()
PERMISSIONS = (ROOT / "docs/permissions.md").read_text()


def test_the_commands_without_needs_run_as_printed(tmp_path: Path) -> None:
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
def test_a_block_is_valid_shell_and_states_its_needs(block: Block) -> None:
    done = subprocess.run(["/bin/bash", "-n", "-c", block.script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if block.needs:
        above = INSTALL.splitlines()[: block.line - 2]
        assert any(line.strip() == f"*{block.needs.capitalize()}*" for line in above[-3:])


def test_the_commands_name_objects_of_the_chart() -> None:
    names = {f"{o['kind'].lower()}/{o['metadata']['name']}" for o in rendered({})}
    scripts = "\n".join(block.script for block in BLOCKS).replace("deploy/", "deployment/")
    used = set(re.findall(r"\b(?:deployment|statefulset)/[\w-]+", scripts))
    assert used
    assert used <= names
    # The federated credential is for the workers' account.
    assert re.findall(r"system:serviceaccount:([\w-]+):([\w-]+)", scripts) == [("egress-diag", "egress-diag-worker")]
    assert "serviceaccount/egress-diag-worker" in names


@pytest.mark.parametrize("page", ["docs/install.md", "docs/upgrade.md", "docs/permissions.md", "docs/air-gapped.md"])
def test_the_values_on_the_page_exist(page: str) -> None:
    named = set(re.findall(r"`([a-z]\w+(?:\.\w+)+)[:`]", (ROOT / page).read_text()))
    names = {each for each in named if each.split(".")[0] in SCHEMA["properties"]}
    assert len(names) > 15 or page != "docs/install.md"
    for name in names:
        place = SCHEMA
        for part in name.split("."):
            assert part in place.get("properties", {}), name
            place = described(place["properties"][part])


def test_the_memory_requests_on_the_page_are_those_of_the_chart() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for name in ("bot", "courier", "worker", "beat", "Redis"):
        documented = re.search(rf"^\| {name}\b.*\| (\d+) MiB \|$", INSTALL, re.MULTILINE)
        assert documented, name
        assert values[name.lower()]["resources"]["requests"]["memory"] == f"{documented[1]}Mi"


def test_the_table_of_permissions_is_up_to_date() -> None:
    written = PERMISSIONS.partition("<!-- rights: written by make docs -->\n")[2].partition("\n<!-- end of rights -->")[
        0
    ]
    assert written == PARTS["table"](catalogue()), "run make docs"
    assert (ROOT / "docs/azure-role.json").read_text() == PARTS["azure"](catalogue()) + "\n", "make docs"


def test_every_permission_has_a_purpose_and_every_purpose_a_permission() -> None:
    needed = (*kubernetes_rights(catalogue()), *azure_rights(catalogue()))
    purposes = {purpose(right) for right in needed}
    assert len(purposes) == len(needed), "two permissions with the same purpose"
    # Exception: a kind with a fact that no check reads at present.
    assert {key for key, value in PURPOSES.items() if value not in purposes} <= {"peerauthentications"}


def test_the_page_lists_every_permission_that_changes_a_cluster() -> None:
    section = PERMISSIONS.partition("## Permissions that change a cluster")[2]
    for rule in [*PROBE, *RESTART]:
        assert all(verb in section for verb in rule["verbs"])
        assert all(name.partition("/")[0] in section for name in rule["resources"])


def test_the_azure_role_file_is_a_valid_role_definition() -> None:
    role = json.loads((ROOT / "docs/azure-role.json").read_text())
    assert set(role) == {"Name", "Description", "Actions", "AssignableScopes"}
    assert f'--role "{role["Name"]}"' in INSTALL


def test_no_page_restricts_a_network_policy_to_host_names() -> None:
    """A NetworkPolicy has address ranges, labels and ports."""
    for page in (ROOT / "docs").glob("*.md"):
        for sentence in re.split(r"(?<=[.|])\s", page.read_text(encoding="utf-8")):
            if "networkPolicy.egress" in sentence:
                assert not re.search(r"\bto the hosts?\b|\b[a-z]+\.(com|net|us|cn)\b", sentence), (
                    f"{page.name}: {sentence}"
                )
