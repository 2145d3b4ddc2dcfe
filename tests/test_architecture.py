"""The import contracts hold, and each reports an import that breaks it."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BROAD = ("Exception", "BaseException")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = {contract["id"]: contract["name"] for contract in PYPROJECT["tool"]["importlinter"]["contracts"]}
PROGRAMS = Path(sys.executable).parent

# For each contract: a file, and a line that violates this contract and no other.
VIOLATIONS = {
    "rings": ("workers/__init__.py", "import bot"),
    "cycles": ("checks/facts/fact.py", "import checks.facts.store"),
    "rooms": ("checks/config/__init__.py", "import checks.facts"),
    "istio-rooms": ("checks/istio/mesh/objects/hosts.py", "import checks.istio.istiod_log_lines"),
    "fault-rooms": ("checks/istio/faults/tls/__init__.py", "import checks.istio.faults.sidecar"),
    "workers-rooms": ("workers/records/__init__.py", "import workers.queue"),
    "bot-rooms": ("bot/access/__init__.py", "import bot.grammar"),
    "sandbox": ("bot/__init__.py", "import bot.sandbox"),
    "clusters": ("checks/model/findings.py", "from kubernetes import client"),
    "bot-without-clusters": ("bot/__init__.py", "import checks.sources"),
    "client": ("bot/grammar/words.py", "import workers.runs.run_store"),
    "slack": ("workers/__init__.py", "import slack_sdk"),
    "queue": ("bot/__init__.py", "import redis"),
    "pure": ("checks/model/findings.py", "import socket"),
    "environment": ("workers/__init__.py", "import pydantic_settings"),
}

# Within workers, each layer uses those below it: an import from above is a cycle, too.
ALSO_BROKEN = {"bot-rooms": {"cycles"}, "workers-rooms": {"cycles"}}

# The modules of `checks` that may do I/O, as in the contract "pure".
IMPURE = (
    "checks/sources/*",
    "checks/cli/*",
    "checks/config/*",
    "checks/doctor/*",
    "checks/docs/new_check.py",
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the packages and their rules, to be modified for the time of a test."""
    folder = tmp_path_factory.mktemp("tree")
    for package in ("bot", "workers", "checks"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@contextmanager
def appended(file: Path, line: str) -> Iterator[None]:
    """A line more at the end of a file, for the time of a test."""
    before = file.read_text()
    file.write_text(f"{before}\n{line}\n")
    try:
        yield
    finally:
        file.write_text(before)


def run(folder: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a development tool in a folder; COLUMNS prevents line breaks in its output."""
    return subprocess.run(
        [PROGRAMS / program, *arguments],
        cwd=folder,
        env={"PATH": str(PROGRAMS), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )


def broken_contracts(folder: Path) -> set[str]:
    """The IDs of the contracts that the packages in the folder violate."""
    done = run(folder, "lint-imports", "--no-logo", "--no-cache")
    verdicts = dict(re.findall(r"^(.+?) (KEPT|BROKEN)", done.stdout, re.MULTILINE))
    assert verdicts.keys() == set(CONTRACTS.values()), done.stdout + done.stderr
    broken = {contract for contract, name in CONTRACTS.items() if verdicts[name] == "BROKEN"}
    assert bool(broken) == (done.returncode != 0), done.stdout
    return broken


def test_every_contract_is_kept() -> None:
    done = run(ROOT, "lint-imports", "--no-logo", "--no-cache")
    assert done.returncode == 0, done.stdout


def test_every_contract_has_a_violation() -> None:
    assert VIOLATIONS.keys() == CONTRACTS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("contract", sorted(CONTRACTS))
def test_a_violation_breaks_exactly_its_contract(contract: str, tree: Path) -> None:
    file, line = VIOLATIONS[contract]
    with appended(tree / file, line):
        assert broken_contracts(tree) == {contract} | ALSO_BROKEN.get(contract, set())


@pytest.mark.parametrize(
    "line", ['import os\nTOKEN = os.environ["SLACK_BOT_TOKEN"]', 'import os\nTOKEN = os.getenv("REDIS_URL")']
)
def test_reading_the_environment_outside_settings_is_reported(line: str, tree: Path) -> None:
    with appended(tree / "workers/__init__.py", line):
        done = run(tree, "ruff", "check", "--no-cache", "--select", "TID251", "--output-format", "concise", ".")
    assert re.findall(r"^(\S+?):\d+:\d+: TID251", done.stdout, re.MULTILINE) == ["workers/__init__.py"], done.stdout


def impure_calls(source: str) -> Iterator[str]:
    """Calls that use a file, a terminal or the clock without an import for a contract to find."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Name(id="open" | "input" | "exec" | "eval" as name):
                yield f"line {node.lineno}: {name}()"
            case ast.Attribute(
                attr="now" | "utcnow" | "today" as name, value=ast.Name(id="datetime" | "date" as owner)
            ):
                yield f"line {node.lineno}: {owner}.{name}()"
            case ast.Attribute(
                attr="now" | "utcnow" | "today" as name, value=ast.Attribute(attr="datetime" | "date" as owner)
            ):
                yield f"line {node.lineno}: {owner}.{name}()"
            case ast.Attribute(attr="urlopen"):
                yield f"line {node.lineno}: urlopen()"
            case _:
                pass


def test_pure_modules_use_neither_files_nor_the_clock() -> None:
    files = {file.relative_to(ROOT).as_posix(): file.read_text() for file in (ROOT / "checks").rglob("*.py")}
    pure = {name: text for name, text in files.items() if not any(fnmatch(name, pattern) for pattern in IMPURE)}
    assert "checks/model/findings.py" in pure
    assert {name: found for name, text in pure.items() if (found := list(impure_calls(text)))} == {}


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ("datetime.now(UTC)", "line 1: datetime.now()"),
        ("datetime.datetime.utcnow()", "line 1: datetime.utcnow()"),
        ("date.today()", "line 1: date.today()"),
        ('open("/etc/hosts")', "line 1: open()"),
        ("urllib.request.urlopen(url)", "line 1: urlopen()"),
    ],
)
def test_an_impure_call_is_reported(line: str, reported: str) -> None:
    assert list(impure_calls(line)) == [reported]


PARTS = ("actions", "alerts", "cards", "client", "conversations", "deliveries", "fleet", "gateways", "workflows")
"""The client of the workers and its parts, as the bot names them."""

FOR_THE_BOT = {
    "ActionClient",
    "AlertClient",
    "CardClient",
    "Client",
    "Conversations",
    "DeliveryClient",
    "FleetClient",
    "GatewayClient",
    "WorkflowClient",
}
"""Their classes; `ConnectedClient` is for whoever connects."""


def client_calls(source: str) -> Iterator[str]:
    """The members of the workers' client, and of its parts, that a module uses."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(
                attr=member,
                value=ast.Attribute(attr=part, value=ast.Name(id="client") | ast.Attribute(attr="client")),
            ):
                yield f"{part}.{member}"
            case ast.Attribute(attr=member, value=ast.Name(id="client") | ast.Attribute(attr="client")):
                yield f"client.{member}"
            case _:
                pass


def members(*modules: str) -> Iterator[str]:
    """The public methods and parts of the client's classes, as `PART.METHOD`."""
    for module in modules:
        part = Path(module).stem
        for node in ast.parse((ROOT / module).read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name in FOR_THE_BOT:
                for each in ast.walk(node):
                    match each:
                        case ast.FunctionDef(name=name) if not name.startswith("_"):
                            yield f"{part}.{name}"
                        case ast.Assign(targets=[ast.Attribute(attr=name, value=ast.Name(id="self"))]):
                            if part == "client" and not name.startswith("_"):
                                yield f"client.{name}"
                        case _:
                            pass


def test_the_bot_uses_every_member_of_the_client_and_not_its_stores() -> None:
    """Members of the conversations, cards and active steps are called by the client itself."""
    offered = set(members(*(f"workers/client/{part}.py" for part in PARTS if part != "conversations")))
    offered |= set(members("workers/runs/conversations.py"))
    sources = [file for file in (ROOT / "bot").rglob("*.py") if not file.is_relative_to(ROOT / "bot/sandbox")]
    used = {
        call
        for file in sources
        for call in client_calls(file.read_text())
        # `client` is also the SDK's client in the modules that call Slack.
        if "workers.client" in file.read_text() or "handler.client" in file.read_text()
    }
    used.remove("client.is_connected")  # of the SDK's Socket Mode client
    unused = {
        f"conversations.{each}" for each in ("remember_thread", "remember_target", "note_presence", "last_target")
    }
    # The refusals of a workspace are a store of their own, as the conversations are.
    offered |= {"client.refused_blocks", "refused_blocks.any_of", "refused_blocks.note"}
    unused |= {f"actions.{each}" for each in ("active", "request", "cancel")} | {"cards.begin_watch"}
    assert used == offered - unused
    assert len(used - {f"client.{part}" for part in PARTS}) < 50, "the client grows: can members be merged?"


@pytest.mark.parametrize(
    ("line", "used"),
    [
        ('desk.client.runs.get("a")', {"runs.get", "client.runs"}),
        ("interval = client.watch_interval", {"client.watch_interval"}),
        ("self.stores = client.stores", {"client.stores"}),
        ('self.client.get(Run, "a")', {"client.get"}),
    ],
)
def test_a_use_of_the_client_is_found(line: str, used: set[str]) -> None:
    assert set(client_calls(line)) == used


def test_every_dependency_has_a_reason() -> None:
    project = PYPROJECT["project"]
    declared = [
        line for group in (project["dependencies"], *project["optional-dependencies"].values()) for line in group
    ]
    names = {re.split(r"[\[<>=~! ]", line)[0] for line in declared}
    explained = re.findall(r"^- `([^`]+)`: \S", (ROOT / "docs/dependencies.md").read_text(), re.MULTILINE)
    assert sorted(explained) == sorted(names)


def test_the_pinned_requirements_contain_no_download_address() -> None:
    for file in (ROOT / "requirements").glob("*.txt"):
        assert re.findall(r"https?:|--index|--extra-index|--find-links|file:| @ ", file.read_text()) == [], file


def test_unexpected_exceptions_are_caught_in_three_places() -> None:
    """The engine, the sources and the workers have one each, and show what they caught.

    A thread of a pool only passes exceptions on to whoever waits for its result.
    """
    found = {
        str(file.relative_to(ROOT))
        for folder in ("bot", "checks", "workers")
        for file in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) in BROAD)
    }
    assert found - {"checks/sources/background.py"} == {
        "checks/engine/defects.py",
        "checks/sources/client_errors.py",
        "workers/telemetry/error_tokens.py",
    }
