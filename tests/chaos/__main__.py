"""`make chaos`: kills, pauses and broken connections under commands, and what they cost.

Digests and watches are among the commands.

`python -m tests.chaos --kills 10 --pauses 10 --breaks 15` prints a line for each fault, and at the end the numbers of
lost, doubled, stuck and stalled. The exit code is 1 if one of them is not 0. `--minutes 20` ends the run after that time
with what it has done until then: the faults come mixed, so that any part of a run is a sample of the whole.

On an idle machine with two cores a kill takes 5 to 6 s, a pause 20 to 30 s, and a break of all three connections 5 to
10 s: the 300 kills, 50 pauses and 50 breaks of `make chaos KILLS=300 PAUSES=50 BREAKS=50` take about an hour.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from tests.chaos.faults import Faults
from tests.chaos.installation import RECOVERY, Installation, installation


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=10, help="random kills of worker, courier and beat")
    parser.add_argument("--pauses", type=int, default=10, help="pauses of Redis of 5 to 30 s")
    parser.add_argument("--breaks", type=int, default=15, help="broken connections of each process")
    parser.add_argument(
        "--minutes", type=float, default=24 * 60, help="the time after which no further fault is caused"
    )
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="egress-diag-chaos-"))
    print(f"logs: {folder}", flush=True)
    with installation(folder) as found:
        faults = Faults(found, random.Random(chosen.seed))
        until = time.monotonic() + timedelta(minutes=chosen.minutes).total_seconds()
        for act in _order(faults, chosen):
            if time.monotonic() > until:
                break
            act()
        faults.settle()
        result, works = _result(found, faults)
        ended = found.system.ended()
    print(" · ".join(f"{name} {number}" for name, number in result.items()))
    print(f"not recovered within {RECOVERY:.0f} s: {faults.slow or 'none'}; ended by themselves: {ended or 'none'}")
    bad = (
        any(result[name] for name in ("lost", "doubled", "stuck", "untrue cards", "stalled"))
        or faults.slow
        or ended
        or not works
    )
    sys.exit(1 if bad else 0)


def _result(found: Installation, faults: Faults) -> tuple[dict[str, int], bool]:
    """The numbers at the end, and whether the watch over the whole time still makes checks.

    The watches of a minute have ended by then, or are stuck.
    """
    found.wait(found.is_quiet, RECOVERY)
    found.wait(lambda: all(each.id == found.watch.id for each in found.client.stores.watches.active()), 2 * RECOVERY)
    found.wait(found.is_quiet, RECOVERY)
    checks = found.watch_checks()
    works = found.wait(lambda: found.watch_checks() > checks or found.watch_checks() == 0, 30)
    # A check of the long watch can end while the cards are compared.
    found.wait(lambda: found.untrue_cards() == 0, RECOVERY)
    outcome = found.outcome()
    left = len([each for each in found.client.stores.watches.active() if each.id != found.watch.id])
    outcome["stuck"] += left
    numbers = {**faults.done, **outcome, "stalled": len(faults.stalled), "commands": found.sent, "watch checks": checks}
    return numbers, works


def _order(faults: Faults, chosen: argparse.Namespace) -> Iterator[Callable[[], None]]:
    """All faults, each kind spread evenly over the whole."""
    kinds = ((faults.kill, chosen.kills), (faults.pause, chosen.pauses), (faults.break_connections, chosen.breaks))
    blocks = max(1, min((count for _, count in kinds if count), default=1))
    for block in range(blocks):
        for act, count in kinds:
            yield from [act] * ((block + 1) * count // blocks - block * count // blocks)


if __name__ == "__main__":
    main()
