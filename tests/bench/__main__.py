"""`make bench`: measures, prints, and writes docs/benchmarks.md.

`python -m tests.bench NAME…` runs some sections only.
"""

import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import bundles, counters, evaluation, fleets, route, router, runbook, schedule, steps, system

SECTIONS: dict[str, Callable[[], str]] = {
    "runbook": runbook.measure,
    "system": system.measure,
    "steps": steps.measure,
    "counters": counters.measure,
    "evaluation": evaluation.measure,
    "bundles": bundles.measure,
    "route": route.measure,
    "router": router.measure,
    "fleets": fleets.measure,
    "schedule": schedule.measure,
}
DOCUMENT = Path("docs/benchmarks.md")


def main(chosen: list[str]) -> None:
    """Runs the chosen sections, or all; writes the document only when all were run."""
    texts = []
    for name, measure in SECTIONS.items():
        if chosen and name not in chosen:
            continue
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        texts.append(measure())
        print(texts[-1], "\n", flush=True)
    if not chosen:
        DOCUMENT.write_text("\n\n".join([_head(), *texts]) + "\n", encoding="utf-8")
        print(f"written: {DOCUMENT}", file=sys.stderr)


def _head() -> str:
    return (
        "<!-- Written by `make bench`. Each table states what was measured. -->\n\n# Benchmarks\n\n"
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {datetime.now(UTC):%Y-%m-%d}; all "
        "connections on loopback. Medians of several runs with their range. Between machines, compare ratios and not "
        "milliseconds."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
