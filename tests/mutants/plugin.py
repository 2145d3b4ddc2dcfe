"""A pytest plugin that records which test runs which lines, or runs the tests of a plan.

`--record FOLDER` writes the record, `--plan FILE` names the tests in their order.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from coverage import Coverage

from tests.mutants.mutants import ROOT

CODE = ("bot", "checks", "workers")
"""The packages whose lines are recorded."""
_PROGRAMS = str(Path(sys.executable).parent)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The two options."""
    parser.addoption("--record", metavar="FOLDER")
    parser.addoption("--plan", metavar="FILE")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start before the first conftest imports any code: its lines belong to every test."""
    if folder := early_config.known_args_namespace.record:
        early_config.pluginmanager.register(Recorder(Path(folder)))
    if plan := early_config.known_args_namespace.plan:
        early_config.pluginmanager.register(Plan(orjson.loads(Path(plan).read_bytes())))


class Recorder:
    """Writes `lines`, coverage's data with a context for each test, and `tests.json`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seconds: dict[str, float] = defaultdict(float)
        self._current = ""
        self._processes: set[str] = set()
        self._sharing: set[str] = set()
        self._coverage = Coverage(
            str(folder / "lines"), config_file=False, include=[f"{ROOT}/{each}/*" for each in CODE]
        )
        self._coverage.set_option("run:relative_files", True)
        self._coverage.set_option("run:disable_warnings", ["no-data-collected"])
        self._coverage.start()
        sys.addaudithook(self._note_process)

    def _note_process(self, event: str, details: tuple[object, ...]) -> None:
        """Note the file of a test that starts Python: it may run code that cannot be recorded here."""
        if event == "subprocess.Popen" and any(
            str(each).startswith(_PROGRAMS) for each in (details[0], *_words(details[1]))
        ):
            self._processes.add(self._current.partition("::")[0])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._current = item.nodeid
        if _shares_results(item):
            self._sharing.add(item.nodeid.partition("::")[0])
        self._coverage.switch_context(item.nodeid)
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self) -> None:
        self._coverage.stop()
        self._coverage.save()
        found = {"seconds": self._seconds, "processes": [*self._processes], "sharing": [*self._sharing]}
        (self._folder / "tests.json").write_bytes(orjson.dumps(found))


def _shares_results(item: pytest.Item) -> bool:
    """Whether a test may use results of an earlier test of its file: a cache, or a fixture."""
    module = item.getparent(pytest.Module)
    own = (
        [each for each in vars(module.obj).values() if getattr(each, "__module__", "") == module.obj.__name__]
        if module
        else []
    )
    return any(hasattr(each, "cache_clear") or getattr(each, "scope", "") == "module" for each in own)


def _words(command: object) -> tuple[object, ...]:
    return tuple(command) if isinstance(command, list | tuple) else (command,)


class Plan:
    """Runs only the tests of a list, in its order."""

    def __init__(self, tests: list[str]) -> None:
        self._place = {test: place for place, test in enumerate(tests)}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Iterator[None]:
        yield
        items[:] = sorted(
            (each for each in items if each.nodeid in self._place), key=lambda each: self._place[each.nodeid]
        )
