"""The simulation: events in the order of a virtual clock."""

import heapq
import random
import statistics
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count, pairwise
from typing import cast

from checks.model.findings import Verdict
from tests.schedule.azure_limits import Subscription
from tests.schedule.plan import Plan
from tests.schedule.virtual_redis import VirtualRedis
from workers.client.stores import Stores
from workers.fleet.sweeps import MAX_PART_ATTEMPTS
from workers.queue.celery_app import app
from workers.queue.settings import WorkerSettings
from workers.records.gateway_state import GatewayCheck, GatewaySetting, SweptCluster
from workers.runs.leases import Lease

MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
TIME_OUT = 60.0
ARM_READS = 7
"""Reads of one cluster besides those of AKS below: the count of `make bench`."""


@dataclass
class Slot:
    """One slot of a worker. `turn` counts the deaths of its process, whose events are void."""

    worker: int
    busy: str = ""
    turn: int = 0
    lease: Lease | None = None
    signed_in: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Ended:
    """A fleet check at its end, in seconds since midnight, and its clusters without a result."""

    name: str
    began: float
    ended: float
    missing: int


@dataclass
class Day:
    """The results of a simulation."""

    plan: Plan
    delays: list[float] = field(default_factory=list)
    """Seconds from the begin of a fleet check to the result of a cluster, one for each result."""
    results: dict[str, list[float]] = field(default_factory=dict)
    """The times of the results by cluster."""
    complete: int = 0
    silent: int = 0
    refused_by_azure: int = 0
    at_once: int = 0
    """The most checks of one cluster at the same time."""
    longest_queue: int = 0
    sent_twice: int = 0
    """Messages for a part whose message still waited."""
    fleet_checks: list[Ended] = field(default_factory=list)
    subscriptions: list[Subscription] = field(default_factory=list)
    redis_bytes: int = 0
    redis_commands: int = 0
    longest_tick: float = 0.0

    @property
    def worst_gap(self) -> float:
        """The longest time between two results of one cluster, in seconds."""
        return max((b - a for times in self.results.values() for a, b in pairwise(times)), default=0.0)

    @property
    def median_delay(self) -> float:
        """Seconds."""
        return statistics.median(self.delays)


class Simulation:
    """One plan over one Redis."""

    def __init__(self, plan: Plan, redis_url: str) -> None:
        self.plan, self.config = plan, plan.config
        self.now = 0.0
        self.redis = cast("VirtualRedis", VirtualRedis.from_url(redis_url, decode_responses=True))
        self.redis.clock = lambda: self.now
        self.stores = Stores(self.redis, app, WorkerSettings(REDIS_URL=redis_url), self.config)
        self.random = random.Random(plan.seed)
        self.of_cluster = {each.name: n for n, each in enumerate(self.config.clusters)}
        self.queue: deque[str] = deque()
        self.slots = [Slot(n // 4) for n in range(4 * plan.workers)]
        self.day = Day(plan, subscriptions=[Subscription() for _ in range(plan.subscriptions)])
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.order = count()
        self.checking: dict[str, int] = {}
        self.open: dict[str, float] = {}

    def run(self) -> Day:
        """Everything until the end of the plan."""
        before = int(self.redis.info("stats")["total_commands_processed"])
        began = int(self.redis.info("memory")["used_memory"])
        self.at(0.0, self.tick)
        self.at(self.plan.killed[0], self.kill)
        while self.events and self.events[0][0] <= self.plan.hours * 3600:
            self.now, _, act = heapq.heappop(self.events)
            act()
        self.day.redis_commands = (
            int(self.redis.info("stats")["total_commands_processed"]) - before + self.redis.commands
        )
        self.day.redis_bytes = int(self.redis.info("memory")["used_memory"]) - began
        self.redis.close()
        return self.day

    def at(self, when: float, act: Callable[[], None]) -> None:
        heapq.heappush(self.events, (when, next(self.order), act))

    @property
    def time(self) -> datetime:
        return MIDNIGHT + timedelta(seconds=self.now)

    def tick(self) -> None:
        """One round of the beat, as `workers.tasks.fleet_tasks.drive_fleet` makes it."""
        stopped, away = self.plan.beat_stopped
        if not stopped <= self.now < stopped + away:
            waiting = frozenset(self.queue)

            def send(part: str) -> bool:
                if part not in waiting:
                    self.queue.append(part)
                return True

            self.stores.fleet.tick(self.config, self.time, send)
            self.note_fleet_checks()
            self.day.sent_twice += len(self.queue) - len(set(self.queue))
            self.day.longest_queue = max(self.day.longest_queue, len(self.queue))
            self.assign()
        self.at(self.now + self.stores.settings.tick, self.tick)

    def note_fleet_checks(self) -> None:
        found = {each.id: each for each in self.stores.fleet.sweeps.open()}
        for name, sweep in found.items():
            self.open.setdefault(name, (sweep.created - MIDNIGHT).total_seconds())
        for name in self.open.keys() - found.keys():
            ended = self.stores.fleet.sweeps.get(name)
            missing = len(ended.waiting) if ended is not None else 0
            self.day.fleet_checks.append(Ended(name, self.open.pop(name), self.now, missing))

    def assign(self) -> None:
        for slot in self.slots:
            while self.queue and not slot.busy:
                self.take(slot, self.queue.popleft())

    def take(self, slot: Slot, part: str) -> None:
        """Take up a part as `workers.fleet.sweeping.Sweeper.execute` does."""
        sweep_id, _, cluster = part.partition("/")
        fleet = self.stores.fleet
        sweep = fleet.sweeps.part(sweep_id, cluster)
        if sweep is None or sweep.over(self.time):
            return
        lease = fleet.sweeps.lease(cluster, 3600)
        if not lease.acquire():
            return
        if recent := fleet.ledger.sweeps(cluster, sweep.created, self.time):
            fleet.sweeps.record_part(sweep_id, recent[-1])
            lease.release()
            return
        if fleet.sweeps.note_attempt(sweep_id, cluster) > MAX_PART_ATTEMPTS:
            self.finish(lease, part, sweep.created, "interrupted twice")
            return
        slot.busy, slot.lease = part, lease
        self.checking[cluster] = self.checking.get(cluster, 0) + 1
        self.day.at_once = max(self.day.at_once, self.checking[cluster])
        turn = slot.turn

        def over(problem: str) -> None:
            if slot.turn == turn:
                self.checking[cluster] -= 1
                slot.busy, slot.lease = "", None
                self.finish(lease, part, sweep.created, problem)
                self.assign()

        if self.random.random() < self.plan.silent:
            self.at(self.now + TIME_OUT, lambda: over("the API server did not answer in time"))
        else:
            Reads(self, slot, cluster, over)

    def finish(self, lease: Lease, part: str, created: datetime, problem: str) -> None:
        """Record a result as `Sweeper` does."""
        sweep_id, _, cluster = part.partition("/")
        refused = problem.startswith("Azure")
        self.day.silent += bool(problem) and not refused
        self.day.refused_by_azure += refused
        self.day.complete += not problem
        names = () if problem and not refused else range(self.plan.gateways)
        swept = SweptCluster(cluster, sweep_id, self.time, len(names), 2.5, problem, complete=not problem)
        checks = [gateway_check(cluster, f"ns/egw-{n}", sweep_id, self.time) for n in names]
        self.stores.fleet.ledger.record_sweep(swept, checks, self.time)
        self.stores.fleet.sweeps.record_part(sweep_id, swept)
        lease.release()
        self.day.delays.append((self.time - created).total_seconds())
        self.day.results.setdefault(cluster, []).append(self.now)

    def kill(self) -> None:
        """Kill the first worker: its leases expire, and what it was checking is sent again."""
        for slot in (each for each in self.slots if each.worker == 0):
            lease, part = slot.lease, slot.busy
            slot.busy, slot.lease, slot.signed_in = "dead", None, set()
            slot.turn += 1
            if lease is not None:
                self.at(self.now + self.stores.settings.lease, partial(expire, lease))
                self.checking[part.partition("/")[2]] -= 1
        self.at(self.now + self.plan.killed[1], self.revive)

    def revive(self) -> None:
        for slot in (each for each in self.slots if each.worker == 0):
            slot.busy = ""
        self.assign()


class Reads:
    """The reads of one cluster from Azure; the rest of its check follows the last one."""

    def __init__(self, of: Simulation, slot: Slot, cluster: str, over: Callable[[str], None]) -> None:
        self.of, self.over, self.problem = of, over, ""
        self.subscription = of.day.subscriptions[of.plan.subscription(of.of_cluster[cluster])]
        of_aks = 1 if cluster in slot.signed_in else 2
        slot.signed_in.add(cluster)
        self.until = of.now + TIME_OUT
        self.left = ARM_READS + of_aks
        for number in range(self.left):
            self.ask(number < of_aks)

    def ask(self, of_aks: bool) -> None:
        pause = self.subscription.ask(self.of.now, of_aks, self.until)
        if pause:
            self.of.at(self.of.now + pause, lambda: self.ask(of_aks))
            return
        if pause is None:
            self.problem = "Azure refused a read (429)"
        self.left -= 1
        if self.left == 0:
            seconds = self.of.random.uniform(*self.of.plan.seconds)
            self.of.at(self.of.now + seconds, lambda: self.over(self.problem))


def expire(lease: Lease) -> None:
    """The end of a lease whose holder was killed."""
    lease.release()


def gateway_check(cluster: str, gateway: str, by: str, at: datetime) -> GatewayCheck:
    """A healthy gateway with six settings, as most checks of most fleets find it."""
    settings = tuple(
        GatewaySetting(f"StaticGatewayConfiguration {gateway}", f"spec.field{n}", "value") for n in range(6)
    )
    return GatewayCheck(by, cluster, gateway, at, Verdict.HEALTHY, (), settings=settings, prefix="20.50.60.0/30")
