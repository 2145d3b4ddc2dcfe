"""The documents that Slack shows: their revisions and delivered messages.

A document's name is `run/ID`, `listing/ID`, `watch/ID`, `digest/ID`, `handoff/ID`,
`workflow/ID` or `file/ID:KIND`. Each change is
reported by `changed`. The courier makes Slack match and records the revision that Slack shows. A document with a newer
revision is due, and the janitor notifies the courier of it again.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from celery import Celery
from redis import Redis

from workers.queue.celery_app import COURIER_QUEUE, DELIVER
from workers.queue.sending import send
from workers.queue.waiting import WaitingMessages
from workers.records.delivered import (
    REPLACED,
    Delivered,
    Deliveries,
    DeliveryFailure,
    DoubtfulPost,
    Recorded,
    old_doubt_slot,
    read_deliveries,
    write_delivered,
    write_doubt,
)
from workers.runs.compare_and_set import Expected, Transitions, Write
from workers.runs.failures import DeliveryFailures
from workers.runs.leases import Lease
from workers.runs.unreadable import UnreadableRecords

_NOTIFIED_FOR = 10
"""Seconds for which one notification covers later changes.

The courier always shows the latest state.
"""

_LEASE_SECONDS = 9.0
"""Seconds after which the document of a killed courier is free.

A courier that works renews its lease.
"""


def new_revision(prefix: str, document: str, keep: int) -> list[Write]:
    """The commands that make a document due.

    They are part of the transition that changes it, so neither is lost alone. The janitor notifies the courier if the
    process does not live to.
    """
    revision = f"{prefix}revision:{document}"
    return [
        ("INCR", revision),
        ("EXPIRE", revision, keep),
        ("ZADD", f"{prefix}due", datetime.now(UTC).timestamp(), document),
    ]


class LockLost(Exception):
    """Another courier holds the document by now: this delivery must end."""


class Documents:
    """Revisions and deliveries. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str, publisher: Celery, keep: int = 30 * 86400) -> None:
        self.redis = redis
        self.prefix = prefix
        self.publisher = publisher
        self.keep = keep
        self.failures = DeliveryFailures(redis, prefix, keep)
        self._transitions = Transitions(redis, prefix)
        self._unreadable = UnreadableRecords(redis, prefix)
        self._waiting = WaitingMessages(redis, prefix)

    def changed(self, document: str, *, urgent: bool = False) -> None:
        """Record a new revision and notify the courier, unless a notification is pending.

        An urgent change (an end) notifies at once, also while the courier waits for a rate limit: another Slack method
        may be free.
        """
        with self.redis.pipeline(transaction=True) as pipe:
            if urgent:
                pipe.delete(self._key("told", document), self._key("wait", document))
            for command in new_revision(self.prefix, document, self.keep):
                pipe.execute_command(*command)  # type: ignore[no-untyped-call] # missing in redis-py
            pipe.set(self._key("told", document), "1", nx=True, ex=_NOTIFIED_FOR)
            *_, notifies = pipe.execute()
        if notifies and not self._waiting.is_long(COURIER_QUEUE):
            self.notify(document)

    def notify(self, document: str) -> None:
        """Send the courier its task.

        If the broker does not take it, the janitor's next round sends it.
        """
        if not send(self.publisher, DELIVER, document, COURIER_QUEUE):
            self.redis.delete(self._key("told", document))

    def notify_overdue(self, older_than: float) -> None:
        """Notify the courier of every overdue document without a pending notification.

        A notification that no courier has taken is pending, however long it waits.
        """
        if not (overdue := self.due(older_than)):
            return
        waiting = self._waiting.tasks(COURIER_QUEUE)
        for document in overdue:
            if (DELIVER, document) in waiting:
                continue
            if self.redis.set(self._key("told", document), "1", nx=True, ex=_NOTIFIED_FOR):
                self.notify(document)

    def pause(self, document: str, seconds: float) -> None:
        """Pause a document.

        The courier schedules its own next attempt, so notifications are suppressed until then.
        """
        self.redis.set(self._key("told", document), "1", px=int(1000 * (seconds + _NOTIFIED_FOR)))
        if seconds > 0:
            self.redis.set(self._key("wait", document), "1", px=max(1, int(1000 * seconds)))

    def pause_left(self, document: str) -> float:
        """Seconds until the document may be shown again; 0 if it may be shown now."""
        return max(0, int(self.redis.pttl(self._key("wait", document)))) / 1000

    def revision(self, document: str) -> int:
        """The document's newest revision."""
        return int(self.redis.get(self._key("revision", document)) or 0)

    def _start_delivery(self, document: str) -> int:
        """Take up a document: from here on, a change notifies the courier again.

        Returns the revision to show.
        """
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.delete(self._key("told", document))
            pipe.get(self._key("revision", document))
            _, revision = pipe.execute()
        return int(revision or 0)

    def deliveries(self, document: str) -> Deliveries:
        """The messages that were posted for a document, and the doubtful posts."""
        nothing = Deliveries()
        return self._unreadable.read_one(f"delivered/{document}", lambda: self._deliveries(document), nothing)

    def _deliveries(self, document: str) -> Deliveries:
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.hgetall(self._key("delivered", document))
            pipe.hgetall(self._key("doubts", document))
            messages, doubts = pipe.execute()
        # A message whose record cannot be read is posted again, and its record replaced.
        readable = self._unreadable.read_each(
            f"delivered/{document}", messages, lambda slot: read_deliveries({slot: messages[slot]}, {})
        )
        known = {slot: messages[slot] for slot, _ in readable}
        posts = self._unreadable.read_each(
            f"doubt/{document}", doubts, lambda slot: read_deliveries({}, {slot: doubts[slot]})
        )
        return read_deliveries(known, {slot: doubts[slot] for slot, _ in posts})

    def note_delivered(self, document: str, record: Recorded | DoubtfulPost, *, holder: Expected | None = None) -> None:
        """Record the message of a slot at once after posting it, or an attempt to post it.

        `holder` is the expectation that this courier still has the document; LockLost is raised if it has not.
        """
        if isinstance(record, DoubtfulPost):
            key, value = self._key("doubts", document), write_doubt(record)
        else:
            key, value = self._key("delivered", document), write_delivered(record)
        self._change_record([("HSET", key, record.slot, value), ("EXPIRE", key, self.keep)], holder)

    def forget_delivered(self, document: str, slot: str, *, holder: Expected | None = None) -> None:
        """Remove a slot's record: its message was not posted, or it was deleted."""
        self._change_record([("HDEL", self._key("delivered", document), slot)], holder)

    def forget_doubt(self, document: str, slot: str, *, holder: Expected | None = None) -> None:
        """Remove a slot's doubtful post: it is no longer searched for."""
        doubts, delivered = self._key("doubts", document), self._key("delivered", document)
        self._change_record([("HDEL", doubts, slot), ("HDEL", delivered, old_doubt_slot(slot))], holder)

    def _change_record(self, writes: Sequence[Write], holder: Expected | None) -> None:
        if not self._transitions.apply([holder] if holder is not None else [], writes):
            raise LockLost

    def end_delivery(self, document: str, revision: int) -> bool:
        """Record that Slack shows a revision. False if there is a newer one, which is still due."""
        newest = Expected(("GET", self._key("revision", document)), revision or None)
        writes: list[Write] = [
            ("HSET", self._key("delivered", document), "revision", revision),
            ("ZREM", self._key("due"), document),
        ]
        return self._transitions.apply([newest], writes)

    def due_later(self, document: str, seconds: float) -> None:
        """Let a shown document become due again, although it has not changed."""
        self.redis.zadd(self._key("due"), {document: datetime.now(UTC).timestamp() + seconds}, nx=True)

    def due(self, older_than: float) -> tuple[str, ...]:
        """The documents that have been due for more than `older_than` seconds."""
        until = datetime.now(UTC).timestamp() - older_than
        return tuple(str(each) for each in self.redis.zrangebyscore(self._key("due"), "-inf", until))

    def is_due(self, document: str) -> bool:
        """Whether Slack does not show the newest revision of a document yet."""
        return self.redis.zscore(self._key("due"), document) is not None

    def due_count(self) -> int:
        """The number of documents that are due."""
        return int(self.redis.zcount(self._key("due"), "-inf", datetime.now(UTC).timestamp()))

    @contextmanager
    def hold(self, document: str) -> Iterator["HeldDocument | None"]:
        """The delivery of a document by this courier; None while another courier holds it.

        A change from here on notifies the courier again.
        """
        revision = self._start_delivery(document)
        lease = Lease(self._transitions, self._key("courier", document), _LEASE_SECONDS, retake=False)
        if not lease.acquire():
            yield None
            return
        with lease.kept():
            yield HeldDocument(document, revision, lease, self)

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)


class HeldDocument:
    """A document at one revision, held by this courier, with the record of its messages.

    Only the courier that holds a document may change that record: every change raises LockLost if another has it. The
    record then has the attempt, and the other courier searches for the message.
    """

    def __init__(self, document: str, revision: int, lease: Lease, documents: Documents) -> None:
        self.document = document
        self.revision = revision
        self.progressed = False
        """Whether this delivery has posted or edited a message."""
        self._lease = lease
        self._documents = documents

    def renew(self) -> None:
        """Renew the lease, before each call to Slack.

        Raises LockLost if it has expired and another courier has the document.
        """
        if not self._lease.renew():
            raise LockLost

    def is_outdated(self) -> bool:
        """Whether the document has a newer revision."""
        return self._documents.revision(self.document) > self.revision

    def deliveries(self) -> Deliveries:
        """The messages that were posted for the document, and the doubtful posts."""
        return self._documents.deliveries(self.document)

    def note(self, record: Recorded | DoubtfulPost) -> None:
        """Record the message of one slot, or a post whose answer is not known."""
        self._documents.note_delivered(self.document, record, holder=self._lease.held_by_me)

    def forget(self, slot: str) -> None:
        """Remove a slot's record: its message was not posted, or it was deleted."""
        self._documents.forget_delivered(self.document, slot, holder=self._lease.held_by_me)

    def forget_doubt(self, slot: str) -> None:
        """Remove a slot's doubtful post: it is no longer searched for."""
        self._documents.forget_doubt(self.document, slot, holder=self._lease.held_by_me)

    def note_replaced(self, parent: Delivered) -> None:
        """Record that the parent message was deleted: the next one links to its thread."""
        self.note(Delivered(REPLACED, parent.channel, parent.ts, ""))
        self.forget(parent.slot)

    def picture_id(self) -> str:
        """The ID of the picture that was uploaded for the document; empty without one."""
        found = self._documents.deliveries(self._picture).slots.get("file")
        return found.ts if isinstance(found, Delivered) else ""

    def note_picture(self, channel: str, file_id: str) -> None:
        """Record the picture that was uploaded for the document."""
        picture = Delivered("file", channel, file_id, "")
        self._documents.note_delivered(self._picture, picture, holder=self._lease.held_by_me)

    @property
    def _picture(self) -> str:
        return f"picture/{self.document.partition('/')[2]}"

    def note_failure(self, code: str) -> DeliveryFailure:
        """Record that the delivery failed with this error code."""
        return self._documents.failures.note(self.document, code, begins=self.progressed)
