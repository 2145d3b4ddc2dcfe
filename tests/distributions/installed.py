"""The wheel of this repository, installed in an environment of its own."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path


def built_wheel(project: Path, target: Path) -> Path:
    """The wheel of a project, built in the folder `target`."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    (wheel,) = target.glob("*.whl")
    return wheel


class Installed:
    """An environment with a wheel and the suite's dependencies but those in `without`."""

    def __init__(self, folder: Path, wheel: Path, without: Sequence[str] = ()) -> None:
        venv.create(folder, with_pip=False)
        self.python = folder / "bin/python"
        (self.site,) = folder.glob("lib/python3.*/site-packages")
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", str(wheel)]
        subprocess.run([sys.executable, "-m", "pip", "--python", self.python, "install", *options], check=True)
        dependencies = folder / "dependencies"
        dependencies.mkdir()
        (own,) = Path(sys.prefix).glob("lib/python3.*/site-packages")
        for path in own.iterdir():
            if not path.name.startswith(("egress_diag", "__editable__", *without)):
                (dependencies / path.name).symlink_to(path)
        (self.site / "dependencies.pth").write_text(f"{dependencies}\n")

    def run(
        self, *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in a folder outside the repository."""
        given = None if env is None else dict(env)
        return subprocess.run(
            words, cwd=cwd or self.site, env=given, capture_output=True, text=True, check=False, timeout=100
        )

    def egress_diag(
        self, *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return self.run(str(self.python.with_name("egress-diag")), *words, cwd=cwd, env=env)
