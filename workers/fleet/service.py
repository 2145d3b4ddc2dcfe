"""Digests, handoffs and their fleet checks: the ticks of beat, and requests of the bot.

The current time is always a parameter. Keys (all under the prefix): `digest:order:ID` and `digest:doc:ID`, `digests`
for those that wait for their fleet check, `handoff:ID`, `handoff:ID:taken`, `handoffs` for those with a reminder, by
its time.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from redis import Redis

from checks.config.configuration import Config
from workers.fleet.cluster_state import ClusterState
from workers.fleet.digest_composition import FIRST_SPAN, PICTURE_DAYS, compose_digest
from workers.fleet.handoff_composition import RECURRENCE_SPAN, compose_handoff
from workers.fleet.ledger import Ledger
from workers.fleet.schedules import Due, Schedules
from workers.fleet.sweeps import Sweep, Sweeps
from workers.fleet.transitions import gateway_check
from workers.records.digest import DIGEST_JSON, DIGEST_ORDER_JSON, Digest, DigestOrder
from workers.records.handoff import HANDOFF_JSON, Handoff, HandoffOrder
from workers.records.run import Run
from workers.records.schedule import selected_clusters
from workers.records.watch import Watch
from workers.runs.documents import Documents
from workers.runs.history import History

log = logging.getLogger(__name__)

SWEEP_DEADLINE = timedelta(minutes=10)
"""The time after which a digest stops waiting for its fleet check.

It then lists the missing clusters as not checked.
"""

REMIND_AFTER = timedelta(minutes=30)
"""The time after which the channel is reminded once of a handoff that no one has taken."""

MAX_PARTS_SENT = 200
"""The parts of one fleet check that may be queued at a time, to keep the queue short."""

_BEGIN = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2]) == false then return 0 end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4])
return 1
"""

SendPart = Callable[[str], bool]
"""Sends the task of one part (`SWEEP/CLUSTER`); False if the broker does not take it."""


class Fleet:
    """Digests and handoffs over ledger, fleet checks and schedules.

    Every method may raise `connection.Unavailable`.
    """

    def __init__(self, redis: Redis, prefix: str, keep: int, documents: Documents, history: History) -> None:
        self.redis = redis
        self.prefix = prefix
        self.keep = keep
        self.documents = documents
        self.history = history
        self.ledger = Ledger(redis, prefix, keep)
        self.sweeps = Sweeps(redis, prefix)
        self.schedules = Schedules(redis, prefix)
        self._begin = redis.register_script(_BEGIN)

    # beat

    def tick(self, config: Config, now: datetime, send: SendPart) -> None:
        """Begin due digests, send parts of fleet checks, compose complete digests, and remind.

        Idempotent, and harmless if several run at once.
        """
        names = tuple(each.name for each in config.clusters)
        self.schedules.begin_due(self.schedules.all(config), now, lambda due: self._begun(due, names, now))
        self._regular_sweep(config, now)
        for each in self._waiting():
            self.sweeps.begin(each.id, each.clusters, now, SWEEP_DEADLINE, f"digest in {each.channel}")
        for sweep in self.sweeps.open():
            self._drive(sweep, now, send)
        for each in self._waiting():
            found = self.sweeps.get(each.id)
            if found is None or found.over(now):
                self._compose(each, found, now)
        self._remind(now)

    def _begun(self, due: Due, names: Sequence[str], now: datetime) -> bool:
        schedule = due.schedule
        there, removed = selected_clusters(schedule.clusters, names)
        week = schedule.recurrence.week
        order = DigestOrder(
            id=f"{schedule.id}-{due.window}",
            channel=schedule.channel,
            clusters=there,
            due=due.at,
            since=due.since,
            window=due.window,
            schedule=schedule.id,
            when=str(schedule.recurrence),
            zone=schedule.recurrence.zone,
            show=schedule.show,
            late=due.late,
            weekly=due.since is None or week(due.since) != week(due.at),
            removed_clusters=removed,
        )
        return self.queue_digest(order, now)

    def _regular_sweep(self, config: Config, now: datetime) -> None:
        every = config.sweep_every
        if not every or not config.clusters:
            return
        slot = int(now.timestamp() // every.total_seconds())
        known = self.redis.get(self._key("sweep", "slot"))
        if known is not None and int(known) == slot:
            return
        going = any(each.why == "regular" and not each.over(now) for each in self.sweeps.open())
        if known is not None and not going:
            # A regular fleet check that overlaps the next slot is waited for, and that slot is skipped.
            names = [each.name for each in config.clusters]
            self.sweeps.begin(f"regular-{slot}", names, now, max(SWEEP_DEADLINE, every / 2), "regular")
        self.redis.set(self._key("sweep", "slot"), slot)

    def _drive(self, sweep: Sweep, now: datetime, send: SendPart) -> None:
        if sweep.over(now):
            self.sweeps.close(sweep.id)
            return
        for cluster in sweep.waiting[:MAX_PARTS_SENT]:
            if self.sweeps.may_send(sweep, cluster):
                send(f"{sweep.id}/{cluster}")

    # digests

    def queue_digest(self, order: DigestOrder, now: datetime) -> bool:
        """Queue a digest, which is composed once its clusters are checked.

        False if it was queued before.
        """
        return bool(
            self._begin(
                keys=[self._key("digest", "order", order.id), self._key("digests")],
                args=[DIGEST_ORDER_JSON.dump_json(order).decode(), self.keep, now.timestamp(), order.id],
            )
        )

    def digest(self, digest_id: str) -> Digest | None:
        """A composed digest, or None."""
        raw = self.redis.get(self._key("digest", "doc", digest_id))
        return DIGEST_JSON.validate_json(raw) if raw is not None else None

    def _waiting(self) -> tuple[DigestOrder, ...]:
        found = []
        for each in self.redis.zrange(self._key("digests"), 0, -1):
            raw = self.redis.get(self._key("digest", "order", str(each)))
            if raw is None:
                self.redis.zrem(self._key("digests"), str(each))
            else:
                found.append(DIGEST_ORDER_JSON.validate_json(raw))
        return tuple(found)

    def _compose(self, order: DigestOrder, sweep: Sweep | None, now: datetime) -> None:
        since = order.since or order.due - FIRST_SPAN
        parts = {each.cluster: each for each in sweep.done} if sweep is not None else {}
        last = [now.date() - timedelta(days=n) for n in reversed(range(PICTURE_DAYS))]
        known = [replace(self._known(each, since, now, last), swept=parts.get(each)) for each in order.clusters]
        made = compose_digest(order, known, self.ledger.mutes(now), now)
        new = self.redis.set(
            self._key("digest", "doc", order.id), DIGEST_JSON.dump_json(made).decode(), nx=True, ex=self.keep
        )
        if new and order.schedule:
            self.schedules.note_composed(order.schedule, now)
        self.documents.changed(f"digest/{order.id}")
        self.redis.zrem(self._key("digests"), order.id)

    def _known(self, cluster: str, since: datetime, until: datetime, days: Sequence[date] = ()) -> ClusterState:
        states = self.ledger.states(cluster)
        return ClusterState(
            cluster=cluster,
            states=states,
            events=self.ledger.transitions(cluster, since, until),
            owners={
                name: owner.user
                for name, owner in self.history.owners(cluster).items()
                # The owner of an earlier outage of the gateway does not own this one.
                if name in states and owner.at >= states[name].since
            },
            days=self.ledger.days(cluster, days) if days else {},
        )

    # handoffs

    def preview_handoff(self, order: HandoffOrder, watches: Sequence[Watch]) -> Handoff:
        """The handoff that `hand_over` would make."""
        since = order.at - order.span
        week = min(since, order.at - RECURRENCE_SPAN)
        known = [self._known(each, week, order.at) for each in order.clusters]
        sweeps = [part for each in order.clusters for part in self.ledger.sweeps(each, since, order.at)]
        runs = {
            f"{state.cluster} {state.gateway}": past[0].run
            for each in known
            for state in each.states.values()
            if (past := self.history.past_runs(state.cluster, state.gateway, 1)) and past[0].at >= since
        }
        return compose_handoff(order, known, self.ledger.mutes(order.at), watches, sweeps, runs)

    def hand_over(self, order: HandoffOrder, watches: Sequence[Watch]) -> bool:
        """Make a handoff, which the courier posts. False if this same handoff was made before."""
        made = HANDOFF_JSON.dump_json(self.preview_handoff(order, watches)).decode()
        due = (order.at + REMIND_AFTER).timestamp()
        new = self._begin(
            keys=[self._key("handoff", order.id), self._key("handoffs")], args=[made, self.keep, due, order.id]
        )
        self.documents.changed(f"handoff/{order.id}")
        return bool(new)

    def handoff(self, handoff_id: str) -> Handoff | None:
        """A handoff with the user who took it, or None if it is unknown or too old."""
        raw = self.redis.get(self._key("handoff", handoff_id))
        if raw is None:
            return None
        found = HANDOFF_JSON.validate_json(raw)
        taken = self.redis.get(self._key("handoff", handoff_id, "taken"))
        reminded = bool(self.redis.exists(self._key("handoff", handoff_id, "reminded")))
        if taken is None:
            return replace(found, reminded=reminded)
        user, _, at = str(taken).partition(" ")
        return replace(found, reminded=reminded, taken_by=user, taken_at=datetime.fromisoformat(at))

    def take_handoff(self, handoff_id: str, user: str, now: datetime) -> Handoff | None:
        """Make a user the owner of every open outage of a handoff.

        The first user counts. Returns the handoff with the user who took it, or None if it is unknown or too old.
        """
        found = self.handoff(handoff_id)
        if found is None or found.taken_by:
            return found
        key = self._key("handoff", handoff_id, "taken")
        if self.redis.set(key, f"{user} {now.isoformat()}", nx=True, ex=self.keep):
            for line in found.open:
                self.history.own_gateway(line.cluster, line.gateway, user, now)
            self.redis.zrem(self._key("handoffs"), handoff_id)
            self.documents.changed(f"handoff/{handoff_id}")
        return self.handoff(handoff_id)

    def _remind(self, now: datetime) -> None:
        for each in self.redis.zrangebyscore(self._key("handoffs"), "-inf", now.timestamp()):
            name = str(each)
            if self.redis.set(self._key("handoff", name, "reminded"), "1", nx=True, ex=self.keep):
                self.documents.changed(f"handoff/{name}")
            self.redis.zrem(self._key("handoffs"), name)

    # runs

    def record_run(self, run: Run) -> None:
        """Record the result of a run about a whole gateway."""
        target = run.order.target
        if run.report is None or run.ended is None or target.host or target.client:
            return
        self.ledger.record(run.report.cluster, [gateway_check(run.report, run.id, run.ended)], run.ended)

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)


def current_time() -> datetime:
    """The current time: for entry points, which pass it on as a parameter."""
    return datetime.now(UTC)
