"""Run the tests of each mutant in a changed copy: `python -m tests.mutants.run [WORD …]`.

The tests run once without a mutant, which records the lines that each test runs; every mutant then gets only the tests
that can notice it. Killed: a test failed or did not end. Survived: all tests passed, so no test protects this line.
Broken: the fragment no longer exists: update the list. With words, only mutants whose description contains all of them
run.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from queue import Queue

import orjson

from tests.mutants.choose import ROOMS
from tests.mutants.mutants import ROOT, Mutant, NoSuchFragment, load
from tests.mutants.record import Record, folder_of, read

AT_ONCE = 2
WANTED = 95
"""The percentage of mutants that must be killed."""
LONGER = 4
"""The time limit of a run: this many times its duration without the mutant, plus a minute."""
_TRACER = "ignore::pytest.PytestUnraisableExceptionWarning"
"""An error of the recorder fails no test.

It occurs if a thread starts while the recorder passes from one test to the next.
"""
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
    "-p",
    "tests.mutants.plugin",
)


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


def pytest(copy: Path, seconds: float | None, *arguments: str) -> tuple[int, str]:
    """pytest's exit code in a copy (124 if it did not end), and the name of the first failure."""
    own = {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(
        [sys.executable, *_PYTEST, *arguments],
        cwd=copy,
        env={**os.environ, **own},  # noqa: TID251 - the tests start processes, which read theirs
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
    failed = [line for line in output.splitlines() if line.startswith(("FAILED tests", "ERROR tests"))]
    return process.returncode, failed[0] if failed else output[-400:]


def recorded(path: str, copies: Copies) -> Path:
    """The folder with the record of these tests.

    Raises SystemExit if they fail, because then they detect nothing.
    """
    folder = folder_of(path)
    if not folder.exists():
        with copies.one() as copy, tempfile.TemporaryDirectory(prefix="mutants-") as made:
            options = ["-o", "timeout=600", "-m", "not matrix and not browser", "--record", made]
            code, first = pytest(copy, None, "-W", _TRACER, *options, path)
            if code != 0:
                raise SystemExit(f"these tests fail without a mutant: {path}\n{first}")
            shutil.copytree(made, folder)
    return folder


def tried(mutant: Mutant, copies: Copies, record: Record) -> Outcome:
    """Apply a mutant, run the tests that can notice it, and restore the file."""
    began = time.monotonic()
    with copies.one() as copy:
        file = copy / mutant.file
        source = file.read_text(encoding="utf-8")
        try:
            file.write_text(mutant.applied(source), encoding="utf-8")
            tests = record.plan(mutant, source)
            code, first = _run_plan(copy, tests, LONGER * sum(record.seconds[each] for each in tests) + 60)
        except (NoSuchFragment, SyntaxError) as wrong:
            return Outcome(mutant, Result.BROKEN, str(wrong), 0)
        finally:
            file.write_text(source, encoding="utf-8")
    result = {0: Result.SURVIVED, 1: Result.KILLED, 2: Result.KILLED, 124: Result.KILLED}.get(code, Result.BROKEN)
    return Outcome(mutant, result, first, time.monotonic() - began)


def _run_plan(copy: Path, tests: list[str], seconds: float) -> tuple[int, str]:
    """As `pytest`; 2 if the mutant cannot be imported."""
    if not tests:
        return 0, "no test runs it"
    plan = copy / "plan.json"
    plan.write_bytes(orjson.dumps(tests))
    code, first = pytest(copy, seconds, "--plan", str(plan), *dict.fromkeys(each.partition("::")[0] for each in tests))
    return code, f"{len(tests)} tests passed" if code == 0 else first


def main(words: list[str]) -> int:
    """Run the mutants that the words select. 1 if too few are killed or one is broken."""
    began = time.monotonic()
    mutants = [each for each in load() if all(word in str(each) for word in words)]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        copies = Copies(Path(folder))
        record = read([*pool.map(lambda each: recorded(each, copies), paths(mutants))], {each.file for each in mutants})
        print(f"{len(mutants)} mutants, {len(record.seconds)} tests, {time.monotonic() - began:.0f} s", flush=True)
        outcomes = []
        for done in as_completed([pool.submit(tried, each, copies, record) for each in mutants]):
            outcome = done.result()
            print(f"{outcome.result} {outcome.mutant} ({outcome.seconds:.0f} s) {outcome.reason}"[:400], flush=True)
            outcomes.append(outcome)
    return print_results(outcomes, time.monotonic() - began)


def paths(mutants: list[Mutant]) -> list[str]:
    """The files and folders of the mutants' tests, without those inside another."""
    every = {test for each in mutants for test in each.tests}
    return sorted(each for each in every if not any(Path(each).is_relative_to(other) for other in every - {each}))


def print_results(outcomes: list[Outcome], seconds: float) -> int:
    """Print the mutants that were not killed, and the counts of test files and rooms."""
    killed = [each for each in outcomes if each.result is Result.KILLED]
    killers = Counter(each.reason.partition("::")[0].partition(" ")[2] for each in killed)
    print("\nKilled first by: " + ", ".join(f"{file} {times}" for file, times in killers.most_common()))
    for outcome in (each for each in outcomes if each.result is not Result.KILLED):
        print(f"{outcome.result} {outcome.mutant} {outcome.reason}")
    every, of_killed = (Counter(room(each.mutant) for each in some) for some in (outcomes, killed))
    print("Killed: " + ", ".join(f"{name} {of_killed[name]} of {times}" for name, times in every.items()))
    percent, broken = 100 * len(killed) / max(1, len(outcomes)), sum(each.result is Result.BROKEN for each in outcomes)
    print(
        f"{len(killed)} of {len(outcomes)} mutants killed: {percent:.1f} % (required: {WANTED} %), {broken} broken, "
        f"{seconds:.0f} s"
    )
    return 0 if percent >= WANTED and not broken else 1


def room(mutant: Mutant) -> str:
    """The room that the mutant was chosen for, or its package."""
    package = Path(mutant.file).parent.as_posix()
    return next((name for name, _, _ in ROOMS if Path(mutant.file).is_relative_to(name)), package)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
