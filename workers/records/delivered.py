"""The messages that Slack shows for a document, and the outcome of a delivery."""

from dataclasses import dataclass, field

from pydantic import TypeAdapter

from workers.records.stored import FromKey, read_record

_ATTEMPTED = "?"
"""Before the time of an attempt, where a message has its `ts`."""

_OLD_DOUBT = "doubt/"
"""Before the slot of a doubtful post, as version 0.1 stored it among the messages."""

REPLACED = "elsewhere/replaced"
"""The slot of a parent message that was deleted and has been posted again.

Its digest is the permalink of its thread, once that is known.
"""

_PLACE_JSON = TypeAdapter(tuple[str, str, str])


@dataclass(frozen=True, slots=True)
class Delivered:
    """The message last posted for a slot of a document: its place, a digest of its content.

    The `ts` of a message that Slack refuses is empty.
    """

    slot: str
    channel: str
    ts: str
    digest: str


@dataclass(frozen=True, slots=True)
class PostAttempt:
    """A post whose answer is not known.

    It is recorded before the post, because Slack's answer can be lost. `began` is in seconds since 1970.
    """

    slot: str
    channel: str
    began: float


@dataclass(frozen=True, slots=True)
class DoubtfulPost:
    """A possible second message for a slot: a post that Slack may have accepted.

    It was made in `channel` and `thread`, after `since`. It is searched for from `noted` on. Both are in seconds since 1970.
    """

    slot: FromKey
    channel: str
    thread: str | None
    since: float
    noted: float


Recorded = Delivered | PostAttempt
"""The record of a slot."""

_DOUBT_JSON = TypeAdapter(DoubtfulPost)


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The messages and doubtful posts of a document by slot, and the revision that they show."""

    slots: dict[str, Recorded] = field(default_factory=dict)
    doubts: dict[str, DoubtfulPost] = field(default_factory=dict)
    revision: int = 0

    @property
    def parent(self) -> Delivered | None:
        """The parent message, if it is known to be posted."""
        found = self.slots.get("parent")
        return found if isinstance(found, Delivered) else None


def write_delivered(record: Recorded) -> str:
    """The stored form of a message or an attempt, without its slot."""
    if isinstance(record, PostAttempt):
        return _PLACE_JSON.dump_json((record.channel, f"{_ATTEMPTED}{record.began:.6f}", "")).decode()
    return _PLACE_JSON.dump_json((record.channel, record.ts, record.digest)).decode()


def write_doubt(doubt: DoubtfulPost) -> str:
    """The stored form of a doubtful post, without its slot."""
    return _DOUBT_JSON.dump_json(doubt).decode()


def read_deliveries(messages: dict[str, str], doubts: dict[str, str]) -> Deliveries:
    """Read the stored messages and doubtful posts of a document, also those of version 0.1.

    Raises ValueError.
    """
    found = Deliveries(revision=int(messages.get("revision", 0)))
    for slot, raw in messages.items():
        if slot.startswith(_OLD_DOUBT):
            doubt = _old_doubt(slot.removeprefix(_OLD_DOUBT), raw)
            found.doubts[doubt.slot] = doubt
        elif slot != "revision":
            found.slots[slot] = _read_delivered(slot, raw)
    found.doubts.update({slot: read_record(_DOUBT_JSON, raw, slot=slot) for slot, raw in doubts.items()})
    return found


def _read_delivered(slot: str, raw: str) -> Recorded:
    channel, ts, digest = _PLACE_JSON.validate_json(raw)
    if ts.startswith(_ATTEMPTED):
        return PostAttempt(slot, channel, float(ts.removeprefix(_ATTEMPTED)))
    return Delivered(slot, channel, ts, digest)


def _old_doubt(slot: str, raw: str) -> DoubtfulPost:
    channel, since, noted_and_thread = _PLACE_JSON.validate_json(raw)
    noted, _, thread = noted_and_thread.partition("/")
    return DoubtfulPost(slot, channel, thread or None, float(since.removeprefix(_ATTEMPTED)), float(noted))


def old_doubt_slot(slot: str) -> str:
    """The slot under which version 0.1 stored a doubtful post among the messages."""
    return _OLD_DOUBT + slot


@dataclass(frozen=True, slots=True)
class DeliveryFailure:
    """Failed deliveries of a document, without success in between.

    `code` is the last error code, `count` the number of attempts. `since` and `last` are the times of the first and the last
    failure, in seconds since 1970.
    """

    code: str
    count: int
    since: float
    last: float

    @property
    def seconds(self) -> float:
        """Seconds from the first failure to the last."""
        return self.last - self.since


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """The outcome of a delivery: complete, or to repeat after `retry_seconds`.

    `limited` if Slack refuses until then; `refused` if the delivery was given up. A complete document is delivered again after
    `search_seconds`, because a lost post may still arrive.
    """

    retry_seconds: float | None = None
    limited: bool = False
    refused: bool = False
    search_seconds: float | None = None

    @property
    def label(self) -> str:
        """The outcome as a label of the metrics."""
        if self.retry_seconds is None:
            return "refused" if self.refused else "shown"
        return "limited" if self.limited else "again"
