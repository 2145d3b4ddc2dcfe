"""Slack's error codes, each with its class: the extent of the refusal.

A code that is not in this table counts as temporary. Sources, by method: docs/slack-errors.md.
"""

from collections.abc import Mapping
from enum import StrEnum


class ErrorClass(StrEnum):
    """The extent of a refusal."""

    TEMPORARY = "temporary"
    """The same call may succeed later."""
    MESSAGE = "message"
    """This call never succeeds; others in the channel may."""
    CHANNEL = "channel"
    """No message can be posted in the channel until a person changes something there."""
    TOKEN = "token"  # noqa: S105 - a word, not a token
    """No call succeeds until an operator installs the app again."""


_TEMPORARY = [
    "external_channel_migrating",
    "fatal_error",
    "file_update_failed",
    "http_408",
    "internal_error",
    "malformed_answer",
    "message_limit_exceeded",
    "no_answer",
    "org_login_required",
    "rate_limited",
    "ratelimited",
    "request_timeout",
    "service_unavailable",
    "streaming_state_conflict",
    "team_added_to_org",
    "update_failed",
]

_MESSAGE = [
    "alt_txt_too_large",
    "block_mismatch",
    "canvas_creation_failed",
    "canvas_disabled_user_team",
    "canvas_editing_failed",
    "canvas_not_found",
    "cannot_reply_to_message",
    "cant_delete_message",
    "cant_update_message",
    "compliance_exports_prevent_deletion",
    "deprecated_endpoint",
    "edit_window_closed",
    "exchanged_trigger_id",
    "execution_not_in_running_state",
    "expired_trigger_id",
    "file_not_found",
    "free_teams_cannot_create_non_tabbed_canvases",
    "function_execution_not_found",
    "hash_conflict",
    "invalid_arg_name",
    "invalid_arguments",
    "invalid_array_arg",
    "invalid_attachments",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_charset",
    "invalid_cursor",
    "invalid_form_data",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "invalid_post_type",
    "invalid_trigger_id",
    "invalid_ts_latest",
    "invalid_ts_oldest",
    "message_not_found",
    "metadata_must_be_sent_from_app",
    "metadata_too_large",
    "method_deprecated",
    "missing_post_type",
    "msg_blocks_too_long",
    "msg_too_long",
    "no_such_subteam",
    "no_text",
    "not_found",
    "parameter_validation_failed",
    "response_url",
    "slack_connect_file_link_sharing_blocked",
    "subteam_not_found",
    "thread_not_found",
    "too_many_attachments",
    "unknown_method",
    "user_not_found",
    "user_not_in_channel",
    "view_too_large",
]

_RESTRICTED = "its settings do not let the app post there; an administrator can allow it"
_NO_ACCESS = "the app has no access to it; an administrator can grant it"

CHANNEL_FIXES: Mapping[str, str] = {
    "access_denied": _NO_ACCESS,
    "channel_is_archived": "the channel is archived or not accessible",
    "channel_not_found": "the channel is archived or not accessible",
    "channel_type_not_supported": "apps cannot post in this kind of conversation",
    "ekm_access_denied": "an administrator has suspended posting",
    "invalid_channel": "the channel is archived or not accessible",
    "is_archived": "the channel is archived or not accessible",
    "is_inactive": "the channel is archived or not accessible",
    "messages_tab_disabled": "the app's messages tab is disabled; an operator can enable it in the app's settings",
    "method_not_supported_for_channel_type": "apps cannot post in this kind of conversation",
    "no_permission": "invite it with `/invite @egress-diag`",
    "not_in_channel": "invite it with `/invite @egress-diag`",
    "posting_to_channel_denied": _RESTRICTED,
    "restricted_action": _RESTRICTED,
    "restricted_action_non_threadable_channel": "the channel allows no threads",
    "restricted_action_read_only_channel": "the channel is read-only for the app; an administrator can allow it to post",
    "restricted_action_thread_locked": "the thread is locked",
    "restricted_action_thread_only_channel": "the channel allows only replies in threads",
    "team_access_not_granted": _NO_ACCESS,
    "team_not_found": _NO_ACCESS,
}
"""By error code, the reason why the bot cannot post in a channel, and the fix."""

_TOKEN = [
    "accesslimited",
    "account_inactive",
    "as_user_not_supported",
    "enterprise_is_restricted",
    "invalid_auth",
    "missing_scope",
    "not_allowed_token_type",
    "not_authed",
    "token_expired",
    "token_revoked",
    "two_factor_setup_required",
]

ERROR_CLASSES: Mapping[str, ErrorClass] = {
    **dict.fromkeys(_TEMPORARY, ErrorClass.TEMPORARY),
    **dict.fromkeys(_MESSAGE, ErrorClass.MESSAGE),
    **dict.fromkeys(CHANNEL_FIXES, ErrorClass.CHANNEL),
    **dict.fromkeys(_TOKEN, ErrorClass.TOKEN),
}
"""The class of each known error code."""
