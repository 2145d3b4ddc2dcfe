"""The steps of the GitHub Action and the hook of pre-commit, run as on a runner."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command_line import PROGRAM, ROOT, ask
from tests.programs import program
from tests.test_contract_changes import DENY, HARMLESS, UNREAD, file

HEALTHY = ROOT / "examples" / "bundles" / "healthy"
WORKFLOW = ROOT / "examples" / "pull-request" / "workflow.yaml"
PINNED = re.compile(r"[^@]+@[0-9a-f]{40}")


def action() -> Any:
    return yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))


def step(name: str) -> Any:
    return next(each for each in action()["runs"]["steps"] if each["name"] == name)


@dataclass(frozen=True)
class Run:
    """One run of the step that evaluates the change."""

    code: int
    out: str
    summary: str
    outputs: dict[str, str]


@dataclass(frozen=True)
class Runner:
    """A runner: its folders, and egress-diag where the Action installs it."""

    folder: Path

    def run(self, **inputs: str) -> Run:
        """Run the step with these inputs; the others have their defaults."""
        values = {name: str(each.get("default", "")) for name, each in action()["inputs"].items()} | inputs
        given = step("Evaluate the change")
        environment = {
            name: values[re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", expression)[1]]  # type: ignore[index]
            for name, expression in given["env"].items()
        }
        files = {each: self.folder / each for each in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
        for each in files.values():
            each.write_text("", encoding="utf-8")
        done = subprocess.run(
            [program("bash"), "--noprofile", "--norc", "-eo", "pipefail", "-c", given["run"]],
            cwd=self.folder / "work",
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": "/nonexistent",
                "LC_ALL": "C.UTF-8",
                "RUNNER_TEMP": str(self.folder / "temp"),
                **environment,
                **{name: str(path) for name, path in files.items()},
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        lines = files["GITHUB_OUTPUT"].read_text(encoding="utf-8").splitlines()
        outputs = dict(line.split("=", 1) for line in lines)
        return Run(done.returncode, done.stdout + done.stderr, files["GITHUB_STEP_SUMMARY"].read_text("utf-8"), outputs)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    binaries = tmp_path / "temp" / "egress-diag" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "egress-diag").symlink_to(PROGRAM)
    (tmp_path / "work" / "with space").mkdir(parents=True)
    shutil.copytree(HEALTHY, tmp_path / "work" / "bundle")
    return Runner(tmp_path)


def test_a_harmless_change_passes(runner: Runner) -> None:
    file(runner.folder / "work" / "with space", HARMLESS)
    done = runner.run(bundle="bundle", manifests="with space\n")
    assert (done.code, done.outputs["result"]) == (0, "passes"), done.out
    assert done.summary.startswith("# Would this change break egress?")
    assert Path(done.outputs["report"]).read_text(encoding="utf-8") == done.summary


def test_a_change_that_breaks_egress_fails_the_job(runner: Runner) -> None:
    file(runner.folder / "work", HARMLESS)
    file(runner.folder / "work", DENY, name="b.yaml")
    done = runner.run(bundle="bundle", manifests="a.yaml\nb.yaml", gateway="team-egress/egw")
    assert (done.code, done.outputs["result"]) == (1, "breaks")
    assert "::error::this change breaks egress" in done.out
    assert "❌" in done.summary
    assert runner.run(**{"bundle": "bundle", "manifests": "b.yaml", "fail-on": "never"}).code == 0


def test_a_deletion(runner: Runner) -> None:
    done = runner.run(bundle="bundle", without="ServiceEntry/team-egress/cnn\n")
    assert (done.code, done.outputs["result"]) == (1, "breaks")


def test_a_result_that_is_not_known(runner: Runner) -> None:
    file(runner.folder / "work", UNREAD)
    assert runner.run(bundle="bundle", manifests="a.yaml").code == 0
    done = runner.run(**{"bundle": "bundle", "manifests": "a.yaml", "fail-on": "unknown"})
    assert (done.code, done.outputs["result"]) == (1, "unknown")


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ({"bundle": "missing", "manifests": "a.yaml"}, "the change could not be evaluated"),
        ({"bundle": "bundle", "manifests": "missing.yaml"}, "missing.yaml: cannot be read"),
        ({"bundle": "bundle"}, "give --with or --without"),
        ({"bundle": "bundle", "fail-on": "always"}, "expected breaks, unknown or never"),
        ({"bundle": "bundle", "manifests": "$(touch injected)"}, "cannot be read"),
    ],
)
def test_an_input_that_is_wrong_fails_the_job(runner: Runner, inputs: dict[str, str], problem: str) -> None:
    file(runner.folder / "work", HARMLESS)
    done = runner.run(**inputs)
    assert (done.code, done.outputs) == (2, {}), done.out
    assert problem in done.out
    assert not (runner.folder / "work" / "injected").exists()


def test_the_action_is_pinned_and_its_package_lists_exist() -> None:
    uses = [each["uses"] for each in action()["runs"]["steps"] if "uses" in each]
    assert uses
    assert all(PINNED.fullmatch(each) for each in uses)
    script = step("Install egress-diag")["run"]
    subprocess.run([program("bash"), "-n"], input=script, text=True, check=True)
    listed = re.findall(r'"\$SOURCE/(\S+)"', script)
    assert listed
    assert all((ROOT / each).is_file() for each in listed)


def test_the_workflow_uses_inputs_and_outputs_of_the_action() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    steps = workflow["jobs"]["egress"]["steps"]
    used = next(each for each in steps if "egress-diag" in each.get("uses", ""))
    assert set(used["with"]) <= set(action()["inputs"])
    outputs = re.findall(r"steps\.egress\.outputs\.([a-z]+)", WORKFLOW.read_text(encoding="utf-8"))
    assert outputs
    assert set(outputs) <= set(action()["outputs"])
    checkout = next(each["uses"] for each in steps if each.get("uses", "").startswith("actions/checkout"))
    assert PINNED.fullmatch(checkout)


def test_actionlint_accepts_the_workflow_and_the_action(tmp_path: Path) -> None:
    workflows = tmp_path / ".github" / "workflows"
    workflows.mkdir(parents=True)
    subprocess.run([program("git"), "init", "-q", tmp_path], check=True)
    shutil.copy(ROOT / "action.yml", tmp_path)
    own = WORKFLOW.read_text(encoding="utf-8").replace("YOUR-ORG/egress-diag@v0.2.0", "./")
    (workflows / "local.yaml").write_text(own, encoding="utf-8")
    shutil.copy(WORKFLOW, workflows)
    done = subprocess.run([program("actionlint")], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_hook_of_pre_commit(tmp_path: Path) -> None:
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert {"id", "name", "entry", "language"} <= set(hook)
    program, *words = hook["entry"].split()
    assert program == "egress-diag"
    args = [str(HEALTHY) if each == "cluster.tar.gz" else each for each in hook["args"]]
    harmless, deny = file(tmp_path, HARMLESS), file(tmp_path, DENY, name="b.yaml")
    assert ask(*words, *args, harmless).code == 0
    assert ask(*words, *args, harmless, deny).code == 1


def test_the_hook_of_the_page_ends_with_the_option_that_takes_the_files() -> None:
    page = (ROOT / "docs" / "changes.md").read_text(encoding="utf-8")
    [block] = [each for each in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "repos:" in each]
    [hook] = yaml.safe_load(block)["repos"][0]["hooks"]
    assert hook["id"] == yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))[0]["id"]
    assert hook["args"][-1] == "--with"
