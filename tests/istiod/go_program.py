"""Go programs that call Istio's own code: built once, then asked line by line."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

CACHE = Path.home() / ".cache" / "egress-diag"


@dataclass(frozen=True, slots=True)
class GoProgram:
    """A program whose executable is outside the repository, named by its sources."""

    name: str
    sources: Path

    @property
    def executable(self) -> Path:
        """The path of the executable, whether or not it is built."""
        digest = hashlib.sha256()
        for each in sorted(self.sources.iterdir()):
            digest.update(each.name.encode() + b"\0" + each.read_bytes())
        return CACHE / f"{self.name}-{digest.hexdigest()[:12]}"

    def build(self) -> Path:
        """The executable, built if this version of it is not there. Raises RuntimeError without Go."""
        target = self.executable
        if target.exists():
            return target
        go = shutil.which("go")
        if go is None:
            raise RuntimeError(
                f"Go is not on PATH: {self.name} is built from {self.sources} (recorded answers need no Go)"
            )
        CACHE.mkdir(parents=True, exist_ok=True)
        print(f"building {target.name} (a first build takes 6 minutes of CPU)", file=sys.stderr)
        made = target.with_suffix(".new")
        command = [go, "build", "-p=1", "-buildvcs=false", "-ldflags", "-s -w", "-o", str(made), "."]
        subprocess.run(command, cwd=self.sources, check=True)
        for old in CACHE.glob(f"{self.name}-*"):
            if old != made:
                old.unlink()
        made.rename(target)
        return target


class LineProcess:
    """A running program: one JSON request a line, one JSON answer a line."""

    def __init__(self, executable: Path) -> None:
        self._executable = executable
        self._process = self._started()

    @property
    def pid(self) -> int:
        """The ID of the process."""
        return self._process.pid

    def _started(self) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        return subprocess.Popen([str(self._executable)], stdin=pipe, stdout=pipe, stderr=pipe, bufsize=1 << 20)

    def ask(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to one request.

        If the program ended, it is started again. Raises RuntimeError with the first line of its error.
        """
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(orjson.dumps(wanted) + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            assert self._process.stderr
            panic = self._process.stderr.read().decode().strip().partition("\n")[0]
            self._process.wait(timeout=30)
            self._process = self._started()
            raise RuntimeError(panic)
        answered: dict[str, Any] = orjson.loads(line)
        return answered

    def close(self) -> None:
        """Ends the program."""
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe
            pipe.close()
        self._process.wait(timeout=30)
