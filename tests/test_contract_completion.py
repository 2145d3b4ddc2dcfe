"""The completion that docs/command-line.md#completion describes, in real shells."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.command_line import ENVIRONMENT, PROGRAM, ROOT

pytestmark = pytest.mark.slow

LINES = dict(
    re.findall(
        r"^\| (bash|zsh|fish)\b[^|]*\|[^|]*\| `(.+)` \|$", (ROOT / "docs/command-line.md").read_text(), re.MULTILINE
    )
)
"""The documented line by shell."""


def shell(name: str, script: str, **variables: str) -> list[str]:
    """The output of a script that begins with the documented line."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    line = LINES[name].replace("\\|", "|")
    environment = {**ENVIRONMENT, "PATH": f"{PROGRAM.parent}:{ENVIRONMENT['PATH']}", **variables}
    options = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[name]
    script = script.replace("DOCUMENTED", line)
    done = subprocess.run(
        [name, *options, "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.split()


def in_bash(*words: str, **variables: str) -> list[str]:
    typed = " ".join(f"'{each}'" for each in ("egress-diag", *words))
    script = (
        f"DOCUMENTED\nCOMP_WORDS=({typed})\nCOMP_CWORD={len(words)}\n"
        '_egress_diag_completion egress-diag\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    return shell("bash", script, **variables)


def test_the_page_documents_three_shells() -> None:
    assert set(LINES) == {"bash", "zsh", "fish"}


def test_bash_completes_commands_and_options() -> None:
    assert in_bash("w") == ["watch", "worker"]
    assert in_bash("diagnose", "--ou") == ["--output"]
    assert in_bash("diagnose", "--output", "m") == ["markdown"]


def test_bash_completes_contexts_and_checks(tmp_path: Path) -> None:
    contexts: list[dict[str, object]] = [{"name": name, "context": {}} for name in ("prod-weu", "prod-neu", "dev")]
    (tmp_path / "config").write_text(yaml.safe_dump({"contexts": contexts}))
    kubeconfig = str(tmp_path / "config")
    assert in_bash("diagnose", "--context", "prod", KUBECONFIG=kubeconfig) == ["prod-neu", "prod-weu"]
    assert in_bash("diagnose", "--context", "prod", KUBECONFIG=str(tmp_path / "absent")) == []
    assert in_bash("checks", "egress-prefix") == ["egress-prefix-unassigned"]


def test_zsh_completes_commands() -> None:
    script = (
        "autoload -U compinit; compinit -u -D; DOCUMENTED\nprint -r -- ${_comps[egress-diag]}\n"
        'COMP_WORDS="egress-diag dia" COMP_CWORD=1 _EGRESS_DIAG_COMPLETE=zsh_complete egress-diag\n'
    )
    registered, kind, name, *_ = shell("zsh", script)
    assert (registered, kind, name) == ("_egress_diag_completion", "plain", "diagnose")


def test_fish_completes_commands() -> None:
    found = shell("fish", 'DOCUMENTED\ncomplete -C "egress-diag dia"\n')
    assert found[0] == "diagnose"
