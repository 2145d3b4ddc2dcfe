"""Injected faults of the Web API, tokens, channels, blocks and Socket Mode connections."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from bot.sandbox.model.state import Channel
from bot.sandbox.model.texts import JsonObject
from bot.sandbox.model.workspace import Workspace


@dataclass(frozen=True, slots=True)
class InjectedAnswer:
    """An answer in place of the method's own; the call has no effect."""

    status: int
    body: str
    content_type: str = "text/html"


@dataclass(slots=True)
class _Countdown:
    """A fault of the next `left` calls of these methods; without methods, of every method."""

    left: int
    methods: frozenset[str]
    answer: InjectedAnswer | None = None

    def hits(self, method: str) -> bool:
        if self.left <= 0 or (self.methods and method not in self.methods):
            return False
        self.left -= 1
        return True


@dataclass(frozen=True, slots=True)
class _Period:
    """A fault until a time of the monotonic clock, possibly infinity."""

    until: float
    methods: frozenset[str]
    seconds: float = 0.0

    def covers(self, method: str) -> bool:
        return time.monotonic() < self.until and (not self.methods or method in self.methods)


class Faults:
    """The active faults. Every method is safe from any thread; `clear` removes all faults."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._original_channels: dict[str, Channel] = {}
        self.close_sockets: Callable[[str | None], None] = _no_sockets_yet
        self._reset()

    def _reset(self) -> None:
        self.token_revoked = False
        self.missing_scopes: frozenset[str] = frozenset()
        self.refused_blocks: frozenset[str] = frozenset()
        self._limited: list[_Period] = []
        self._slow: list[_Period] = []
        self._errors: list[_Countdown] = []
        self._lost: list[_Countdown] = []
        self._dropped: list[_Countdown] = []

    # -- faults to inject ---------------------------------------------------------------------------------------------

    def rate_limit(self, seconds: float, *methods: str) -> None:
        """Answer 429 for `seconds`, with the remaining time as Retry-After."""
        self._limited.append(_Period(time.monotonic() + seconds, frozenset(methods)))

    def server_errors(self, count: int, *methods: str, status: int = 500) -> None:
        """Answer the next `count` calls with this status and an HTML page; they have no effect."""
        page = "<html><body>Slack has an internal error.</body></html>"
        self._errors.append(_Countdown(count, frozenset(methods), InjectedAnswer(status, page)))

    def answer_with(
        self, body: str, count: int, *methods: str, status: int = 200, kind: str = "application/json"
    ) -> None:
        """Answer the next `count` calls with this body; they have no effect."""
        self._errors.append(_Countdown(count, frozenset(methods), InjectedAnswer(status, body, kind)))

    def refuse(self, code: str, count: int, *methods: str) -> None:
        """Refuse the next `count` calls with this error code."""
        self.answer_with(json.dumps({"ok": False, "error": code}), count, *methods)

    def lose_answers(self, count: int, *methods: str) -> None:
        """Carry out the next `count` calls, then drop the connection without an answer."""
        self._lost.append(_Countdown(count, frozenset(methods)))

    def drop_requests(self, count: int, *methods: str) -> None:
        """Drop the connection of the next `count` calls without carrying them out."""
        self._dropped.append(_Countdown(count, frozenset(methods)))

    def latency(self, seconds: float, *methods: str) -> None:
        """Delay every answer by `seconds`, until `clear`."""
        self._slow.append(_Period(float("inf"), frozenset(methods), seconds))

    def revoke_token(self) -> None:
        """Revoke the bot token: `token_revoked`."""
        self.token_revoked = True

    def take_scope(self, scope: str) -> None:
        """Remove a scope of the bot token: `missing_scope`."""
        self.missing_scopes |= {scope}

    def refuse_blocks(self, *types: str) -> None:
        """Refuse blocks and elements of these types with `invalid_blocks`.

        Slack does so in workspaces that do not support them.
        """
        self.refused_blocks |= set(types)

    def archive(self, channel: str) -> None:
        """Archive a channel: `is_archived`."""
        self._change_channel(channel, lambda found: replace(found, is_archived=True))

    def remove_bot(self, channel: str) -> None:
        """Remove the bot from a channel: `not_in_channel`."""
        bot = self._workspace.app.bot_user
        self._change_channel(channel, lambda found: replace(found, members=found.members - {bot}))

    def disconnect_sockets(self, reason: str = "refresh_requested") -> None:
        """Close the Socket Mode connections after a request to reconnect.

        Slack does so every few hours.
        """
        self.close_sockets(reason)

    def drop_sockets(self) -> None:
        """Cut the Socket Mode connections without a message."""
        self.close_sockets(None)

    def clear(self) -> None:
        """Remove all faults and restore the channels."""
        with self._lock:
            self._reset()
            originals, self._original_channels = self._original_channels, {}
        for channel in originals.values():
            self._workspace.put_channel(channel)

    def _change_channel(self, channel_id: str, change: Callable[[Channel], Channel]) -> None:
        with self._lock:
            found = self._workspace.channels[channel_id]
            self._original_channels.setdefault(channel_id, found)
        self._workspace.put_channel(change(found))

    # -- effects on a call --------------------------------------------------------------------------------------------

    def retry_after(self, method: str) -> int:
        """The seconds for which the method is limited, rounded up; 0 without a limit."""
        left = [period.until - time.monotonic() for period in self._limited if period.covers(method)]
        return max((int(seconds) + 1 for seconds in left), default=0)

    def delay(self, method: str) -> float:
        """The seconds by which an answer is delayed."""
        return sum(period.seconds for period in self._slow if period.covers(method))

    def injected_answer(self, method: str) -> InjectedAnswer | None:
        """The injected answer for this call, or None."""
        with self._lock:
            return next((error.answer for error in self._errors if error.hits(method)), None)

    def drops_request(self, method: str) -> bool:
        with self._lock:
            return any(fault.hits(method) for fault in self._dropped)

    def loses_answer(self, method: str) -> bool:
        with self._lock:
            return any(fault.hits(method) for fault in self._lost)

    def apply(self, name: str, arguments: JsonObject) -> None:
        """Inject a fault by name, for the control API and the page. Raises ValueError."""
        methods = [str(method) for method in arguments.get("methods", ())]
        seconds, count = float(arguments.get("seconds", 10)), int(arguments.get("count", 1))
        status, channel = int(arguments.get("status", 500)), str(arguments.get("channel", ""))
        if name in {"archive", "remove_bot"} and channel not in self._workspace.channels:
            raise ValueError(f"no channel {channel!r}")
        apply: dict[str, Callable[[], None]] = {
            "rate_limit": lambda: self.rate_limit(seconds, *methods),
            "server_errors": lambda: self.server_errors(count, *methods, status=status),
            "refuse": lambda: self.refuse(str(arguments.get("code", "restricted_action")), count, *methods),
            "lose_answers": lambda: self.lose_answers(count, *methods),
            "drop_requests": lambda: self.drop_requests(count, *methods),
            "latency": lambda: self.latency(seconds, *methods),
            "revoke_token": self.revoke_token,
            "take_scope": lambda: self.take_scope(str(arguments.get("scope", ""))),
            "refuse_blocks": lambda: self.refuse_blocks(*map(str, arguments.get("types", ()))),
            "archive": lambda: self.archive(channel),
            "remove_bot": lambda: self.remove_bot(channel),
            "disconnect_sockets": self.disconnect_sockets,
            "drop_sockets": self.drop_sockets,
            "clear": self.clear,
        }
        if name not in apply:
            raise ValueError(f"unknown fault {name!r}; known: {', '.join(apply)}")
        apply[name]()


def _no_sockets_yet(reason: str | None) -> None:
    """Do nothing: before the server starts, there are no connections."""
    del reason
