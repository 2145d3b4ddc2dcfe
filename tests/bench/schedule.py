"""The schedule of a large fleet over a day, with a virtual clock."""

import tempfile
from pathlib import Path
from time import process_time

from tests.bench.measure import table
from tests.redis_server import RedisServer
from tests.schedule.day import Day, Simulation
from tests.schedule.plan import Plan

PLAN = Plan()


def measure() -> str:
    """The section of docs/benchmarks.md."""
    with tempfile.TemporaryDirectory() as name:
        server = RedisServer(Path(name))
        server.start()
        began = process_time()
        try:
            day = Simulation(PLAN, server.url).run()
        finally:
            server.stop()
    return "\n".join(
        [
            "## A day of 2,000 clusters, by simulation of the schedule",
            "",
            (
                f"The beat's and the workers' own code over a real Redis, with a virtual clock: {PLAN.clusters:,} clusters "
                f"with {PLAN.gateways} gateways each, {PLAN.hours:.0f} hours, {PLAN.workers} workers with 4 slots, "
                f"`sweep_every: {PLAN.every.total_seconds() / 3600:.0f}h` and a digest of all clusters at {PLAN.digest}. "
                f"{PLAN.subscriptions} subscriptions, of which one has {PLAN.largest} clusters; Azure's request limits are "
                f"token buckets. {PLAN.silent:.0%} of the checks time out. The first worker is killed for "
                f"{PLAN.killed[1] / 60:.0f} minutes, the beat stops for {PLAN.beat_stopped[1] / 60:.0f} minutes. "
                f"Not simulated: the reads of a cluster, which take {PLAN.seconds[0]} s to {PLAN.seconds[1]} s."
            ),
            "",
            table(("", "value"), _rows(day)),
            "",
            f"The simulation took {process_time() - began:.0f} s of CPU time without Redis.",
        ]
    )


def _rows(day: Day) -> list[tuple[str, str]]:
    ended = [(end - begin, missing) for _, begin, end, missing in day.fleet_checks]
    largest, others = day.subscriptions[0], day.subscriptions[1:]
    hours = day.plan.hours
    return [
        ("fleet checks, digests included", f"{len(ended)}"),
        ("clusters without a result at the end of their fleet check", f"{sum(missing for _, missing in ended)}"),
        ("results", f"{len(day.delays):,}"),
        ("of these: complete", f"{day.complete:,}"),
        ("of these: the cluster did not answer", f"{day.silent:,}"),
        ("of these: Azure refused a read to the end", f"{day.refused_by_azure:,}"),
        ("longest fleet check", f"{max(seconds for seconds, _ in ended) / 60:.1f} min"),
        ("begin of a fleet check to the result of a cluster, median", f"{day.median_delay / 60:.1f} min"),
        ("begin of a fleet check to the result of a cluster, worst", f"{max(day.delays) / 60:.1f} min"),
        ("longest time between two results of a cluster", f"{day.worst_gap / 60:.0f} min"),
        ("longest queue", f"{day.longest_queue} messages"),
        ("checks of one cluster at the same time, at most", f"{day.at_once}"),
        ("requests to Azure", f"{sum(sum(each.requests.values()) for each in day.subscriptions):,}"),
        (
            f"most in a second and in a minute, subscription with {day.plan.largest} clusters",
            f"{largest.peak(1)}, {largest.peak(60)}",
        ),
        (
            "most in a second and in a minute, any other",
            f"{max(e.peak(1) for e in others)}, {max(e.peak(60) for e in others)}",
        ),
        ("answered with 429 and repeated", f"{sum(each.throttled for each in day.subscriptions):,}"),
        ("commands of Redis, per second", f"{day.redis_commands / hours / 3600:.0f}"),
        ("memory of Redis at the end", f"{day.redis_bytes / 1e6:.0f} MB"),
    ]
