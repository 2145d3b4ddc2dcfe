"""Slack's error codes as exception types, which callers handle."""

from slack_sdk.errors import SlackApiError


class SlackRefusal(Exception):
    """A call that Slack refused or did not answer; `code` is Slack's error code."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class NotInChannel(SlackRefusal):
    """The bot has not been invited to the channel."""


class ChannelUnavailable(SlackRefusal):
    """The channel is archived or deleted, or is not visible to the bot."""


class TokenRevoked(SlackRefusal):
    """The token is invalid or revoked: an operator must install the app again."""


class MissingScope(SlackRefusal):
    """The app lacks a scope; `detail` names it."""


class RateLimited(SlackRefusal):
    """Too many calls; `retry_after` is in seconds."""

    def __init__(self, code: str, retry_after: float) -> None:
        super().__init__(code, f"retry after {retry_after:g} s")
        self.retry_after = retry_after


class TooLong(SlackRefusal):
    """The message exceeds a limit."""


class InvalidBlocks(SlackRefusal):
    """The workspace does not support these blocks."""


class UnknownGroup(SlackRefusal):
    """The user group does not exist."""


class MessageDeleted(SlackRefusal):
    """The message to edit, or the thread to reply in, no longer exists."""


class Unreachable(SlackRefusal):
    """Slack did not answer, or had an internal error.

    The call may or may not have taken effect.
    """


_KINDS: dict[str, type[SlackRefusal]] = {
    "not_in_channel": NotInChannel,
    "channel_not_found": ChannelUnavailable,
    "is_archived": ChannelUnavailable,
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
    "cant_update_message": MessageDeleted,
    "edit_window_closed": MessageDeleted,
    "internal_error": Unreachable,
    "fatal_error": Unreachable,
    "service_unavailable": Unreachable,
    "request_timeout": Unreachable,
}


def refusal(error: SlackApiError) -> SlackRefusal:
    """The typed error for an error of the SDK."""
    answer = error.response
    data = answer.data if isinstance(answer.data, dict) else {}
    code = str(data.get("error", "")) or f"http_{answer.status_code}"
    if answer.status_code == 429 or code in ("ratelimited", "rate_limited"):
        after = answer.headers.get("Retry-After", answer.headers.get("retry-after", "1"))
        return RateLimited("ratelimited", float(after if not isinstance(after, list) else after[0]))
    if answer.status_code >= 500:
        return Unreachable(code, str(answer.status_code))
    kind = _KINDS.get(code, SlackRefusal)
    detail = str(data.get("needed", ""))
    if kind is InvalidBlocks:
        detail = "; ".join((data.get("response_metadata") or {}).get("messages", ()))[:300]
    return kind(code, detail)
