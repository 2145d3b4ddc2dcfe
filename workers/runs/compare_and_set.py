"""Transitions of records, written only if the record is still what the caller read.

Between the read and the write of a record another process may end it, and Redis may execute a command long after its
sender has given up on the reply. Every store changes its records through `Transitions`: one script compares what was
read, and writes everything that belongs to the change, or nothing.

A reply can be lost, too: the client then sends the command again. Each transition has a token that Redis keeps for two
minutes, so a repetition of a transition that was made is answered with True and writes nothing.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from redis import Redis
from redis.exceptions import RedisError

Write = tuple[str | bytes | int | float, ...]
"""A command of Redis with its arguments; the first argument is the key."""

_REPLY_KEPT = 120
"""Seconds for which a token is kept: longer than any connection repeats a command."""

_MOST_LOST_RACES = 20

_APPLY = """
if redis.call('EXISTS', ARGV[1]) == 1 then return 1 end
local position = 3
local function take()
  position = position + 1
  return ARGV[position]
end
local function command()
  local words = {}
  for i = 1, tonumber(take()) do words[i] = take() end
  return words
end
for _ = 1, tonumber(ARGV[3]) do
  local expected = take()
  local found = redis.call(unpack(command()))
  local text = '-'
  if found then text = '=' .. tostring(found) end
  if text ~= expected then return 0 end
end
for _ = 1, tonumber(take()) do redis.call(unpack(command())) end
redis.call('SET', ARGV[1], '1', 'EX', ARGV[2])
return 1
"""

_T = TypeVar("_T")


class Contended(RedisError):
    """A record was changed by others at each of many attempts."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A condition of a transition: a read command and its reply, None for no value."""

    command: Write
    reply: str | bytes | int | None


class Transitions:
    """Compare-and-set over the records of one installation.

    `apply` may raise `connection.Unavailable`.
    """

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._prefix = prefix
        self._apply = redis.register_script(_APPLY)

    def apply(self, expected: Sequence[Expected], writes: Sequence[Write]) -> bool:
        """Make all writes at once if every expectation holds. Returns False if one does not."""
        arguments: list[str | bytes | int | float] = [
            f"{self._prefix}transition:{secrets.token_hex(8)}",
            _REPLY_KEPT,
            len(expected),
        ]
        for each in expected:
            arguments += [_expected_text(each.reply), len(each.command), *each.command]
        arguments.append(len(writes))
        for write in writes:
            arguments += [len(write), *write]
        return bool(self._apply(keys=[], args=arguments))


def until_applied(attempt: Callable[[], _T | None]) -> _T:
    """Repeat an attempt until its result is not None.

    Each attempt reads the record again and tries its transition. Raises Contended if others change the record each time.
    """
    for lost in range(_MOST_LOST_RACES):
        if (found := attempt()) is not None:
            return found
        # Of several writers that read at the same time one wins: the others read again at different times.
        time.sleep(secrets.randbelow(1 + 1000 * lost) / 1_000_000)
    raise Contended(f"the record was changed by others {_MOST_LOST_RACES} times")


def _expected_text(reply: str | bytes | int | None) -> str | bytes:
    if reply is None:
        return "-"
    return b"=" + reply if isinstance(reply, bytes) else f"={reply}"
