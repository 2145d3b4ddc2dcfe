"""Triggers (3 s, one use) and response URLs (30 min, five uses)."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass

from bot.sandbox.model.clock import Clock

RESPONSE_URL_SECONDS = 30 * 60
RESPONSE_URL_USES = 5


@dataclass(slots=True)
class Trigger:
    """The permission to open a view for a person."""

    user: str
    at: float
    used: bool = False


@dataclass(slots=True)
class ResponseUrl:
    """The destination of an answer: a channel, a person, and the pressed message, if any."""

    user: str
    channel: str
    at: float
    ts: str | None = None
    thread_ts: str | None = None
    uses: int = 0


class Grants:
    """Issues and redeems triggers and response URLs."""

    def __init__(self, clock: Clock, trigger_seconds: float) -> None:
        self._clock = clock
        self._trigger_seconds = trigger_seconds
        self._triggers: dict[str, Trigger] = {}
        self._urls: dict[str, ResponseUrl] = {}
        self._lock = threading.Lock()

    def trigger(self, user: str) -> str:
        """A new trigger id."""
        trigger_id = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        with self._lock:
            self._triggers[trigger_id] = Trigger(user, self._clock())
        return trigger_id

    def use_trigger(self, trigger_id: str) -> tuple[str, str]:
        """The person of the trigger and an empty error, or an empty person and Slack's error code."""
        with self._lock:
            trigger = self._triggers.get(trigger_id)
            if trigger is None:
                return "", "invalid_trigger_id"
            if trigger.used:
                return "", "exchanged_trigger_id"
            if self._clock() - trigger.at > self._trigger_seconds:
                return "", "expired_trigger_id"
            trigger.used = True
            return trigger.user, ""

    def response_url(self, user: str, channel: str, *, ts: str | None = None, thread_ts: str | None = None) -> str:
        """The path of a new response URL."""
        path = f"/actions/T0SANDBOX/{secrets.randbelow(10**13)}/{secrets.token_urlsafe(18)}"
        with self._lock:
            self._urls[path] = ResponseUrl(user, channel, self._clock(), ts, thread_ts)
        return path

    def use_response_url(self, path: str) -> tuple[ResponseUrl | None, str]:
        """The response URL and an empty error, or None and Slack's error code."""
        with self._lock:
            url = self._urls.get(path)
            if url is None:
                return None, "invalid_url"
            if self._clock() - url.at > RESPONSE_URL_SECONDS:
                return None, "expired_url"
            if url.uses >= RESPONSE_URL_USES:
                return None, "used_url"
            url.uses += 1
            return url, ""
