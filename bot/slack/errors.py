"""Slack's refusals as exception types, which callers handle."""

import math
import re
from collections.abc import Mapping
from typing import Any

from slack_sdk.errors import SlackApiError

from bot.slack.error_codes import CHANNEL_FIXES, ERROR_CLASSES, ErrorClass

MAX_RETRY_SECONDS = 3600.0
"""The limit of Retry-After. A longer one would stop deliveries permanently."""

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")


class SlackRefusal(Exception):
    """A call that Slack refused or did not answer; `code` is Slack's error code."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail

    @property
    def fix(self) -> str:
        """The reason why the bot cannot post and the fix, as a clause for people."""
        return f"Slack refuses the message (`{self.code}`)"


class TemporaryRefusal(SlackRefusal):
    """The same call may succeed later. It may also have taken effect."""

    @property
    def fix(self) -> str:
        """The reason why the bot cannot post."""
        return f"Slack gives no usable answer (`{self.code}`); the bot tries again"


class RateLimited(TemporaryRefusal):
    """Too many calls; `retry_after` is in seconds. The call had no effect."""

    def __init__(self, code: str, retry_after: float) -> None:
        super().__init__(code, f"retry after {retry_after:g} s")
        self.retry_after = retry_after


class Unreachable(TemporaryRefusal):
    """Slack did not answer, or had an internal error.

    The call may or may not have taken effect.
    """


class UnknownAnswer(TemporaryRefusal):
    """An answer that is not one of Slack's.

    Examples are an unknown error code, a proxy's page and a missing field. The call may or may not have taken effect.
    """


class MessageRefused(SlackRefusal):
    """This call never succeeds; others in the channel may."""


class TooLong(MessageRefused):
    """The message exceeds a limit."""


class InvalidBlocks(MessageRefused):
    """The workspace does not support these blocks."""


class UnknownGroup(MessageRefused):
    """The user group does not exist."""


class MessageDeleted(MessageRefused):
    """The message to edit, or the thread to reply in, no longer exists."""


class NotEditable(MessageRefused):
    """The message exists and must not be edited, for example because of its age."""


class ChannelRefused(SlackRefusal):
    """No message can be posted in the channel until a person changes something there."""

    @property
    def fix(self) -> str:
        """The reason why the bot cannot post, and the fix."""
        return CHANNEL_FIXES.get(self.code, super().fix)


class NotInChannel(ChannelRefused):
    """The bot has not been invited to the channel."""


class ChannelUnavailable(ChannelRefused):
    """The channel is archived or deleted, or is not visible to the bot."""


class TokenRefused(SlackRefusal):
    """No call succeeds until an operator installs the app again."""

    @property
    def fix(self) -> str:
        """The reason why the bot cannot post, and the fix."""
        return f"Slack does not accept the bot's token (`{self.code}`); its operator must install the app again"


class TokenRevoked(TokenRefused):
    """The token is invalid or revoked."""


class MissingScope(TokenRefused):
    """The app lacks a scope; `detail` names it."""

    @property
    def fix(self) -> str:
        """The reason why the bot cannot post, and the fix."""
        return f"the app lacks the scope `{self.detail or 'chat:write'}`; its operator must add it"


_BY_CLASS: Mapping[ErrorClass, type[SlackRefusal]] = {
    ErrorClass.TEMPORARY: Unreachable,
    ErrorClass.MESSAGE: MessageRefused,
    ErrorClass.CHANNEL: ChannelRefused,
    ErrorClass.TOKEN: TokenRefused,
}

_BY_CODE: Mapping[str, type[SlackRefusal]] = {
    "not_in_channel": NotInChannel,
    "no_permission": NotInChannel,
    "channel_not_found": ChannelUnavailable,
    "is_archived": ChannelUnavailable,
    "is_inactive": ChannelUnavailable,
    "channel_is_archived": ChannelUnavailable,
    "invalid_auth": TokenRevoked,
    "not_authed": TokenRevoked,
    "token_revoked": TokenRevoked,
    "token_expired": TokenRevoked,
    "account_inactive": TokenRevoked,
    "missing_scope": MissingScope,
    "no_such_subteam": UnknownGroup,
    "subteam_not_found": UnknownGroup,
    "msg_too_long": TooLong,
    "msg_blocks_too_long": TooLong,
    "invalid_blocks": InvalidBlocks,
    "invalid_blocks_format": InvalidBlocks,
    "message_not_found": MessageDeleted,
    "thread_not_found": MessageDeleted,
    "cant_update_message": NotEditable,
    "edit_window_closed": NotEditable,
    "block_mismatch": NotEditable,
    "malformed_answer": UnknownAnswer,
}


def refusal_of_code(code: str, detail: str = "") -> SlackRefusal:
    """The typed error of an error code."""
    known = ERROR_CLASSES.get(code)
    kind = _BY_CODE.get(code) or (_BY_CLASS[known] if known is not None else UnknownAnswer)
    return kind(code, detail)


def refusal(error: SlackApiError) -> SlackRefusal:
    """The typed error for an error of the SDK.

    No field of the answer is trusted to have its documented type.
    """
    answer = error.response
    data: Mapping[str, Any] = answer.data if isinstance(answer.data, dict) else {}
    found = data.get("error")
    code = found if isinstance(found, str) and _CODE.fullmatch(found) else ""
    if answer.status_code == 429 or code in ("ratelimited", "rate_limited"):
        return RateLimited("ratelimited", retry_after(answer.headers))
    if answer.status_code >= 500:
        return Unreachable(code or f"http_{answer.status_code}", str(answer.status_code))
    if not code:
        return refusal_of_code("malformed_answer" if answer.status_code == 200 else f"http_{answer.status_code}")
    return refusal_of_code(code, _detail(code, data))


def _detail(code: str, data: Mapping[str, Any]) -> str:
    if code not in ("invalid_blocks", "invalid_blocks_format"):
        return str(data.get("needed", ""))[:300]
    about = data.get("response_metadata")
    messages = about.get("messages") if isinstance(about, dict) else None
    return "; ".join(map(str, messages))[:300] if isinstance(messages, list) else ""


def retry_after(headers: Mapping[str, Any]) -> float:
    """The seconds of the header Retry-After; 1 without a usable one."""
    found = headers.get("Retry-After", headers.get("retry-after", "1"))
    try:
        seconds = float(found[0] if isinstance(found, list) else found)
    except (ValueError, TypeError, IndexError):
        return 1.0
    return min(max(seconds, 1.0), MAX_RETRY_SECONDS) if math.isfinite(seconds) else 1.0
