"""The owner of each gateway's incident.

Ownership is taken with a button, in Home or with a handoff, and released. There is one owner for a gateway, which all its
cards, handoffs and App Homes show.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from redis import Redis

from workers.fleet.ledger import Ledger
from workers.records.card import QUIET, OwnedBy
from workers.records.gateway_state import GatewayState
from workers.records.history import Ownership
from workers.runs.cards import CardChange, Cards
from workers.runs.compare_and_set import Expected, Transitions, Write, until_applied
from workers.runs.documents import new_revision
from workers.runs.history import History

POSTED = "handoffs:posted"
"""The handoffs of the last day, which show present owners, by the time of the order."""


class Owners:
    """Owners of incidents. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str, keep: int, history: History, ledger: Ledger) -> None:
        self.redis = redis
        self.prefix = prefix
        self.keep = keep
        self._history = history
        self._cards = Cards(redis, prefix, keep)
        self._ledger = ledger
        self._transitions = Transitions(redis, prefix)

    def current(self, cluster: str) -> dict[str, str]:
        """The owner of each gateway's current or last incident, by `namespace/name`.

        The owner of an earlier incident does not own this one.
        """
        states = self._ledger.states(cluster)
        found = self._history.owners(cluster).items()
        return {name: user for name, each in found if (user := current_owner(each, states.get(name)))}

    def owner(self, cluster: str, gateway: str) -> str:
        """The owner of the current or last incident of one gateway; empty without one."""
        return current_owner(self._history.stored_owner(cluster, gateway)[1], self._ledger.state(cluster, gateway))

    def take(self, cluster: str, gateway: str, user: str, by: OwnedBy, at: datetime, run: str = "") -> tuple[str, ...]:
        """Make a user the owner of a gateway's incident; the last user counts.

        Returns the documents that show it. Repeating it changes nothing.
        """
        return self._changed(lambda: self.taken(cluster, [gateway], user, by, at, run))

    def release(self, cluster: str, gateway: str, user: str, by: OwnedBy, at: datetime) -> tuple[str, ...]:
        """End the ownership of a gateway's incident. Returns the documents that show it."""

        def change() -> CardChange:
            raw, ownership = self._history.stored_owner(cluster, gateway)
            found = CardChange([self._unchanged(cluster, gateway, raw)])
            if raw is not None:
                found.writes.append(("HDEL", self._history.owners_key(cluster), gateway))
            if before := current_owner(ownership, self._ledger.state(cluster, gateway)):
                found.add(self._cards.after_owner(cluster, gateway, user, "", before, by, at))
                found.add(self._handoffs(at))
            return found

        return self._changed(change)

    def taken(
        self, cluster: str, gateways: Iterable[str], user: str, by: OwnedBy, at: datetime, run: str = ""
    ) -> CardChange:
        """The part of a transition that makes a user the owner of gateways of one cluster."""
        found = CardChange()
        for gateway in gateways:
            raw, ownership = self._history.stored_owner(cluster, gateway)
            found.expected.append(self._unchanged(cluster, gateway, raw))
            before = current_owner(ownership, self._ledger.state(cluster, gateway))
            if before != user:
                found.writes += self._history.owned(cluster, gateway, Ownership(user, at, run))
                found.add(self._cards.after_owner(cluster, gateway, user, user, before, by, at))
        found.add(self._handoffs(at))
        return found

    def note_handoff(self, handoff_id: str, at: datetime) -> list[Write]:
        """The writes that let a handoff follow the owners of its open problems for a day."""
        key = f"{self.prefix}{POSTED}"
        return [
            ("ZADD", key, at.timestamp(), handoff_id),
            ("ZREMRANGEBYSCORE", key, "-inf", (at - QUIET).timestamp()),
            ("EXPIRE", key, int(QUIET.total_seconds())),
        ]

    def _handoffs(self, at: datetime) -> CardChange:
        """The change that makes the handoffs of the last day due."""
        recent = self.redis.zrangebyscore(f"{self.prefix}{POSTED}", (at - QUIET).timestamp(), "+inf")
        documents = [f"handoff/{name}" for name in map(str, recent)]
        writes = [write for each in documents for write in new_revision(self.prefix, each, self.keep)]
        return CardChange(writes=writes, documents=documents)

    def _unchanged(self, cluster: str, gateway: str, raw: str | bytes | None) -> Expected:
        return Expected(("HGET", self._history.owners_key(cluster), gateway), raw)

    def _changed(self, make: Callable[[], CardChange]) -> tuple[str, ...]:
        def attempt() -> tuple[str, ...] | None:
            change = make()
            if not self._transitions.apply(change.expected, change.writes):
                return None
            return tuple(dict.fromkeys(change.documents))

        return until_applied(attempt)


def current_owner(ownership: Ownership | None, state: GatewayState | None) -> str:
    """The owner of a gateway's current or last incident; empty if they owned an earlier one."""
    since = state.owned_since if state is not None else None
    return ownership.user if ownership is not None and (since is None or ownership.at >= since) else ""
