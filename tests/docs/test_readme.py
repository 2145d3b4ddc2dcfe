"""The commands of the README, in the environment that it installs, with only a kubeconfig."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.clusters.compose import named
from tests.command_line import ENVIRONMENT, ask
from tests.docs.commands import ROOT, blocks
from tests.loopback.azure import AzureServer
from tests.loopback.kube import KubeServer

pytestmark = pytest.mark.slow

NAMES = {"payments/egress": "team-egress/egw", "api.bank.example:443": "edition.cnn.com"}
"""The reader's gateway and host; here those of the loopback cluster."""
LINES = [
    pytest.param(line.partition("  #")[0].strip(), id=line.partition("  #")[0].strip())
    for block in blocks("README.md")
    if not block.needs
    for line in block.script.splitlines()
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """A folder with nothing but manifests, and the environment of the shell."""
    home = tmp_path_factory.mktemp("reader")
    (home / "bin").mkdir()
    pipx = home / "bin/pipx"
    # Instead of an index, this pipx has the wheel of the repository; its dependencies are those of the suite.
    pipx.write_text(
        f'#!/bin/sh\n[ "$*" = "install egress-diag" ] && exec {sys.executable} -c "$INSTALL" {wheel} {home}\n'
    )
    pipx.chmod(0o755)
    (home / "manifests").mkdir()
    kubectl = shutil.which("kubectl") or f"{os.environ.get('KUBEBUILDER_ASSETS', '')}/kubectl"  # noqa: TID251 - the tests' own
    if Path(kubectl).exists():
        (home / "bin/kubectl").symlink_to(kubectl)
    (home / "manifests/quota.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: harmless, namespace: team-egress}\n"
    )
    cluster = named("base")
    with KubeServer(cluster) as kube, AzureServer(cluster, kube=kube) as azure:
        yield (
            home,
            {
                **ENVIRONMENT,
                **azure.environment(home),
                "KUBECONFIG": str(kube.kubeconfig(home)),
                "HOME": str(home),
                "PATH": f"{home}/bin:{home}/environment/bin:{os.defpath}",
                "INSTALL": INSTALL,
            },
        )


INSTALL = """
import subprocess, sys, venv
from pathlib import Path
wheel, home = sys.argv[1:]
place = Path(home, "environment")
venv.create(place, with_pip=False)
pip = [sys.executable, "-m", "pip", "--python", str(place / "bin/python")]
subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], check=True)
(site,) = place.glob("lib/python3.*/site-packages")
links = place / "dependencies"
links.mkdir()
(own,) = Path(sys.prefix).glob("lib/python3.*/site-packages")
for path in own.iterdir():
    if "egress_diag" not in path.name:
        (links / path.name).symlink_to(path)
(site / "dependencies.pth").write_text(f"{links}\\n")
"""


def run(line: str, reader: tuple[Path, Mapping[str, str]], folder: Path) -> subprocess.CompletedProcess[str]:
    for name, value in NAMES.items():
        line = line.replace(name, value)
    return subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", line],
        cwd=folder, env=dict(reader[1]), capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip


def test_every_command_runs_as_printed_in_this_order(reader: tuple[Path, Mapping[str, str]]) -> None:
    """The loopback cluster is healthy (0); the example incident has exit code 1."""
    home, environment = reader
    outcomes = {}
    for parameter in LINES:
        (line,) = (str(value) for value in parameter.values)
        if line.startswith("kubectl ") and not shutil.which("kubectl", path=environment["PATH"]):
            continue
        done = run(line, reader, home)
        outcomes[line] = done.returncode
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode in (0, 1), f"{line}\n{done.stdout}\n{done.stderr}"
    broken = [line for line, code in outcomes.items() if code == 1]
    assert [line for line in broken if "selector-mismatch" not in line and "doctor" not in line] == []
    assert "egress-diag diagnose payments/egress" in outcomes
    assert outcomes["egress-diag demo --once"] == 0
    assert (home / "incident.tar.gz").is_file()


def test_the_quoted_answer_is_that_of_the_example_incident() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    quoted = text.partition("```text\n")[2].partition("```")[0].splitlines()
    printed = ask(
        "diagnose", "team-egress/egw", "--bundle", "examples/bundles/selector-mismatch", cwd=ROOT
    ).out.splitlines()
    assert len(quoted) > 8
    for line in filter(None, quoted):
        assert any(each.startswith(line.removesuffix(" …")) for each in printed), line
