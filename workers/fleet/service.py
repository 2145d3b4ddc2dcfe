"""The fleet as a whole: the ticks of beat drive fleet checks, digests and reminders.

The current time is always a parameter. Key (under the prefix): `sweep:slot` is the last slot of the regular fleet check.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from redis import Redis

from checks.config.configuration import AccessRule, Config
from workers.fleet.digest_store import Digests
from workers.fleet.handoff_store import Handoffs
from workers.fleet.handoff_work import WorkReader
from workers.fleet.ledger import Ledger
from workers.fleet.owners import Owners
from workers.fleet.schedules import Schedules
from workers.fleet.stored_state import StoredStates
from workers.fleet.sweeps import Sweep, Sweeps
from workers.fleet.transitions import gateway_check
from workers.records.run import Run
from workers.runs.canaries import Canaries
from workers.runs.documents import Documents
from workers.runs.history import History
from workers.runs.unreadable import UnreadableRecords

SWEEP_DEADLINE = timedelta(minutes=10)
"""The time after which a digest stops waiting for its fleet check.

It then lists the missing clusters as not checked.
"""

MAX_PARTS_SENT = 200
"""The parts of one fleet check that may be queued at a time, to keep the queue short."""

SendPart = Callable[[str], bool]
"""Sends the task of one part (`SWEEP/CLUSTER`); False if the broker does not take it."""


class Fleet:
    """Digests and handoffs over ledger, fleet checks and schedules.

    Every method may raise `connection.Unavailable`.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one argument for each store that it uses
        self,
        redis: Redis,
        prefix: str,
        keep: int,
        documents: Documents,
        history: History,
        access: Sequence[AccessRule],
        canaries: Canaries,
        work: WorkReader,
    ) -> None:
        self.redis = redis
        self.prefix = prefix
        self._unreadable = UnreadableRecords(redis, prefix)
        self.ledger = Ledger(redis, prefix, keep)
        self.sweeps = Sweeps(redis, prefix)
        self.schedules = Schedules(redis, prefix)
        self.owners = Owners(redis, prefix, keep, history, self.ledger)
        states = StoredStates(self.ledger, history, canaries, self.owners)
        self.digests = Digests(redis, prefix, keep, documents, states, self.schedules, access)
        self.handoffs = Handoffs(redis, prefix, keep, documents, states, access, self.owners, work)

    def tick(self, config: Config, now: datetime, send: SendPart) -> None:
        """Begin due digests, send parts of fleet checks, compose complete digests, and remind.

        It is idempotent, and harmless if several run at once.
        """
        names = tuple(each.name for each in config.clusters)
        self.schedules.begin_due(self.schedules.all(config), now, lambda due: self.digests.begin(due, names, now))
        self._regular_sweep(config, now)
        for each in self.digests.waiting():
            clusters = spread_over_subscriptions(each.clusters, config)
            self.sweeps.begin(each.id, clusters, now, SWEEP_DEADLINE, f"digest in {each.channel}")
        for sweep in self.sweeps.open():
            self._drive(sweep, now, send)
        waiting = {each.id: each for each in self.digests.waiting()}

        def compose(name: str) -> None:
            found = self.sweeps.get(name)
            if found is None or found.over(now):
                self.digests.compose(waiting[name], found, now)

        for _ in self._unreadable.read_each("digest", waiting, compose):
            pass
        self.handoffs.remind(now)

    def _regular_sweep(self, config: Config, now: datetime) -> None:
        every = config.sweep_every
        if not every or not config.clusters:
            return
        slot = int(now.timestamp() // every.total_seconds())
        stored = str(self.redis.get(self._key("sweep", "slot")))
        # A slot that cannot be read is replaced.
        known = int(stored) if stored.isdecimal() else None
        if known == slot:
            return
        going = any(each.why == "regular" and not each.over(now) for each in self.sweeps.open())
        if known is not None and not going:
            # A regular fleet check that overlaps the next slot is waited for, and that slot is skipped.
            names = spread_over_subscriptions([each.name for each in config.clusters], config)
            self.sweeps.begin(f"regular-{slot}", names, now, max(SWEEP_DEADLINE, every / 2), "regular")
        self.redis.set(self._key("sweep", "slot"), slot)

    def _drive(self, sweep: Sweep, now: datetime, send: SendPart) -> None:
        if sweep.over(now):
            self.sweeps.close(sweep.id)
            return
        for cluster in sweep.waiting[:MAX_PARTS_SENT]:
            if self.sweeps.may_send(sweep, cluster):
                send(f"{sweep.id}/{cluster}")

    def record_run(self, run: Run) -> None:
        """Record the result of a run about a whole gateway."""
        target = run.order.target
        if run.report is None or run.ended is None or target.host or target.client:
            return
        self.ledger.record(run.report.cluster, [gateway_check(run.report, run.id, run.ended)], run.ended)

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)


def spread_over_subscriptions(clusters: Sequence[str], config: Config) -> list[str]:
    """The clusters in an order that spreads those of each Azure subscription evenly.

    Azure limits the requests for each subscription (docs/scaling.md#azures-limits), and a configuration often lists the
    clusters of one subscription together.
    """
    subscriptions = {each.name: each.subscription_id for each in config.clusters}
    totals = Counter(subscriptions.get(name, "") for name in clusters)
    before: Counter[str] = Counter()

    def place(name: str) -> float:
        subscription = subscriptions.get(name, "")
        before[subscription] += 1
        return (before[subscription] - 0.5) / totals[subscription]

    return sorted(clusters, key=place)


def current_time() -> datetime:
    """The current time: for entry points, which pass it on as a parameter."""
    return datetime.now(UTC)
