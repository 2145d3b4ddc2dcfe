"""Choose random mutants of the functions in some rooms: `python -m tests.mutants.choose > tests/mutants/mutants.yaml`.

The choice depends on a seed and on the number of mutants for each room, not on the tests. Every function gets one mutant
before any function gets a second, and rare kinds of change come first. equivalent.yaml lists the mutants that cannot change
any outcome, with reasons.
"""

import ast
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.mutants.mutants import ROOT, Mutant, NoSuchFragment, as_entry, functions
from tests.mutants.operators import changes

SEED = 20261129
EQUIVALENT = Path(__file__).with_name("equivalent.yaml")

ROOMS: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    (
        "checks/engine",
        40,
        ("tests/checks/engine", "tests/scenarios", "tests/incidents/test_incidents.py", "tests/test_contract.py"),
    ),
    (
        "checks/facts",
        40,
        ("tests/checks/facts", "tests/checks/kubernetes", "tests/scenarios", "tests/incidents/test_incidents.py"),
    ),
    ("workers/runs", 20, ("tests/workers/runs", "tests/workers/fleet", "tests/bot/test_conversation.py")),
    ("workers/fleet", 20, ("tests/workers/fleet", "tests/bot/fleet", "tests/bot/test_conversation.py")),
    ("workers", 20, ("tests/workers", "tests/bot/test_conversation.py")),
    ("bot/courier.py", 15, ("tests/bot/courier", "tests/bot/test_conversation.py")),
    ("bot/delivery", 15, ("tests/bot/courier", "tests/bot/test_route_thread.py", "tests/bot/test_conversation.py")),
)
"""A folder or file, how many mutants it gets, and the tests that run for them, the fastest first."""


def candidates(file: Path, tests: tuple[str, ...]) -> Iterator[Mutant]:
    """Every mutant of a file whose fragment occurs once in its function."""
    source = file.read_text(encoding="utf-8")
    name = file.relative_to(ROOT).as_posix()
    for function, node in functions(source):
        for change in changes(node, source):
            found = Mutant(name, function, change.kind, *_fragment(source, change.node, change.after), tests)
            try:
                found.applied(source)
            except (NoSuchFragment, SyntaxError):
                continue
            yield found


def _fragment(source: str, node: ast.AST, after: str) -> tuple[str, str]:
    """The complete lines of a node, before and after the change."""
    lines = source.splitlines()
    first, last = node.lineno, node.end_lineno  # type: ignore[attr-defined]
    head = lines[first - 1].encode()[: node.col_offset].decode()  # type: ignore[attr-defined]
    tail = lines[last - 1].encode()[node.end_col_offset :].decode()  # type: ignore[attr-defined]
    before = "\n".join(lines[first - 1 : last])
    return before.strip(), f"{head}{after}{tail}".strip()


def chosen(room: str, count: int, tests: tuple[str, ...], taken: set[str], equivalent: set[str]) -> list[Mutant]:
    """`count` mutants of a room: one of each function in random order, then a second of each, and so on."""
    rng = random.Random(f"{SEED} {room}")
    by_function: dict[str, list[Mutant]] = defaultdict(list)
    for file in sorted([ROOT / room] if room.endswith(".py") else (ROOT / room).rglob("*.py")):
        if (name := file.relative_to(ROOT).as_posix()) not in taken:
            taken.add(name)
            for mutant in candidates(file, tests):
                if str(mutant) not in equivalent:
                    by_function[f"{name}:{mutant.function}"].append(mutant)
    order = sorted(by_function)
    rng.shuffle(order)
    found: list[Mutant] = []
    used: Counter[str] = Counter()
    while len(found) < count and any(by_function.values()):
        for function in (each for each in order if by_function[each]):
            if len(found) < count:
                kinds = sorted(
                    {each.kind for each in by_function[function]}, key=lambda kind: (used[kind], rng.random())
                )
                mutant = rng.choice([each for each in by_function[function] if each.kind == kinds[0]])
                used[kinds[0]] += 1
                by_function[function].remove(mutant)
                found.append(mutant)
    return found


def main() -> None:
    """Write the list to standard output."""
    equivalent = {each["mutant"] for each in yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8")) or ()}
    taken: set[str] = set()
    found = [mutant for room, count, tests in ROOMS for mutant in chosen(room, count, tests, taken, equivalent)]
    found.sort(key=lambda each: (each.file, each.function, each.before))
    sys.stdout.write(
        f"# Written by tests/mutants/choose.py with seed {SEED}. If you rename a fragment in the code, rename it here.\n"
    )
    yaml.safe_dump(
        {"mutants": [as_entry(each) for each in found]}, sys.stdout, sort_keys=False, allow_unicode=True, width=120
    )


if __name__ == "__main__":
    main()
