"""The workflows are valid, pinned and consistent, with only the permissions that they need."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from release.artefacts import CHECKSUMS
from tests.helm.dockerfile import ROOT
from tests.programs import program

FOLDER = ROOT / ".github/workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
RELEASE = (FOLDER / "release.yml").read_text(encoding="utf-8")
PINNED = re.compile(r"uses: (?P<action>[\w.-]+/[\w./-]+)@(?P<commit>[0-9a-f]{40}) # (?P<version>v\d+\.\d+\.\d+)")


def parsed(workflow: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    return found


def steps(workflow: Path) -> list[dict[str, Any]]:
    return [step for job in parsed(workflow)["jobs"].values() for step in job["steps"]]


def test_actionlint_finds_nothing() -> None:
    done = subprocess.run([program("actionlint")], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_its_commit_with_its_version(workflow: Path) -> None:
    used = re.findall(r"uses: .*", workflow.read_text(encoding="utf-8"))
    assert used
    assert [line for line in used if not PINNED.fullmatch(line)] == []


def test_an_action_has_one_commit_everywhere() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (*WORKFLOWS, ROOT / "action.yml")]
    found = {(each["action"], each["commit"], each["version"]) for text in texts for each in PINNED.finditer(text)}
    assert len({action for action, _, _ in found}) == len(found)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_can_write_only_what_its_jobs_name(workflow: Path) -> None:
    assert parsed(workflow)["permissions"] == {"contents": "read"}
    jobs = parsed(workflow)["jobs"]
    granted = {
        (name, key)
        for name, job in jobs.items()
        for key, value in job.get("permissions", {}).items()
        if value == "write"
    }
    assert granted == (
        {
            ("release", "contents"),
            ("release", "packages"),
            ("release", "id-token"),
            ("release", "attestations"),
            ("packages", "id-token"),
        }
        if workflow.stem == "release"
        else set()
    )
    kept = [step for step in steps(workflow) if "actions/checkout" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in kept)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_no_script_contains_an_expression_that_an_author_of_a_tag_or_branch_controls(workflow: Path) -> None:
    assert [step["name"] for step in steps(workflow) if "${{" in step.get("run", "")] == []


def test_only_a_tag_of_a_version_publishes() -> None:
    # YAML 1.1 reads the key `on` as true.
    assert parsed(FOLDER / "release.yml")[True] == {"push": {"tags": ["v*"]}}  # type: ignore[index]
    (build,) = [step for step in steps(FOLDER / "release.yml") if step.get("name") == "Build the files"]
    assert 'make release TAG="$TAG" IMAGE="$image" SOURCE="$SOURCE"' in build["run"]


def test_the_image_is_built_for_both_platforms_from_a_base_image_by_digest() -> None:
    (build,) = [step for step in steps(FOLDER / "release.yml") if step.get("name") == "Build the files"]
    assert "base=$(.venv/bin/python -m release.base_image --print)" in build["run"]
    (image,) = [step for step in steps(FOLDER / "release.yml") if step.get("id") == "image"]
    assert "PYTHON_IMAGE=${{ env.base }}" in image["with"]["build-args"]
    assert image["with"]["platforms"] == "linux/amd64,linux/arm64"
    (emulator,) = [step for step in steps(FOLDER / "release.yml") if "setup-qemu-action" in step.get("uses", "")]
    assert emulator["with"]["platforms"] == "arm64"


def test_everything_that_is_published_is_signed_and_has_provenance() -> None:
    assert 'cosign sign --yes "$image@$DIGEST"' in RELEASE
    assert 'cosign sign --yes "$charts/egress-diag@$digest"' in RELEASE
    assert f"cosign sign-blob --yes --bundle dist/{CHECKSUMS}.sigstore.json dist/{CHECKSUMS}" in RELEASE
    subjects = [
        step["with"].get("subject-checksums") or step["with"]["subject-digest"]
        for step in steps(FOLDER / "release.yml")
        if "attest-build-provenance" in step.get("uses", "")
    ]
    assert subjects == [
        f"dist/{CHECKSUMS}",
        "${{ steps.image.outputs.digest }}",
        "${{ steps.chart.outputs.digest }}",
    ]


def test_programs_and_python_have_the_versions_of_the_verification() -> None:
    built = re.findall(r"build (\S+) (\S+)", (ROOT / ".ci/run").read_text(encoding="utf-8"))
    assert re.findall(r"go install (\S+)", RELEASE) == [module for name, module in built if name == "helm"]
    tested = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]["python_version"]
    assert re.findall(r'python-version: "(\S+)"', RELEASE) == [tested]


def test_the_verification_runs_for_every_change() -> None:
    ci = parsed(FOLDER / "ci.yml")
    assert set(ci[True]) == {"push", "pull_request"}  # type: ignore[index]
    assert steps(FOLDER / "ci.yml")[-1]["run"] == "bash .ci/run"
