"""Documents that Slack is to show (runs, listings): their revision, what was delivered, and who is to be told.

A document's name is `run/ID` or `listing/ID`. Whoever changes it calls `changed`; the courier makes Slack match and notes
the revision that it reached. A document whose revision was not reached is due, and the janitor tells the courier again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import orjson
from celery import Celery
from redis import Redis
from redis.exceptions import LockError

from workers.app import COURIER_QUEUE, DELIVER
from workers.records import Delivered, Deliveries

PENDING = 10
"""Seconds for which one order to deliver stands for all that follow: the courier always shows the latest state."""


class Documents:
    """Revisions and deliveries. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str, publisher: Celery, keep: int = 30 * 86400) -> None:
        self.redis = redis
        self.prefix = prefix
        self.publisher = publisher
        self.keep = keep

    def changed(self, document: str) -> None:
        """Notes a new revision and tells the courier, unless it has been told and not looked yet."""
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.incr(self._key("revision", document))
            pipe.expire(self._key("revision", document), self.keep)
            pipe.zadd(self._key("due"), {document: datetime.now(UTC).timestamp()})
            pipe.set(self._key("told", document), "1", nx=True, ex=PENDING)
            *_, told = pipe.execute()
        if told:
            self.tell(document)

    def tell(self, document: str) -> None:
        """Sends the courier its task. Where the broker does not take it, the janitor's next round does."""
        self.publisher.send_task(DELIVER, args=[document], queue=COURIER_QUEUE, ignore_result=True)

    def looked(self, document: str) -> int:
        """The courier begins: from here on a change tells it again. Gives the revision it is about to show."""
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.delete(self._key("told", document))
            pipe.get(self._key("revision", document))
            _, revision = pipe.execute()
        return int(revision or 0)

    def deliveries(self, document: str) -> Deliveries:
        """What Slack was given so far."""
        raw = self.redis.hgetall(self._key("delivered", document))
        slots = {
            str(slot): Delivered(str(slot), *orjson.loads(value)) for slot, value in raw.items() if slot != "revision"
        }
        return Deliveries(slots, int(raw.get("revision", 0)))

    def delivered(self, document: str, slot: Delivered) -> None:
        """Notes what Slack was given for a slot, at once after it was given."""
        key = self._key("delivered", document)
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, slot.slot, orjson.dumps([slot.channel, slot.ts, slot.digest]).decode())
            pipe.expire(key, self.keep)
            pipe.execute()

    def undelivered(self, document: str, slot: str) -> None:
        """Forgets a slot: what was tried for it is known not to have happened, or it was taken away."""
        self.redis.hdel(self._key("delivered", document), slot)

    def reached(self, document: str, revision: int) -> bool:
        """Notes that Slack shows this revision. False where a newer one is there already: it is still due."""
        key = self._key("delivered", document)
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, "revision", revision)
            pipe.get(self._key("revision", document))
            _, newest = pipe.execute()
        if int(newest or 0) > revision:
            return False
        self.redis.zrem(self._key("due"), document)
        return True

    def given_up(self, document: str) -> None:
        """Nothing more can be shown (the channel is gone): the document is no longer due."""
        self.redis.zrem(self._key("due"), document)

    def due(self, older_than: float) -> tuple[str, ...]:
        """Documents that wait for more than `older_than` seconds."""
        until = datetime.now(UTC).timestamp() - older_than
        return tuple(str(each) for each in self.redis.zrangebyscore(self._key("due"), "-inf", until))

    def waiting(self) -> int:
        """How many documents Slack does not show yet."""
        return int(self.redis.zcard(self._key("due")))

    @contextmanager
    def held(self, document: str, seconds: float = 30) -> Iterator[bool]:
        """One courier for one document: False where another one is at it."""
        lock = self.redis.lock(self._key("courier", document), timeout=seconds, thread_local=False, blocking=False)
        if not lock.acquire():
            yield False
            return
        try:
            yield True
        finally:
            try:
                lock.release()
            except LockError:
                # It ran out while Slack was slow; whoever took it over shows the same latest state.
                return

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)
