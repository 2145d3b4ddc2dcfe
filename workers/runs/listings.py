"""The answers to the command `list`: requested, then answered exactly once.

Keys (all under the prefix): `listing:ID` is the record, `listings` are those without an answer, by the time of the request.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from redis import Redis

from workers.records.listing import LISTING_JSON, Listing, ListingState
from workers.records.stored import read_record
from workers.runs.compare_and_set import Expected, Transitions, until_applied
from workers.runs.documents import new_revision
from workers.runs.unreadable import UnreadableRecords

_KEPT = 3600
"""Seconds for which a request and its answer are kept.

Its response URL is valid for half of that.
"""


class Listings:
    """All requests of `list`. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self.redis = redis
        self.prefix = prefix
        self._transitions = Transitions(redis, prefix)
        self._unreadable = UnreadableRecords(redis, prefix)

    def request(self, listing: Listing) -> None:
        """Record a request, which waits for its answer."""
        key, waiting = self._key("listing", listing.id), self._key("listings")
        self._transitions.apply(
            [Expected(("EXISTS", key), 0)],
            [
                ("SET", key, LISTING_JSON.dump_json(listing), "EX", _KEPT),
                ("ZADD", waiting, datetime.now(UTC).timestamp(), listing.id),
                ("EXPIRE", waiting, _KEPT),
            ],
        )

    def get(self, listing_id: str) -> Listing | None:
        """One request with its answer, or None if it is too old or cannot be read."""
        return self._unreadable.read_one(f"listing/{listing_id}", lambda: self._stored(listing_id), None)

    def _stored(self, listing_id: str) -> Listing | None:
        raw = self.redis.get(self._key("listing", listing_id))
        return read_record(LISTING_JSON, raw, id=listing_id) if raw is not None else None

    def answer(self, listing: Listing) -> bool:
        """Record an answer and make it due in Slack.

        False if there was one, or the request is too old.
        """
        key = self._key("listing", listing.id)

        def attempt() -> bool | None:
            raw = self.redis.get(key)
            if raw is None or read_record(LISTING_JSON, raw, id=listing.id).state is not ListingState.WAITING:
                return False
            writes = [
                ("SET", key, LISTING_JSON.dump_json(listing), "EX", _KEPT),
                ("ZREM", self._key("listings"), listing.id),
                *new_revision(self.prefix, f"listing/{listing.id}", _KEPT),
            ]
            return self._transitions.apply([Expected(("GET", key), raw)], writes) or None

        return until_applied(attempt)

    def waiting(self, now: datetime) -> Iterator[tuple[Listing, timedelta]]:
        """The requests without an answer, each with its age, oldest first."""
        found = self.redis.zrange(self._key("listings"), 0, -1, withscores=True)
        began = {str(each[0]): float(each[1]) for each in found}
        for name, listing in self._unreadable.read_each("listing", began, self._stored):
            if listing is None or listing.state is not ListingState.WAITING:
                self.redis.zrem(self._key("listings"), name)
            else:
                yield listing, now - datetime.fromtimestamp(began[name], UTC)

    def may_resend(self, listing_id: str, seconds: float) -> bool:
        """Whether the task may be sent again; True at most once in so many seconds."""
        return bool(self.redis.set(self._key("listing", listing_id, "resent"), "1", nx=True, px=int(seconds * 1000)))

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)
