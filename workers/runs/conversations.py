"""The state of conversations: a thread's run, a channel's last target, requests received."""

from dataclasses import replace
from datetime import UTC, datetime

from redis import Redis

from workers.records.run import TARGET_JSON, Target
from workers.runs.unreadable import UnreadableRecords

_REQUEST_KEPT = 3600
"""Seconds for which a request is remembered; Slack repeats within minutes."""

_PRESENCE_KEPT = 7 * 86400
"""Seconds for which the use of the bot in a channel shows that a person is a member of it."""


class Conversations:
    """Requests, threads and targets by channel.

    Every method may raise `connection.Unavailable`.
    """

    def __init__(self, redis: Redis, prefix: str, keep: int) -> None:
        self.redis = redis
        self.prefix = prefix
        self.keep = keep
        self._unreadable = UnreadableRecords(redis, prefix)

    def first_time(self, request: str) -> bool:
        """Whether a press, mention or form arrives for the first time: Slack delivers some twice."""
        return bool(self.redis.set(self._key("seen", request), "1", nx=True, ex=_REQUEST_KEPT))

    def note_presence(self, user: str, channel: str) -> None:
        """Record that a person has used the bot in a channel.

        Slack allows this only to members of the channel.
        """
        key, now = self._key("present", user), datetime.now(UTC).timestamp()
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.zadd(key, {channel: now})
            pipe.zremrangebyscore(key, "-inf", now - _PRESENCE_KEPT)
            pipe.expire(key, _PRESENCE_KEPT)
            pipe.execute()

    def channels_of(self, user: str) -> frozenset[str]:
        """The channels in which a person has used the bot in the last week."""
        since = datetime.now(UTC).timestamp() - _PRESENCE_KEPT
        return frozenset(str(each) for each in self.redis.zrangebyscore(self._key("present", user), since, "+inf"))

    def remember_thread(self, channel: str, thread: str, run_id: str) -> None:
        """Tie a thread to a run; the latest run counts."""
        self.redis.set(self._key("thread", channel, thread), run_id, ex=self.keep)

    def run_of_thread(self, channel: str, thread: str) -> str | None:
        """The run that a thread belongs to, or None if there is none or it is too old."""
        found = self.redis.get(self._key("thread", channel, thread))
        return str(found) if found is not None else None

    def remember_assistant_thread(self, channel: str, thread: str) -> None:
        """Record that a thread is in Slack's assistant view."""
        self.redis.set(self._key("assistant", channel, thread), "1", ex=self.keep)

    def is_assistant_thread(self, channel: str, thread: str) -> bool:
        """Whether a thread is in Slack's assistant view."""
        return bool(self.redis.exists(self._key("assistant", channel, thread)))

    def remember_target(self, channel: str, target: Target, user: str = "") -> None:
        """Record the target last diagnosed in a channel, and by a user there."""
        with self.redis.pipeline(transaction=True) as pipe:
            whole = replace(target, host=None, client=None)
            pipe.set(self._key("chosen", channel), TARGET_JSON.dump_json(whole), ex=self.keep)
            if user:
                pipe.set(self._key("chosen", channel, user), TARGET_JSON.dump_json(target), ex=self.keep)
            pipe.execute()

    def last_target(self, place: str) -> Target | None:
        """The target last diagnosed in a channel, or None.

        `place` is `CHANNEL/USER`: the user's own last target there, else the last gateway of the channel, without the host and
        the client that another user typed.
        """
        channel, _, user = place.partition("/")
        mine = self._unreadable.read_one(f"chosen/{place}", lambda: self._stored_target(channel, user), None)
        if mine is not None or not user:
            return mine
        last = self._unreadable.read_one(f"chosen/{channel}", lambda: self._stored_target(channel), None)
        return replace(last, host=None, client=None) if last is not None else None

    def _stored_target(self, *place: str) -> Target | None:
        raw = self.redis.get(self._key("chosen", *(each for each in place if each)))
        return TARGET_JSON.validate_json(raw) if raw is not None else None

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)
