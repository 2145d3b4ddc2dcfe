"""Why a request was not accepted: the problem of Redis, for people."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RedisProblem:
    """A problem of Redis.

    `reason` is the end of the sentence "Redis …". A problem that refuses writes needs an operator; others may pass.
    """

    reason: str
    refuses_writes: bool = False
    """Redis answers, but takes no writes: it is full, read-only, or cannot save its data."""

    def __str__(self) -> str:
        return self.reason
