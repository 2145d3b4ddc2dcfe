"""Handoffs in Redis: composed at once, taken by the first user, and reminded of once.

Keys (all under the prefix): `handoff:ID`, `handoff:ID:taken`, `handoff:ID:reminded`, `handoffs` for those with a reminder,
by its time.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from redis import Redis

from checks.config.configuration import AccessRule
from workers.fleet.handoff_composition import RECURRENCE_SPAN, compose_handoff
from workers.fleet.handoff_work import WorkReader
from workers.fleet.owners import Owners
from workers.fleet.stored_state import StoredStates
from workers.fleet.visibility import visibility, visible_state
from workers.records.handoff import HANDOFF_JSON, MOST_UNCHECKED, TAKEOVER_JSON, Handoff, HandoffOrder, Takeover
from workers.records.watch import Watch
from workers.runs.cards import CardChange
from workers.runs.compare_and_set import Expected, Transitions, until_applied
from workers.runs.documents import Documents, new_revision
from workers.runs.unreadable import UnreadableRecords

REMIND_AFTER = timedelta(minutes=30)
"""The time after which the channel is reminded once of a handoff that no one has taken."""


class Handoffs:
    """Handoffs over the stored states. Every method may raise `connection.Unavailable`."""

    def __init__(  # noqa: PLR0913, PLR0917 - one argument for each store that it uses
        self,
        redis: Redis,
        prefix: str,
        keep: int,
        documents: Documents,
        states: StoredStates,
        access: Sequence[AccessRule],
        owners: Owners,
        work: WorkReader,
    ) -> None:
        self.redis = redis
        self.prefix = prefix
        self.keep = keep
        self.documents = documents
        self.states = states
        self.access = access
        self.owners = owners
        self.work = work
        self._transitions = Transitions(redis, prefix)
        self._unreadable = UnreadableRecords(redis, prefix)

    def preview(self, order: HandoffOrder, watches: Sequence[Watch]) -> Handoff:
        """The handoff that `hand_over` would make.

        It contains the gateways that the person may hand over, and the watches of its channel.
        """
        visible = visibility(self.access, order.requester, "handoff")
        since = order.at - order.span
        week = min(since, order.at - RECURRENCE_SPAN)
        known = [visible_state(self.states.of(each, week, order.at), visible) for each in order.clusters]
        sweeps = [part for each in order.clusters for part in self.states.ledger.sweeps(each, since, order.at)]
        runs = {
            f"{state.cluster} {state.gateway}": past[0].run
            for each in known
            for state in each.states.values()
            if (past := self.states.history.past_runs(state.cluster, state.gateway, 1)) and past[0].at >= since
        }
        mutes = [each for each in self.states.ledger.mutes(order.at) if visible(each.cluster, each.gateway)]
        here = [
            each
            for each in watches
            if each.channel == order.channel and visible(each.target.cluster, each.target.gateway)
        ]
        return self._with_work(compose_handoff(order, known, mutes, here, sweeps, runs))

    def _with_work(self, shift: Handoff) -> Handoff:
        """The handoff with what was tried in its channel."""
        begun = shift.order.at - shift.order.span
        since = {
            (each.cluster, gateway): each.last or begun
            for each in shift.unchecked
            for gateway in each.gateways[:MOST_UNCHECKED]
        }
        since |= {
            (each.cluster, each.gateway): each.beginning.known for each in (*shift.open, *shift.starting, *shift.warned)
        }
        return replace(
            shift,
            work={
                f"{cluster} {gateway}": self.work.work(cluster, gateway, shift.order.channel, at)
                for (cluster, gateway), at in since.items()
            },
        )

    def hand_over(self, order: HandoffOrder, watches: Sequence[Watch]) -> bool:
        """Make a handoff, which the courier posts. False if this same handoff was made before."""
        made = HANDOFF_JSON.dump_json(self.preview(order, watches)).decode()
        due = (order.at + REMIND_AFTER).timestamp()
        key = self._key("handoff", order.id)
        new = self._transitions.apply(
            [Expected(("EXISTS", key), 0)],
            [
                ("SET", key, made, "EX", self.keep),
                ("ZADD", self._key("handoffs"), due, order.id),
                *self.owners.note_handoff(order.id, order.at),
                *new_revision(self.prefix, f"handoff/{order.id}", self.keep),
            ],
        )
        self.documents.changed(f"handoff/{order.id}")
        return new

    def get(self, handoff_id: str) -> Handoff | None:
        """A handoff with the user who took it.

        None if it is unknown, too old, or cannot be read.
        """
        return self._unreadable.read_one(f"handoff/{handoff_id}", lambda: self._stored(handoff_id), None)

    def _stored(self, handoff_id: str) -> Handoff | None:
        raw = self.redis.get(self._key("handoff", handoff_id))
        if raw is None:
            return None
        found = HANDOFF_JSON.validate_json(raw)
        taken = self.redis.get(self._key("handoff", handoff_id, "taken"))
        reminded = bool(self.redis.exists(self._key("handoff", handoff_id, "reminded")))
        if taken is None:
            return replace(found, reminded=reminded)
        takeover = TAKEOVER_JSON.validate_json(taken)
        return replace(found, reminded=reminded, taken_by=takeover.user, taken_at=takeover.at)

    def take(self, handoff_id: str, user: str, now: datetime) -> Handoff | None:
        """Make a user the owner of every gateway of a handoff that does not serve.

        The first user counts. Returns the handoff with the user who took it, or None if it is unknown or too old.
        """

        def attempt() -> tuple[Handoff | None, Sequence[str]] | None:
            found = self.get(handoff_id)
            if found is None or found.taken_by:
                return found, ()
            takeover = TAKEOVER_JSON.dump_json(Takeover(user, now))
            owned = CardChange(documents=[f"handoff/{handoff_id}"])
            for cluster in dict.fromkeys(line.cluster for line in found.owned):
                gateways = [line.gateway for line in found.owned if line.cluster == cluster]
                owned.add(self.owners.taken(cluster, gateways, user, "handoff", now))
            taken = self._transitions.apply(
                [*self._not_taken(handoff_id), *owned.expected],
                [
                    ("SET", self._key("handoff", handoff_id, "taken"), takeover, "EX", self.keep),
                    ("ZREM", self._key("handoffs"), handoff_id),
                    *owned.writes,
                    *new_revision(self.prefix, f"handoff/{handoff_id}", self.keep),
                ],
            )
            return (self.get(handoff_id), owned.documents) if taken else None

        found, changed = until_applied(attempt)
        for document in dict.fromkeys(changed):
            self.documents.changed(document)
        return found

    def remind(self, now: datetime) -> None:
        """Make the reminders due of handoffs that no one has taken; each once."""
        for each in self.redis.zrangebyscore(self._key("handoffs"), "-inf", now.timestamp()):
            name = str(each)
            reminded = self._key("handoff", name, "reminded")
            made = self._transitions.apply(
                [*self._not_taken(name), Expected(("EXISTS", reminded), 0)],
                [
                    ("SET", reminded, "1", "EX", self.keep),
                    ("ZREM", self._key("handoffs"), name),
                    *new_revision(self.prefix, f"handoff/{name}", self.keep),
                ],
            )
            if made:
                self.documents.changed(f"handoff/{name}")
            else:
                self.redis.zrem(self._key("handoffs"), name)

    def _not_taken(self, handoff_id: str) -> list[Expected]:
        return [
            Expected(("EXISTS", self._key("handoff", handoff_id)), 1),
            Expected(("EXISTS", self._key("handoff", handoff_id, "taken")), 0),
        ]

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)
