"""Digests in Redis: requested, waiting for their fleet check, composed.

Keys (all under the prefix): `digest:order:ID` and `digest:doc:ID`, `digests` for those that wait for their fleet check.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from redis import Redis

from checks.config.access_rules import clusters_with_permission
from checks.config.configuration import AccessRule
from workers.fleet.digest_composition import FIRST_SPAN, PICTURE_DAYS, compose_digest
from workers.fleet.schedules import Due, Schedules
from workers.fleet.stored_state import StoredStates
from workers.fleet.sweeps import Sweep
from workers.fleet.visibility import visibility, visible_state
from workers.records.digest import DIGEST_JSON, DIGEST_ORDER_JSON, Digest, DigestOrder
from workers.records.schedule import selected_clusters
from workers.runs.compare_and_set import Expected, Transitions
from workers.runs.documents import Documents, new_revision
from workers.runs.unreadable import UnreadableRecords


class Digests:
    """Digests over the stored states. Every method may raise `connection.Unavailable`."""

    def __init__(
        self,
        redis: Redis,
        prefix: str,
        keep: int,
        documents: Documents,
        states: StoredStates,
        schedules: Schedules,
        access: Sequence[AccessRule],
    ) -> None:
        self.redis = redis
        self.prefix = prefix
        self.keep = keep
        self.documents = documents
        self.states = states
        self.schedules = schedules
        self.access = access
        self._transitions = Transitions(redis, prefix)
        self._unreadable = UnreadableRecords(redis, prefix)

    def begin(self, due: Due, names: Sequence[str], now: datetime) -> bool:
        """Queue a digest of a schedule that is due. False if it was queued before.

        `names` are the configured clusters.
        """
        schedule = due.schedule
        there, removed = selected_clusters(schedule.clusters, names)
        if schedule.requester is not None and there:
            there = clusters_with_permission(self.access, schedule.requester, "digest", there)
            if not there:
                self.schedules.stop(schedule.id, "the person who added it has no permission for its clusters any more")
                return False
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
            author=schedule.user,
            groups=schedule.groups,
        )
        return self.queue(order, now)

    def queue(self, order: DigestOrder, now: datetime) -> bool:
        """Queue a digest, which is composed once its clusters are checked.

        False if it was queued before.
        """
        key = self._key("digest", "order", order.id)
        return self._transitions.apply(
            [Expected(("EXISTS", key), 0)],
            [
                ("SET", key, DIGEST_ORDER_JSON.dump_json(order), "EX", self.keep),
                ("ZADD", self._key("digests"), now.timestamp(), order.id),
            ],
        )

    def get(self, digest_id: str) -> Digest | None:
        """A composed digest, or None if there is none or it cannot be read."""

        def stored() -> Digest | None:
            raw = self.redis.get(self._key("digest", "doc", digest_id))
            return DIGEST_JSON.validate_json(raw) if raw is not None else None

        return self._unreadable.read_one(f"digest/{digest_id}", stored, None)

    def waiting(self) -> tuple[DigestOrder, ...]:
        """The digests that wait for their fleet check, oldest first."""
        found = []
        names = (str(each) for each in self.redis.zrange(self._key("digests"), 0, -1))
        for name, order in self._unreadable.read_each("digest", names, self._order):
            if order is None:
                self.redis.zrem(self._key("digests"), name)
            else:
                found.append(order)
        return tuple(found)

    def _order(self, digest_id: str) -> DigestOrder | None:
        raw = self.redis.get(self._key("digest", "order", digest_id))
        return DIGEST_ORDER_JSON.validate_json(raw) if raw is not None else None

    def compose(self, order: DigestOrder, sweep: Sweep | None, now: datetime) -> None:
        """Compose a digest from its fleet check, None if it has expired; the courier posts it."""
        since = order.since or order.due - FIRST_SPAN
        parts = {each.cluster: each for each in sweep.done} if sweep is not None else {}
        last = [now.date() - timedelta(days=n) for n in reversed(range(PICTURE_DAYS))]
        visible = visibility(self.access, order.requester, "digest")
        states = [visible_state(self.states.of(each, since, now, last), visible) for each in order.clusters]
        known = [replace(each, swept=parts.get(each.cluster)) for each in states]
        mutes = [each for each in self.states.ledger.mutes(now) if visible(each.cluster, each.gateway)]
        made = compose_digest(order, known, mutes, now)
        document = self._key("digest", "doc", order.id)
        composed = self.schedules.composed(order.schedule, now) if order.schedule else []
        self._transitions.apply(
            [Expected(("EXISTS", document), 0)],
            [
                ("SET", document, DIGEST_JSON.dump_json(made), "EX", self.keep),
                *composed,
                *new_revision(self.prefix, f"digest/{order.id}", self.keep),
            ],
        )
        self.documents.changed(f"digest/{order.id}")
        self.redis.zrem(self._key("digests"), order.id)

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)
