"""Runs the command as a user does: arguments, environment, two streams and an exit code.

Runs with an environment of their own start the installed program. All others are forks of one process that has loaded
the same code (command_server.py), which takes a fifth of the time.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PROGRAM = Path(sys.executable).with_name("egress-diag")
ENVIRONMENT: Mapping[str, str] = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
"""An environment without the developer's kubeconfig, configuration and tokens."""


@dataclass(frozen=True)
class Answer:
    """The result of one run of the command."""

    code: int
    out: str
    err: str

    @cached_property
    def document(self) -> Any:
        """Standard output, parsed as one JSON document."""
        return json.loads(self.out)

    @property
    def statuses(self) -> dict[str, set[str]]:
        """The statuses of each check in a JSON answer."""
        found: dict[str, set[str]] = {}
        for finding in self.document["findings"]:
            found.setdefault(finding["check"], set()).add(finding["status"])
        return found

    def with_status(self, status: str) -> set[str]:
        return {check for check, statuses in self.statuses.items() if status in statuses}


class _CommandServer:
    """The process of command_server.py."""

    def __init__(self) -> None:
        given, self._requests = os.pipe()
        self._codes, answers = os.pipe()
        # -P: the folder of the tests has packages with the names of the repository's.
        self._process = subprocess.Popen(
            [sys.executable, "-P", Path(__file__).with_name("command_server.py"), str(given), str(answers)],
            env=dict(ENVIRONMENT),
            stdin=subprocess.DEVNULL,
            pass_fds=(given, answers),
        )
        os.close(given)
        os.close(answers)

    def run(self, command: Sequence[str], cwd: Path, given: bytes) -> tuple[int, bytes, bytes]:
        """The exit code of one run, with its standard output and its errors."""
        with tempfile.TemporaryDirectory() as name:
            streams = {each: Path(name) / each for each in ("in", "out", "err")}
            for path in streams.values():
                path.write_bytes(given if path.name == "in" else b"")
            request = {"words": command, "cwd": str(cwd), "env": dict(ENVIRONMENT), **streams}
            os.write(self._requests, json.dumps(request, default=str).encode() + b"\n")
            code = os.read(self._codes, 20)
            assert code, "the process that runs the commands has ended"
            return int(code), streams["out"].read_bytes(), streams["err"].read_bytes()

    def end(self) -> None:
        """End the process."""
        os.close(self._requests)
        os.close(self._codes)
        self._process.wait(10)


@cache
def _command_server() -> _CommandServer:
    server = _CommandServer()
    atexit.register(server.end)
    return server


def ask(*words: str | Path, cwd: Path = Path("/"), env: Mapping[str, str] = ENVIRONMENT, given: str = "") -> Answer:
    """Run `egress-diag` with these arguments; assert an exit code of its own and no traceback."""
    command = [str(PROGRAM), *map(str, words)]
    if env is ENVIRONMENT:
        code, out, err = _command_server().run(command, cwd, given.encode())
    else:
        done = subprocess.run(
            command, cwd=cwd, env=dict(env), input=given.encode(), capture_output=True, timeout=240, check=False
        )
        code, out, err = done.returncode, done.stdout, done.stderr
    answer = Answer(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))
    assert answer.code in (0, 1, 2, 3, 4), answer
    assert "Traceback" not in answer.out + answer.err, answer.err
    return answer


def refused(*words: str | Path, **how: Any) -> str:
    """Run an invalid command and return its error.

    Asserts exit code 2 and empty standard output.
    """
    answer = ask(*words, **how)
    assert (answer.code, answer.out) == (2, ""), answer
    assert "Error: " in answer.err
    return answer.err.partition("Error: ")[2]
