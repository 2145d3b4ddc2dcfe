"""Complete mutants.yaml with random mutants: `python -m tests.mutants.choose`.

A mutant of the list stays as long as its fragment exists and equivalent.yaml does not list it: that file has the
mutants that change no outcome, with reasons. The choice of the others depends on a seed and on the number of mutants
for each room, not on the tests. Every function gets one mutant before any function gets a second, and rare kinds of
change come first.
"""

import ast
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.mutants.mutants import LIST, ROOT, Mutant, NoSuchFragment, as_entry, functions, load
from tests.mutants.operators import changes

SEED = 20261129
EQUIVALENT = Path(__file__).with_name("equivalent.yaml")

ROOMS: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("checks/steps", 18, ("tests/checks/steps", "tests/simulation", "tests/scenarios")),
    (
        "checks/sources/current_cluster.py",
        6,
        ("tests/checks/sources/test_current_cluster.py", "tests/test_contract_context.py"),
    ),
    ("checks/catalogue/network/egress_range_blocked.py", 4, ("tests/scenarios",)),
    ("checks/catalogue/network/tunnel_ports_blocked.py", 4, ("tests/scenarios",)),
    ("checks/catalogue/static_gateway/pods_older_than_configuration.py", 4, ("tests/scenarios",)),
    ("checks/catalogue/istio/traffic_failing.py", 4, ("tests/scenarios",)),
    ("checks/azure", 4, ("tests/checks/azure", "tests/scenarios")),
    ("workers/runs/cards.py", 4, ("tests/workers/runs/test_cards.py", "tests/bot/test_card.py")),
    ("workers/runs/card_changes.py", 4, ("tests/workers/runs/test_cards.py", "tests/bot/test_card.py")),
    (
        "checks/engine",
        40,
        (
            "tests/checks/engine",
            "tests/checks/sources/test_sweep.py",
            "tests/scenarios",
            "tests/incidents/test_incidents.py",
        ),
    ),
    (
        "checks/facts",
        40,
        ("tests/checks/facts", "tests/checks/kubernetes", "tests/scenarios", "tests/incidents/test_incidents.py"),
    ),
    (
        "workers/records",
        10,
        ("tests/workers/runs", "tests/workers/fleet", "tests/bot/courier", "tests/bot/test_conversation.py"),
    ),
    (
        "workers/runs",
        16,
        ("tests/workers/runs", "tests/workers/fleet", "tests/bot/courier", "tests/bot/test_conversation.py"),
    ),
    ("workers/fleet", 18, ("tests/workers/fleet", "tests/bot/fleet", "tests/bot/test_conversation.py")),
    ("workers", 23, ("tests/workers", "tests/bot/courier", "tests/bot/fleet", "tests/bot/test_conversation.py")),
    ("bot/courier", 9, ("tests/bot/courier", "tests/bot/test_conversation.py")),
    ("bot/delivery", 14, ("tests/bot/courier", "tests/bot/test_route_thread.py", "tests/bot/test_conversation.py")),
)
"""A folder or file, its number of mutants, and the tests that run for them.

The fastest tests come first.
"""


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


def chosen(
    room: str, count: int, tests: tuple[str, ...], taken: set[str], listed: set[str], equivalent: set[str]
) -> list[Mutant]:
    """`count` mutants of a room: the listed ones, then one of each function in random order.

    If more are needed, each function gets a second one, and so on.
    """
    rng = random.Random(f"{SEED} {room}")
    found: list[Mutant] = []
    others: dict[str, list[Mutant]] = defaultdict(list)
    for file in sorted([ROOT / room] if room.endswith(".py") else (ROOT / room).rglob("*.py")):
        if (name := file.relative_to(ROOT).as_posix()) not in taken:
            taken.add(name)
            for mutant in candidates(file, tests):
                if str(mutant) in listed - equivalent:
                    found.append(mutant)
                elif str(mutant) not in equivalent:
                    others[_place(mutant)].append(mutant)
    kinds, times = Counter(each.kind for each in found), Counter(map(_place, found))
    order = sorted(others)
    rng.shuffle(order)
    while len(found) < count and any(others.values()):
        function = min((each for each in order if others[each]), key=lambda each: times[each])
        rare = min(
            {each.kind: rng.random() for each in others[function]}.items(), key=lambda each: (kinds[each[0]], each[1])
        )
        mutant = rng.choice([each for each in others[function] if each.kind == rare[0]])
        others[function].remove(mutant)
        kinds[mutant.kind] += 1
        times[function] += 1
        found.append(mutant)
    return found


def _place(mutant: Mutant) -> str:
    return f"{mutant.file}:{mutant.function}"


def main() -> None:
    """Write the list."""
    equivalent = {each["mutant"] for each in yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8")) or ()}
    listed = {str(each) for each in load(LIST)}
    taken: set[str] = set()
    found = [mutant for room, count, tests in ROOMS for mutant in chosen(room, count, tests, taken, listed, equivalent)]
    found.sort(key=lambda each: (each.file, each.function, each.before))
    text = yaml.safe_dump(
        {"mutants": [as_entry(each) for each in found]}, sort_keys=False, allow_unicode=True, width=120
    )
    head = "# Written by tests/mutants/choose.py. If you change a fragment in the code, change it here too.\n"
    LIST.write_text(head + text, encoding="utf-8")


if __name__ == "__main__":
    main()
