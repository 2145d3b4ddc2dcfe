"""The faults of `make chaos`: kills, pauses of Redis, and broken connections."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import dataclass

from tests.chaos.installation import RECOVERY, Installation

KILLED = ("worker", "courier", "beat")
"""The processes that are killed, and whose connections are broken."""
_ACKNOWLEDGEMENT = b"ZREM"
"""In the command by which a consumer acknowledges a message."""
_ROUND = b"HSET"
"""In the commands by which the beat, which has no consumer, ends a round."""
_PAUSE = (5.0, 30.0)
"""The shortest and the longest pause of Redis, in seconds."""


@dataclass(slots=True)
class _Killed:
    """A killed and restarted process, with the documents that were unfinished then."""

    name: str
    at: float
    unfinished: set[str]


class Faults:
    """Causes faults, and waits for the recovery after each.

    Kills overlap: while one process recovers, another is killed. The same process is killed again only after it has
    recovered, and the worker only after everything that it had in hand is shown, so that no run is interrupted twice: a
    run may be, by contract, and then fails.
    """

    def __init__(self, found: Installation, chance: random.Random) -> None:
        self._found = found
        self._chance = chance
        self.stalled: list[str] = []
        self.slow: list[str] = []
        self.done: dict[str, int] = {"kills": 0, "pauses": 0, "breaks": 0}
        self._recovering: dict[str, _Killed] = {}
        self._not_shown: list[_Killed] = []

    def kill(self) -> None:
        """Kill a process in mid-run and start it again."""
        self._found.wait(lambda: len(self._still_recovering()) < len(KILLED), RECOVERY + 30)
        name = self._chance.choice([each for each in KILLED if each not in self._recovering])
        self._begin_run()
        killed = _Killed(name, time.monotonic(), self._found.unfinished())
        self._found.system.kill(name)
        time.sleep(self._chance.uniform(0, 1))
        self._found.system.start(name)
        self._recovering[name] = killed
        self._not_shown.append(killed)
        self.done["kills"] += 1

    def settle(self) -> None:
        """Wait for the recovery from every kill."""
        self._found.wait(lambda: not self._still_recovering() and not self._not_shown, RECOVERY + 30)

    def pause(self) -> None:
        """Pause Redis in mid-run."""
        self.settle()
        process = self._found.server.process
        assert process is not None
        seconds = self._chance.uniform(*_PAUSE)
        self._begin_run()
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGCONT)
        self.done["pauses"] += 1
        self._recovered(f"pause {seconds:.1f} s")

    def break_connections(self) -> None:
        """Break a connection of each process at its next acknowledgement."""
        self.settle()
        before = {name: self._found.system.proxies[name].broken for name in KILLED}
        for name in KILLED:
            self._found.system.proxies[name].break_at(_ROUND if name == "beat" else _ACKNOWLEDGEMENT)
        self._found.command()
        proxies = self._found.system.proxies
        self._found.wait(lambda: all(proxies[name].broken > before[name] for name in KILLED), 30)
        # Each process must take the next message, too.
        self._found.command()
        unbroken = [name for name in KILLED if proxies[name].broken == before[name]]
        self.done["breaks"] += 1
        self._recovered("break" + (f" (no such command of {', '.join(unbroken)})" if unbroken else ""))

    def _begin_run(self) -> None:
        """Send two commands, and wait for a random moment of the slower run."""
        self._found.command()
        time.sleep(self._chance.uniform(0.2, 2.5))

    def _recovered(self, fault: str) -> None:
        began = time.monotonic()
        quiet = self._found.wait(self._found.is_quiet, RECOVERY)
        works = self._found.wait(self._found.is_working, 15)
        self._report(fault, time.monotonic() - began, "" if quiet else "unanswered", "" if works else "stalled")

    def _still_recovering(self) -> dict[str, _Killed]:
        """The killed processes that may not be killed again yet; reports the others."""
        unfinished, works = self._found.unfinished(), self._found.is_working()
        for killed in list(self._recovering.values()):
            ready = self._found.system.is_ready(killed.name) and (killed.name != "beat" or works)
            free = ready and not (killed.name == "worker" and killed.unfinished & unfinished)
            seconds = time.monotonic() - killed.at
            if free or seconds > RECOVERY:
                del self._recovering[killed.name]
                if not ready:
                    self._report(f"restart {killed.name}", seconds, "", "stalled")
        for killed in list(self._not_shown):
            seconds, left = time.monotonic() - killed.at, killed.unfinished & unfinished
            if not left or seconds > RECOVERY:
                self._not_shown.remove(killed)
                self._report(f"kill {killed.name}", seconds, ", ".join(sorted(left)), "")
        return self._recovering

    def _report(self, fault: str, seconds: float, unanswered: str, stalled: str) -> None:
        if stalled:
            self.stalled.append(fault)
        if unanswered:
            self.slow.append(f"{fault}: {unanswered}")
        state = f"NOT RECOVERED ({unanswered or stalled})" if unanswered or stalled else "recovered"
        print(f"{sum(self.done.values()):3} {fault}: {state} after {seconds:.1f} s", flush=True)
