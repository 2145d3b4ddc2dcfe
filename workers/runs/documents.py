"""Documents that Slack is to show (runs, listings): their revision, what was delivered, and who is to be told.

A document's name is `run/ID`, `listing/ID`, `watch/ID` or `file/ID:KIND`. Whoever changes it calls `changed`; the courier
makes Slack match and notes the revision that it reached. A document whose revision was not reached is due, and the janitor
tells the courier again.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from celery import Celery
from pydantic import TypeAdapter
from redis import Redis
from redis.exceptions import LockError
from redis.lock import Lock

from workers.queue.app import COURIER_QUEUE, DELIVER
from workers.queue.sending import send
from workers.runs.records import Delivered, Deliveries

log = logging.getLogger(__name__)

_NOTIFIED_FOR = 10
"""Seconds for which one order to deliver stands for all that follow: the courier always shows the latest state."""

_LOCK_SECONDS = 25.0
"""Seconds for which a courier holds a document without a sign of life: more than one call to Slack may take."""

_PLACE_JSON = TypeAdapter(tuple[str, str, str])

_END_DELIVERY = """
redis.call('HSET', KEYS[1], 'revision', ARGV[1])
if tonumber(redis.call('GET', KEYS[2]) or '0') > tonumber(ARGV[1]) then return 0 end
redis.call('ZREM', KEYS[3], ARGV[2])
return 1
"""


class LockLost(Exception):
    """The document is held by another courier by now: whatever was going on here has to end."""


class DocumentLock:
    """One courier's hold on one document."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock

    def renew(self) -> None:
        """Called before each call to Slack. Raises LockLost where it took too long and another courier has the document."""
        try:
            self._lock.reacquire()
        except LockError:
            raise LockLost from None


class Documents:
    """Revisions and deliveries. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str, publisher: Celery, keep: int = 30 * 86400) -> None:
        self.redis = redis
        self.prefix = prefix
        self.publisher = publisher
        self.keep = keep
        self._end_delivery = redis.register_script(_END_DELIVERY)

    def changed(self, document: str, *, urgent: bool = False) -> None:
        """Notes a new revision and tells the courier, unless it has been told and not looked yet. What is urgent (an end)
        is told at once, also while the courier waits for Slack's limit: another method may be free."""
        with self.redis.pipeline(transaction=True) as pipe:
            if urgent:
                pipe.delete(self._key("told", document), self._key("wait", document))
            pipe.incr(self._key("revision", document))
            pipe.expire(self._key("revision", document), self.keep)
            pipe.zadd(self._key("due"), {document: datetime.now(UTC).timestamp()})
            pipe.set(self._key("told", document), "1", nx=True, ex=_NOTIFIED_FOR)
            *_, told = pipe.execute()
        if told:
            self.notify(document)

    def notify(self, document: str) -> None:
        """Sends the courier its task. Where the broker does not take it, the janitor's next round does."""
        if not send(self.publisher, DELIVER, document, COURIER_QUEUE):
            self.redis.delete(self._key("told", document))

    def notify_overdue(self, older_than: float) -> None:
        """Tells the courier of every document that is due for so long and of which no word is under way."""
        for document in self.due(older_than):
            if self.redis.set(self._key("told", document), "1", nx=True, ex=_NOTIFIED_FOR):
                self.notify(document)

    def pause(self, document: str, seconds: float) -> None:
        """Nothing can be shown for so many seconds, after which the courier takes the document up again by itself: nobody
        need tell it meanwhile."""
        self.redis.set(self._key("told", document), "1", px=int(1000 * (seconds + _NOTIFIED_FOR)))
        if seconds > 0:
            self.redis.set(self._key("wait", document), "1", px=max(1, int(1000 * seconds)))

    def pause_left(self, document: str) -> float:
        """Seconds for which nothing can be shown of the document; 0 where something can."""
        return max(0, int(self.redis.pttl(self._key("wait", document)))) / 1000

    def revision(self, document: str) -> int:
        """The document's revision."""
        return int(self.redis.get(self._key("revision", document)) or 0)

    def start_delivery(self, document: str) -> int:
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
            str(slot): Delivered(str(slot), *_PLACE_JSON.validate_json(value))
            for slot, value in raw.items()
            if slot != "revision"
        }
        return Deliveries(slots, int(raw.get("revision", 0)))

    def note_delivered(self, document: str, slot: Delivered) -> None:
        """Notes what Slack was given for a slot, at once after it was given."""
        key = self._key("delivered", document)
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hset(key, slot.slot, _PLACE_JSON.dump_json((slot.channel, slot.ts, slot.digest)).decode())
            pipe.expire(key, self.keep)
            pipe.execute()

    def forget_delivered(self, document: str, slot: str) -> None:
        """Forgets a slot: what was tried for it is known not to have happened, or it was taken away."""
        self.redis.hdel(self._key("delivered", document), slot)

    def end_delivery(self, document: str, revision: int) -> bool:
        """Notes that Slack shows this revision. False where a newer one is there already: it is still due."""
        return bool(
            self._end_delivery(
                keys=[self._key("delivered", document), self._key("revision", document), self._key("due")],
                args=[revision, document],
            )
        )

    def abandon(self, document: str) -> None:
        """Nothing more can be shown (the channel is gone): the document is no longer due."""
        self.redis.zrem(self._key("due"), document)

    def due(self, older_than: float) -> tuple[str, ...]:
        """Documents that wait for more than `older_than` seconds."""
        until = datetime.now(UTC).timestamp() - older_than
        return tuple(str(each) for each in self.redis.zrangebyscore(self._key("due"), "-inf", until))

    def due_count(self) -> int:
        """How many documents Slack does not show yet."""
        return int(self.redis.zcard(self._key("due")))

    @contextmanager
    def hold(self, document: str) -> Iterator[DocumentLock | None]:
        """One courier for one document: None where another one is at it."""
        lock = self.redis.lock(
            self._key("courier", document), timeout=_LOCK_SECONDS, thread_local=False, blocking=False
        )
        if not lock.acquire():
            yield None
            return
        try:
            yield DocumentLock(lock)
        finally:
            try:
                lock.release()
            except LockError:
                # It ran out while Slack was slow; whoever took it over shows the same latest state.
                log.info("the hold on %s had run out", document)

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)
