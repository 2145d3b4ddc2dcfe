"""The answers of Slack's addresses outside the Web API: response URLs and uploads.

Slack answers with a word or with JSON. A proxy answers with a page, also with status 200, which delivers nothing.
"""

import json
from collections.abc import Mapping
from typing import Any

from bot.slack.errors import (
    MessageRefused,
    RateLimited,
    SlackRefusal,
    UnknownAnswer,
    Unreachable,
    refusal_of_code,
    retry_after,
)

_PERMANENT = frozenset((400, 403, 404, 410))
"""The statuses with which Slack refuses a response URL: expired, used, no longer allowed."""


def refusal_of_response(status: int, body: str, headers: Mapping[str, Any]) -> SlackRefusal | None:
    """The refusal in the answer of a response URL; None if the message was delivered.

    Slack answers `ok`, nothing, or JSON with `ok`.
    """
    if status == 429:
        return RateLimited("ratelimited", retry_after(headers))
    if status == 408 or status >= 500:
        return Unreachable(f"http_{status}")
    code = _code(body)
    if status == 200:
        return None if code == "ok" else refusal_of_code(code)
    if status in _PERMANENT and not body.lstrip().startswith("<"):
        return MessageRefused("response_url", f"{status} {body[:80]}")
    return UnknownAnswer(f"http_{status}")


def refusal_of_upload(status: int, body: str, headers: Mapping[str, Any]) -> SlackRefusal | None:
    """The refusal in the answer of an upload address; None if the file was taken.

    Slack answers with a word such as `OK - 4711`.
    """
    if status == 429:
        return RateLimited("ratelimited", retry_after(headers))
    if status != 200:
        return Unreachable(f"http_{status}")
    taken = not body.strip() or body.strip()[:2].lower() == "ok" or _code(body) == "ok"
    return None if taken else UnknownAnswer("malformed_answer")


def _code(body: str) -> str:
    """`ok`, or the error code of an answer with status 200."""
    word = body.strip()
    if word.lower() in ("", "ok"):
        return "ok"
    try:
        found = json.loads(word)
    except (ValueError, RecursionError):
        return "malformed_answer"
    if not isinstance(found, dict):
        return "malformed_answer"
    if found.get("ok") is True:
        return "ok"
    return found["error"] if isinstance(found.get("error"), str) else "malformed_answer"
