"""Runs the installed command as a user does.

With arguments, an environment, two streams and an exit code.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
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


def ask(*words: str | Path, cwd: Path = Path("/"), env: Mapping[str, str] = ENVIRONMENT, given: str = "") -> Answer:
    """Run `egress-diag` with these arguments.

    Asserts one of the four exit codes and no traceback.
    """
    done = subprocess.run(
        [PROGRAM, *map(str, words)],
        cwd=cwd,
        env=dict(env),
        input=given.encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    answer = Answer(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
    assert answer.code in (0, 1, 2, 3), answer
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
