"""The tests that run the lines of a mutant, from one run without any mutant.

The user's cache keeps the record.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
from coverage import CoverageData

from tests.mutants.mutants import ROOT, Mutant, lines_of
from tests.mutants.plugin import CODE

KEPT = Path.home() / ".cache" / "egress-diag" / "mutants"


@dataclass(frozen=True, slots=True)
class Record:
    """The tests of some files and folders: their seconds, and the lines that each test runs.

    `processes` are the files that start processes, `sharing` those whose tests share results.
    """

    seconds: dict[str, float]
    processes: frozenset[str]
    sharing: frozenset[str]
    lines: dict[str, dict[int, frozenset[str]]]

    def plan(self, mutant: Mutant, source: str) -> list[str]:
        """The tests that run the mutant's lines, the fastest first, then those that may run them.

        A test may run a line unrecorded in another process, or use what an earlier test of its file ran.
        """
        within = [each for each in self.seconds if each.startswith(mutant.tests)]
        lines = self.lines.get(mutant.file, {})
        ran = _tests(lines, mutant.lines(source)) or _tests(lines, lines_of(mutant.function, source))
        sure = [each for each in within if each in ran or "" in ran]
        files = {_file(each) for each in sure} & self.sharing | self.processes
        return [*self._fastest_first(sure), *self._fastest_first({*within} - {*sure}, files)]

    def _fastest_first(self, tests: Iterable[str], files: Iterable[str] | None = None) -> list[str]:
        chosen = [each for each in tests if files is None or _file(each) in files]
        total = {file: sum(self.seconds[each] for each in chosen if _file(each) == file) for file in map(_file, chosen)}
        return sorted(chosen, key=lambda each: (total[_file(each)], _file(each), self.seconds[each]))


def _tests(lines: dict[int, frozenset[str]], numbers: Iterable[int]) -> frozenset[str]:
    return frozenset().union(*(lines.get(each, ()) for each in numbers))


def _file(test: str) -> str:
    return test.partition("::")[0]


def folder_of(path: str) -> Path:
    """The folder for the record of some tests; its name depends on them and on the code."""
    digest = hashlib.sha256()
    for file in sorted(_files(path)):
        digest.update(f"{file.relative_to(ROOT)}\n".encode() + file.read_bytes())
    return KEPT / f"{path.replace('/', '-')}-{digest.hexdigest()[:16]}"


def _files(path: str) -> Iterator[Path]:
    """The code, what the tests share, and the tests themselves."""
    for folder in (*CODE, "tests", "examples"):
        for file in (ROOT / folder).rglob("*.*"):
            other = file.name.startswith("test_") and not file.is_relative_to(ROOT / path)
            if (
                file.suffix in {".py", ".yaml", ".json"}
                and not other
                and not file.is_relative_to(ROOT / "tests/mutants")
            ):
                yield file


def read(folders: Iterable[Path], files: Iterable[str]) -> Record:
    """The recorded runs as one, with the lines of these files."""
    seconds: dict[str, float] = {}
    processes: set[str] = set()
    sharing: set[str] = set()
    lines: dict[str, dict[int, frozenset[str]]] = {}
    for folder in folders:
        found = orjson.loads((folder / "tests.json").read_bytes())
        seconds |= found["seconds"]
        processes |= {*found["processes"]}
        sharing |= {*found["sharing"]}
        data = CoverageData(str(folder / "lines"))
        data.read()
        for file in data.measured_files() & {*files}:
            known = lines.setdefault(file, {})
            for number, tests in data.contexts_by_lineno(file).items():
                known[number] = known.get(number, frozenset()) | frozenset(tests)
    return Record(seconds, frozenset(processes), frozenset(sharing), lines)
