"""The types of blocks that a workspace refuses.

Key (under the prefix): `refused-block:TEAM:TYPE`, until the type is tried again.
"""

from collections.abc import Iterable

from redis import Redis

_KEPT = 86400
"""Seconds for which a type is not tried again: Slack enables new blocks by workspace."""


class RefusedBlocks:
    """Remembers refusals. Every method may raise `connection.Unavailable`."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self.redis = redis
        self.prefix = prefix

    def any_of(self, team: str, types: Iterable[str]) -> bool:
        """Whether the workspace has refused one of these types in the last day."""
        return bool(self.redis.exists(*(self._key(team, each) for each in types)))

    def note(self, team: str, types: Iterable[str]) -> None:
        """Record that the workspace has refused a message with these types."""
        for each in types:
            self.redis.set(self._key(team, each), "1", ex=_KEPT)

    def _key(self, team: str, block_type: str) -> str:
        return f"{self.prefix}refused-block:{team}:{block_type}"
