"""`make soak`: a steady load of commands, watches and digests, and the memory it needs.

`python -m tests.chaos.soak --minutes 30 --rate 4` sends commands at this rate (per second) from three people in two
channels, and prints the memory of each process and of Redis twelve times in all. Redis has a limit, as in production, so
that the deletion of the oldest evidence is part of the load. The exit code is 1 if a process or Redis needs over
10 % more at the end than after half of the time, or if commands were refused or are unanswered.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import memory, table
from tests.chaos.installation import CHANNELS, RECOVERY, Installation, installation

PEOPLE = ("U0ALICE", "U0BOB", "U0CAROL")
REDIS_LIMIT_MIB = 24
SAMPLES = 12
FLAT = 1.1
"""The most that memory may grow in the second half, as a factor."""
_TURN = (
    *("/egress-diag weu egw", "/egress-diag neu team-egress/egw") * 9,
    "/egress-diag digest now",
    "/egress-diag watch weu egw 1m",
)


@dataclass(frozen=True)
class Sample:
    """Memory in MiB after so many minutes, by process name and `redis`."""

    minutes: float
    sent: int
    used: dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=4, help="commands per second")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="egress-diag-soak-"))
    print(f"logs: {folder}", flush=True)
    with installation(folder) as found:
        found.client.stores.redis.config_set("maxmemory", f"{REDIS_LIMIT_MIB}mb")
        refused, samples = _load(found, chosen.minutes * 60, chosen.rate)
        found.wait(found.is_quiet, 2 * RECOVERY)
        left, ended = len(found.unfinished()), found.system.ended()
    names = list(samples[0].used)
    rows = [(f"{each.minutes:.1f}", each.sent, *(f"{each.used[name]:.1f}" for name in names)) for each in samples]
    print(table(("minutes", "commands", *(f"{name} MiB" for name in names)), rows))
    growth = {name: samples[-1].used[name] / samples[len(samples) // 2].used[name] for name in names}
    print("growth in the second half: " + " · ".join(f"{name} {factor:.2f}" for name, factor in growth.items()))
    print(f"refused {refused} · unanswered {left} · ended by themselves {ended or 'none'}")
    grown = any(factor > FLAT for factor in growth.values())
    sys.exit(1 if grown or refused or left or ended else 0)


def _load(found: Installation, seconds: float, rate: float) -> tuple[int, list[Sample]]:
    """Send commands for so many seconds. Returns the number of refused ones and the samples."""
    began = time.monotonic()
    refused, sent, samples = 0, 0, list[Sample]()
    while (passed := time.monotonic() - began) < seconds:
        if passed >= (len(samples) + 1) * seconds / SAMPLES:
            samples.append(_sample(found, passed / 60, sent))
            print(f"{samples[-1].minutes:.1f} min: {sent} commands, {samples[-1].used}", flush=True)
        if sent >= passed * rate:
            time.sleep(0.02)
            continue
        answer = found.slack.say(
            _TURN[sent % len(_TURN)], user=PEOPLE[sent % len(PEOPLE)], channel=CHANNELS[sent // 7 % len(CHANNELS)]
        )
        sent += 1
        refused += not answer.ok
    samples.append(_sample(found, seconds / 60, sent))
    return refused, samples


def _sample(found: Installation, minutes: float, sent: int) -> Sample:
    used = {name: memory(process.pid) for name, process in found.system.processes.items()}
    redis = found.client.stores.redis.info("memory")
    return Sample(minutes, sent, used | {"redis": int(redis["used_memory"]) / 2**20})


if __name__ == "__main__":
    main()
