"""The schedule of a large fleet over a day, with a virtual clock."""

import tempfile
from pathlib import Path
from time import process_time

from tests.bench.measure import table
from tests.redis_server import RedisServer
from tests.schedule.day import Day, Simulation
from tests.schedule.plan import Plan

WORKERS = (2, 5)


def measure() -> str:
    """The section of docs/benchmarks.md."""
    days, began = [], process_time()
    for workers in WORKERS:
        with tempfile.TemporaryDirectory() as name:
            server = RedisServer(Path(name))
            server.start()
            try:
                days.append(Simulation(Plan(workers=workers), server.url).run())
            finally:
                server.stop()
    plan = days[0].plan
    rows = [(name, *values) for name, *values in zip(NAMES, *map(_values, days), strict=True)]
    return "\n".join(
        [
            "## A day of 2,000 clusters, by simulation of the schedule",
            "",
            (
                f"The beat's and the workers' own code over a real Redis, with a virtual clock: {plan.clusters:,} clusters "
                f"with {plan.gateways} gateways each, {plan.hours:.0f} hours, workers with 4 slots, "
                f"`sweep_every: {plan.every.total_seconds() / 3600:.0f}h` and a digest of all clusters at {plan.digest}. "
                f"{plan.subscriptions} subscriptions, of which one has {plan.largest} clusters; Azure's request limits are "
                f"token buckets. {plan.silent:.0%} of the checks time out. The first worker is killed for "
                f"{plan.killed[1] / 60:.0f} minutes, the beat stops for {plan.beat_stopped[1] / 60:.0f} minutes. "
                f"The reads of a cluster are not simulated: they take {plan.seconds[0]} s to {plan.seconds[1]} s."
            ),
            "",
            table(("", *(f"{each} workers" for each in WORKERS)), rows),
            "",
            f"The simulations took {process_time() - began:.0f} s of CPU time without Redis.",
        ]
    )


NAMES = (
    "regular fleet checks",
    "clusters without a result at the end of a regular fleet check",
    "clusters without a result when the digest is due, after 10 min",
    "results",
    "of these: the cluster did not answer",
    "of these: Azure refused a read until the deadline",
    "longest regular fleet check",
    "begin of a fleet check to the result of a cluster, median",
    "begin of a fleet check to the result of a cluster, worst",
    "longest time between two results of a cluster",
    "longest queue, messages",
    "most checks of one cluster at the same time",
    "requests to Azure",
    "most in a second and in a minute, largest subscription",
    "most in a second and in a minute, any other subscription",
    "answered with 429 and repeated",
    "commands of Redis per second",
    "memory of Redis at the end",
)


def _values(day: Day) -> list[str]:
    regular = [each for each in day.fleet_checks if each.name.startswith("regular")]
    digests = [each for each in day.fleet_checks if not each.name.startswith("regular")]
    largest, others = day.subscriptions[0], day.subscriptions[1:]
    return [
        f"{len(regular)}",
        f"{sum(each.missing for each in regular)}",
        f"{sum(each.missing for each in digests)}",
        f"{len(day.delays):,}",
        f"{day.silent:,}",
        f"{day.refused_by_azure:,}",
        f"{max(each.ended - each.began for each in regular) / 60:.1f} min",
        f"{day.median_delay / 60:.1f} min",
        f"{max(day.delays) / 60:.1f} min",
        f"{day.worst_gap / 60:.0f} min",
        f"{day.longest_queue}",
        f"{day.at_once}",
        f"{sum(sum(each.requests.values()) for each in day.subscriptions):,}",
        f"{largest.peak(1)}, {largest.peak(60)}",
        f"{max(each.peak(1) for each in others)}, {max(each.peak(60) for each in others)}",
        f"{sum(each.throttled for each in day.subscriptions):,}",
        f"{day.redis_commands / day.plan.hours / 3600:.0f}",
        f"{day.redis_bytes / 1e6:.0f} MB",
    ]
