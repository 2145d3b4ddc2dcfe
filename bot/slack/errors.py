"""Slack's error strings as typed errors, in one place: what callers act upon is a type."""

from slack_sdk.errors import SlackApiError


class SlackRefusal(Exception):
    """Slack did not do it; `code` is Slack's word for why. Subclasses are what callers act upon."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class NotInChannel(SlackRefusal):
    """The bot has not been invited to the channel."""


class ChannelGone(SlackRefusal):
    """The channel is archived, deleted, or was never visible to the bot."""


class TokenRevoked(SlackRefusal):
    """The workspace's installation has ended: only an operator can mend that."""


class MissingScope(SlackRefusal):
    """The app lacks a scope; `detail` names it."""


class RateLimited(SlackRefusal):
    """Too many calls; `retry_after` in seconds."""

    def __init__(self, code: str, retry_after: float) -> None:
        super().__init__(code, f"again in {retry_after:g} s")
        self.retry_after = retry_after


class TooLong(SlackRefusal):
    """The message exceeds a limit."""


class InvalidBlocks(SlackRefusal):
    """This workspace does not take these blocks."""


class UnknownGroup(SlackRefusal):
    """The user group does not exist (any more)."""


class MessageGone(SlackRefusal):
    """The message that was to be changed, or the thread that was to be answered, does not exist any more."""


class Unreachable(SlackRefusal):
    """Slack did not answer, or answered with an error of its own: what was asked may or may not have been done."""


_KINDS: dict[str, type[SlackRefusal]] = {
    "not_in_channel": NotInChannel,
    "channel_not_found": ChannelGone,
    "is_archived": ChannelGone,
    "channel_is_archived": ChannelGone,
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
    "message_not_found": MessageGone,
    "thread_not_found": MessageGone,
    "cant_update_message": MessageGone,
    "edit_window_closed": MessageGone,
    "internal_error": Unreachable,
    "fatal_error": Unreachable,
    "service_unavailable": Unreachable,
    "request_timeout": Unreachable,
}


def refusal(error: SlackApiError) -> SlackRefusal:
    """Slack's error as one of ours."""
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
