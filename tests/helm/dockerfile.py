"""A parser of Dockerfiles that runs the COPY and RUN steps of a stage in a folder.

It needs no container engine.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction with its continuation lines joined."""

    name: str
    text: str


@dataclass(slots=True)
class Stage:
    """The instructions between one FROM and the next."""

    image: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        """The arguments of all instructions with a name, in order."""
        return [each.text for each in self.instructions if each.name == name]


def interpreter() -> str:
    """A Python of the suite's version that other users can execute, else the suite's own."""
    own = Path(sys.executable).resolve()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    places = [own, Path("/usr/bin") / version, Path("/usr/local/bin") / version]
    return str(next((place for place in places if executable_by_others(place)), own))


def executable_by_others(program: Path) -> bool:
    """Whether other users can execute the program and enter all folders above it."""
    return program.exists() and all(each.stat().st_mode & 0o001 for each in [program, *program.parents])


def stages(path: Path) -> list[Stage]:
    """The stages of a Dockerfile, with the arguments before the first FROM substituted."""
    found: list[Stage] = []
    arguments: dict[str, str] = {}
    for each in _instructions(path.read_text(encoding="utf-8")):
        if each.name == "FROM":
            image, _, name = each.text.partition(" AS ")
            found.append(Stage(re.sub(r"\$\{(\w+)\}", lambda m: arguments[m[1]], image), name))
        elif found:
            found[-1].instructions.append(each)
        elif each.name == "ARG":
            key, _, value = each.text.partition("=")
            arguments[key] = value
    return found


def _instructions(text: str) -> Iterator[Instruction]:
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in re.sub(r"\\\n\s*", "", kept).splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            yield Instruction(name.upper(), rest.strip())


@dataclass(slots=True)
class Build:
    """One stage, executed with `folder` as its root directory."""

    folder: Path
    sent: list[Path]
    work: str = "/"

    def execute(self, stage: Stage) -> None:
        """Run the COPY and RUN steps in order.

        Raises CalledProcessError with the output of the failed step.
        """
        for each in stage.instructions:
            match each.name:
                case "WORKDIR":
                    self.work = each.text
                    self._inside(self.work).mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self._copy(each.text.split())
                case "RUN":
                    self._run(each.text)
                case _:
                    continue  # the other instructions need a container engine

    def _inside(self, path: str) -> Path:
        return self.folder / path.lstrip("/")

    def _copy(self, names: list[str]) -> None:
        *sources, target = names
        place = self._inside(self.work) / target
        for source in sources:
            files = [path for path in self.sent if path == Path(source) or Path(source) in path.parents]
            assert files, f"COPY {source}: not in the build context"
            for path in files:
                inside = path.relative_to(source) if path != Path(source) else Path(path.name)
                (place / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, place / inside)

    def _run(self, command: str) -> None:
        # Packages are installed from the suite's Python, by uv: it takes a fifth of pip's time for the same wheels and
        # hashes. If it does not reach the index, pip may. The rest uses an interpreter that other users can execute.
        pip, other = shlex.quote(sys.executable), shlex.quote(interpreter())
        uv = shlex.quote(str(Path(sys.executable).with_name("uv")))
        python = (
            f'python() {{ if [ "$2" = pip ]; then {uv} pip "$5" "${{@:3:2}}" "${{@:6}}" || {pip} "$@"; '
            f'else {other} "$@"; fi; }}\n'
        )
        placed = re.sub(r"(?<![\w/.])/opt/", f"{self.folder}/opt/", command)
        subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", python + placed],
            cwd=self._inside(self.work),
            env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},  # noqa: TID251 - pip's own settings
            check=True,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=600,
        )
