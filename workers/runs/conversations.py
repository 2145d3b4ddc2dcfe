"""The state of conversations: a thread's run, a channel's last target, requests received."""

from redis import Redis

from workers.records.run import TARGET_JSON, Target

_REQUEST_KEPT = 3600
"""Seconds for which a request is remembered; Slack repeats within minutes."""


class Conversations:
    """Requests, threads and targets by channel.

    Every method may raise `connection.Unavailable`.
    """

    def __init__(self, redis: Redis, prefix: str, keep: int) -> None:
        self.redis = redis
        self.prefix = prefix
        self.keep = keep

    def first_time(self, request: str) -> bool:
        """Whether a press, mention or form arrives for the first time: Slack delivers some twice."""
        return bool(self.redis.set(self._key("seen", request), "1", nx=True, ex=_REQUEST_KEPT))

    def remember_thread(self, channel: str, thread: str, run_id: str) -> None:
        """Tie a thread to a run; the latest run counts."""
        self.redis.set(self._key("thread", channel, thread), run_id, ex=self.keep)

    def run_of_thread(self, channel: str, thread: str) -> str | None:
        """The run that a thread belongs to, or None if there is none or it is too old."""
        found = self.redis.get(self._key("thread", channel, thread))
        return str(found) if found is not None else None

    def remember_target(self, channel: str, target: Target) -> None:
        """Record the target last diagnosed in a channel."""
        self.redis.set(self._key("chosen", channel), TARGET_JSON.dump_json(target), ex=self.keep)

    def last_target(self, channel: str) -> Target | None:
        """The target last diagnosed in a channel, or None."""
        raw = self.redis.get(self._key("chosen", channel))
        return TARGET_JSON.validate_json(raw) if raw is not None else None

    def _key(self, *parts: str) -> str:
        return self.prefix + ":".join(parts)
