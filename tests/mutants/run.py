"""Apply each mutant of the list to a copy of the tree and run its tests: `python -m tests.mutants.run [WORD …]`.

Killed: a test failed or did not end. Survived: all tests passed, so no test protects this line. Broken: the fragment no
longer exists, or no test ran: update the list. With words, only mutants whose description contains all of them run.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from queue import Queue

from tests.mutants.mutants import ROOT, Mutant, NoSuchFragment, load

AT_ONCE = 2
_NO_TESTS = 5
"""pytest's exit code if no test was selected."""
WANTED = 95
"""The percentage of mutants that must be killed."""
LONGER = 4
"""The time limit of a run: this many times its duration without the mutant, plus a minute."""
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".*_cache", ".hypothesis", "__pycache__", "build", "dist")
_PYTEST = (
    "-m",
    "pytest",
    "-x",
    "-q",
    "-n",
    "0",
    "-p",
    "no:randomly",
    "-p",
    "no:cacheprovider",
    "-m",
)
_QUICK, _ALL = "not slow and not matrix and not browser", "not matrix and not browser"
"""The tests that run first, and all of them, which run only if the quick ones pass."""


class Result(StrEnum):
    """The result of a mutant."""

    KILLED = "killed"
    SURVIVED = "SURVIVED"
    BROKEN = "BROKEN"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a mutant: the first test that failed, or why no test ran."""

    mutant: Mutant
    result: Result
    reason: str
    seconds: float


class Copies:
    """Copies of the tree, one for each concurrent run."""

    def __init__(self, folder: Path) -> None:
        self._free: Queue[Path] = Queue()
        for number in range(AT_ONCE):
            shutil.copytree(ROOT, folder / str(number), ignore=_LEFT_OUT, symlinks=True)
            self._free.put(folder / str(number))

    @contextmanager
    def one(self) -> Iterator[Path]:
        """A copy that no other run uses."""
        copy = self._free.get()
        try:
            yield copy
        finally:
            self._free.put(copy)


def pytest(copy: Path, tests: tuple[str, ...], which: str, seconds: float | None) -> tuple[int, str]:
    """The exit code of the tests in a copy, 124 if they did not end, and the name of the first failure."""
    own = {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {**os.environ, **own}  # noqa: TID251 - the tests start processes, which read theirs
    command = [sys.executable, *_PYTEST, which, *(each for each in tests if (copy / each.partition("::")[0]).exists())]
    process = subprocess.Popen(
        command,
        cwd=copy,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.communicate()
        return 124, "did not end"
    failed = [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return process.returncode, failed[0] if failed else output[-400:]


def tried(mutant: Mutant, copies: Copies, usual: dict[tuple[str, ...], float]) -> Outcome:
    """Apply a mutant, run its tests, and restore the file."""
    began = time.monotonic()
    with copies.one() as copy:
        file = copy / mutant.file
        source = file.read_text(encoding="utf-8")
        try:
            file.write_text(mutant.applied(source), encoding="utf-8")
            code, first = 0, ""
            for which in (_QUICK, _ALL):
                if code in (0, _NO_TESTS):
                    code, first = pytest(copy, mutant.tests, which, usual[mutant.tests] * LONGER + 60)
        except (NoSuchFragment, SyntaxError) as wrong:
            return Outcome(mutant, Result.BROKEN, str(wrong), 0)
        finally:
            file.write_text(source, encoding="utf-8")
    # 2: the mutant cannot be imported.
    result = {0: Result.SURVIVED, 1: Result.KILLED, 2: Result.KILLED, 124: Result.KILLED}.get(code, Result.BROKEN)
    return Outcome(mutant, result, "" if result is Result.SURVIVED else first, time.monotonic() - began)


def unchanged(copies: Copies, tests: tuple[str, ...]) -> float:
    """The duration of the tests without a mutant. Raises SystemExit if they fail, because then they detect nothing."""
    began = time.monotonic()
    with copies.one() as copy:
        code, first = pytest(copy, tests, _ALL, None)
    if code != 0:
        raise SystemExit(f"these tests fail without a mutant: {' '.join(tests)}\n{first}")
    return time.monotonic() - began


def main(words: list[str]) -> int:
    """Run the mutants that the words select. 1 if too few are killed or one is broken."""
    mutants = [each for each in load() if all(word in str(each) for word in words)]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        copies = Copies(Path(folder))
        sets = sorted({each.tests for each in mutants})
        usual = dict(zip(sets, pool.map(lambda each: unchanged(copies, each), sets), strict=True))
        print(
            f"{len(mutants)} mutants, {len(sets)} sets of tests: {', '.join(f'{each:.0f} s' for each in usual.values())}",
            flush=True,
        )
        outcomes = []
        for outcome in pool.map(lambda each: tried(each, copies, usual), mutants):
            print(f"{outcome.result} {outcome.mutant} ({outcome.seconds:.0f} s) {outcome.reason}"[:400], flush=True)
            outcomes.append(outcome)
    return print_results(outcomes)


def print_results(outcomes: list[Outcome]) -> int:
    """Print the mutants that were not killed, how many each test killed, and the percentage."""
    found = Counter(each.result for each in outcomes)
    killers = Counter(
        each.reason.split("::")[0].removeprefix("FAILED ") for each in outcomes if each.result is Result.KILLED
    )
    print("\nKilled first by: " + ", ".join(f"{file} {times}" for file, times in killers.most_common()))
    for outcome in (each for each in outcomes if each.result is not Result.KILLED):
        print(f"{outcome.result} {outcome.mutant} {outcome.reason}")
    killed, broken = 100 * found[Result.KILLED] / max(1, len(outcomes)), found[Result.BROKEN]
    print(
        f"{found[Result.KILLED]} of {len(outcomes)} mutants killed: {killed:.1f} % (required: {WANTED} %), {broken} broken"
    )
    return 0 if killed >= WANTED and not broken else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
