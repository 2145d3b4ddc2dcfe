"""`make chaos`: kills, pauses and broken connections under commands, and what they cost.

`python -m tests.chaos --kills 10 --pauses 10 --breaks 15` prints a line for each fault, and at the end the numbers of
lost, doubled, stuck and stalled. The exit code is 1 if one of them is not 0.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.chaos.installation import RECOVERY, Installation, installation

ACKNOWLEDGEMENT = b"ZREM"
"""In the command by which a consumer acknowledges a message."""
ROUND = b"HSET"
"""In the commands by which the beat, which has no consumer, ends a round."""
PAUSE = (5.0, 30.0)
"""The shortest and the longest pause of Redis, in seconds."""


class Faults:
    """Causes faults one after the other, and waits for the recovery after each."""

    def __init__(self, found: Installation, chance: random.Random) -> None:
        self._found = found
        self._chance = chance
        self.stalled: list[str] = []
        self.slow: list[str] = []
        self._number = 0

    def kill(self) -> None:
        """Kill a process in mid-run and start it again."""
        name = self._chance.choice(["worker", "courier", "beat"])
        self._begin_run()
        self._found.system.kill(name)
        time.sleep(self._chance.uniform(0, 2))
        self._found.system.start(name)
        self._recovered(f"kill {name}")

    def pause(self) -> None:
        """Pause Redis in mid-run."""
        process = self._found.server.process
        assert process is not None
        seconds = self._chance.uniform(*PAUSE)
        self._begin_run()
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGCONT)
        self._recovered(f"pause {seconds:.1f} s")

    def break_connection(self, name: str) -> None:
        """Break a connection of a process at an acknowledgement."""
        proxy = self._found.system.proxies[name]
        before = proxy.broken
        proxy.break_at(ROUND if name == "beat" else ACKNOWLEDGEMENT)
        self._found.command()
        broken = self._found.wait(lambda: proxy.broken > before, 30)
        # The process must take the next message, too.
        self._found.command()
        hears = self._recovered(f"break {name}" if broken else f"break {name} (no such command)")
        if not hears:
            self.stalled.append(name)

    def _begin_run(self) -> None:
        """Send two commands, and wait for a random moment of the slower run."""
        self._found.command()
        self._found.command()
        time.sleep(self._chance.uniform(0.2, 2.5))

    def _recovered(self, fault: str) -> bool:
        self._number += 1
        began = time.monotonic()
        quiet = self._found.wait(self._found.is_quiet, RECOVERY)
        works = self._found.wait(self._found.is_working, 15)
        seconds = time.monotonic() - began
        state = "recovered" if quiet and works else "NOT RECOVERED"
        print(f"{self._number:3} {fault}: {state} after {seconds:.1f} s", flush=True)
        if not works:
            self.stalled.append("beat")
        if not quiet:
            self.slow.append(fault)
        return quiet and works


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=10, help="random kills of worker, courier and beat")
    parser.add_argument("--pauses", type=int, default=10, help="pauses of Redis of 5 to 30 s")
    parser.add_argument("--breaks", type=int, default=15, help="broken connections of each process")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="egress-diag-chaos-"))
    print(f"logs: {folder}", flush=True)
    with installation(folder) as found:
        faults = Faults(found, random.Random(chosen.seed))
        for act in _order(faults, chosen):
            act()
        checks = found.watch_checks()
        continues = found.wait(lambda: found.watch_checks() > checks or found.watch_checks() == 0, 30)
        result = {**found.outcome(), "stalled": len(faults.stalled), "commands": found.sent, "watch checks": checks}
        ended = found.system.ended()
    print(" · ".join(f"{name} {number}" for name, number in result.items()))
    print(f"not recovered within {RECOVERY:.0f} s: {faults.slow or 'none'}; ended by themselves: {ended or 'none'}")
    bad = any(result[name] for name in ("lost", "doubled", "stuck", "stalled")) or ended or not continues
    sys.exit(1 if bad else 0)


def _order(faults: Faults, chosen: argparse.Namespace) -> list[Callable[[], None]]:
    breaks = [
        lambda name=name: faults.break_connection(name)
        for _ in range(chosen.breaks)
        for name in ("worker", "courier", "beat")
    ]
    return [*[faults.kill] * chosen.kills, *[faults.pause] * chosen.pauses, *breaks]


if __name__ == "__main__":
    main()
