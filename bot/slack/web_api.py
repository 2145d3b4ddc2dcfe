"""The client of Slack's Web API: every call has a timeout, every refusal is a typed error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.webhook import WebhookClient

from bot.slack.errors import (
    ChannelUnavailable,
    InvalidBlocks,
    MessageDeleted,
    MissingScope,
    NotInChannel,
    RateLimited,
    SlackRefusal,
    TokenRevoked,
    TooLong,
    UnknownGroup,
    Unreachable,
    refusal,
)
from bot.slack.metrics import SLACK_CALLS
from bot.slack.settings import SlackSettings

__all__ = [
    "METADATA_EVENT",
    "ChannelUnavailable",
    "InvalidBlocks",
    "MessageDeleted",
    "MissingScope",
    "NotInChannel",
    "Posted",
    "RateLimited",
    "Slack",
    "SlackRefusal",
    "TokenRevoked",
    "TooLong",
    "UnknownGroup",
    "Unreachable",
    "refusal",
]

METADATA_EVENT = "egress_diag"
"""The event type in the metadata of our messages, by which they are found again."""

MAX_PAGES = 10
"""Pages of 200 messages that are searched for a post whose answer was lost."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A message in Slack."""

    channel: str
    ts: str


class Slack:
    """The calls of Slack's Web API that the bot uses. Every method may raise SlackRefusal."""

    def __init__(self, settings: SlackSettings, timeout: int = 10) -> None:
        self.client = WebClient(
            token=settings.slack_bot_token.get_secret_value(),
            base_url=settings.slack_api_url,
            timeout=timeout,
            retry_handlers=[],
        )

    def post(
        self, channel: str, text: str, blocks: Sequence[Mapping[str, Any]], thread: str | None, about: Mapping[str, str]
    ) -> Posted:
        """Post a message. `about` becomes its metadata, by which `find` finds it."""
        answer = self._call(
            "chat.postMessage",
            channel=channel,
            text=text,
            blocks=list(blocks) or None,
            thread_ts=thread,
            unfurl_links=False,
            unfurl_media=False,
            parse="none",
            link_names=False,
            metadata={"event_type": METADATA_EVENT, "event_payload": dict(about)},
        )
        return Posted(str(answer["channel"]), str(answer["ts"]))

    def update(self, where: Posted, text: str, blocks: Sequence[Mapping[str, Any]], about: Mapping[str, str]) -> Posted:
        """Replace the content of a message."""
        answer = self._call(
            "chat.update",
            channel=where.channel,
            ts=where.ts,
            text=text,
            blocks=list(blocks),
            parse="none",
            link_names=False,
            metadata={"event_type": METADATA_EVENT, "event_payload": dict(about)},
        )
        return Posted(str(answer["channel"]), str(answer["ts"]))

    def delete(self, where: Posted) -> None:
        """Delete a message."""
        self._call("chat.delete", channel=where.channel, ts=where.ts)

    def ephemeral(
        self, channel: str, user: str, text: str, blocks: Sequence[Mapping[str, Any]], thread: str | None = None
    ) -> None:
        """Post a message in a channel or thread that only one person sees."""
        self._call(
            "chat.postEphemeral", channel=channel, user=user, text=text, blocks=list(blocks) or None, thread_ts=thread
        )

    def open_view(self, trigger: str, view: Mapping[str, Any]) -> str:
        """Open a form and return its id. The trigger expires after three seconds."""
        return str(self._call("views.open", trigger_id=trigger, view=dict(view))["view"]["id"])

    def update_view(self, view_id: str, view: Mapping[str, Any]) -> None:
        """Replace the content of an open form."""
        self._call("views.update", view_id=view_id, view=dict(view))

    def publish_home(self, user: str, view: Mapping[str, Any]) -> None:
        """Publish a person's App Home."""
        self._call("views.publish", user_id=user, view=dict(view))

    def upload(
        self, channel: str | None, thread: str | None, name: str, title: str, content: bytes, alt: str = ""
    ) -> str:
        """Upload a file and return its id. Without a channel, a later message shows it."""
        upload = self._call(
            "files.getUploadURLExternal", filename=name, length=len(content), alt_txt=alt[:1000] or None
        )
        request = Request(str(upload["upload_url"]), data=content, method="POST")  # noqa: S310 - Slack's own address
        request.add_header("Content-Type", "application/octet-stream")
        try:
            with urlopen(request, timeout=30):  # noqa: S310 - as above
                pass
        except (URLError, OSError, HTTPException) as error:
            raise Unreachable("no_answer", type(error).__name__) from None
        file = {"id": str(upload["file_id"]), "title": title}
        self._call("files.completeUploadExternal", files=[file], channel_id=channel, thread_ts=thread)
        return file["id"]

    def find_file(self, channel: str, thread: str, name: str, since: str) -> bool:
        """Whether the thread has a file of this name since the moment `since` (a Slack ts)."""
        answer = self._call("conversations.replies", channel=channel, ts=thread, oldest=since, limit=200)
        return any(file.get("name") == name for each in answer.get("messages", ()) for file in each.get("files") or ())

    def permalink(self, where: Posted) -> str:
        """The permalink of a message."""
        return str(self._call("chat.getPermalink", channel=where.channel, message_ts=where.ts)["permalink"])

    def find(self, channel: str, thread: str | None, about: Mapping[str, str], since: str) -> Posted | None:
        """Our message with this metadata, posted after the moment `since` (a Slack ts), or None.

        Raises MissingScope without the history scope of the channel.
        """
        method = "conversations.history" if thread is None else "conversations.replies"
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            answer = self._call(
                method,
                channel=channel,
                ts=thread,
                oldest=since,
                limit=200,
                cursor=cursor,
                include_all_metadata=True,
            )
            for message in answer.get("messages", ()):
                metadata = message.get("metadata") or {}
                if metadata.get("event_type") == METADATA_EVENT and metadata.get("event_payload") == dict(about):
                    return Posted(channel, str(message["ts"]))
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None:
                return None
        return None

    def respond(self, response_url: str, text: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Answer through the response URL of a command, to the person alone.

        Slack accepts five answers within 30 minutes.
        """
        try:
            answer = WebhookClient(response_url, timeout=10, retry_handlers=[]).send(
                text=text, blocks=[dict(b) for b in blocks] or None, response_type="ephemeral"
            )
        except (URLError, OSError, HTTPException, SlackClientError) as error:
            raise Unreachable("no_answer", type(error).__name__) from None
        if answer.status_code != 200:
            raise SlackRefusal("response_url", f"{answer.status_code} {answer.body[:80]}")

    def group_members(self, group: str) -> frozenset[str]:
        """The members of a user group."""
        return frozenset(str(user) for user in self._call("usergroups.users.list", usergroup=group).get("users") or ())

    def auth(self) -> Mapping[str, Any]:
        """The identity of the bot, by `auth.test`."""
        found: Mapping[str, Any] = self._call("auth.test").data
        return found

    def _call(self, method: str, **arguments: Any) -> Any:
        try:
            answer = self._request(method, arguments)
        except SlackRefusal as refused:
            SLACK_CALLS.labels(method, refused.code).inc()
            raise
        SLACK_CALLS.labels(method, "ok").inc()
        return answer

    def _request(self, method: str, arguments: Mapping[str, Any]) -> Any:
        given = {key: value for key, value in arguments.items() if value is not None}
        try:
            return (
                self.client.api_call(method, json=given)
                if method.startswith(("chat.post", "views.", "files.complete"))
                or method in ("chat.update", "chat.delete")
                else self.client.api_call(method, params=given)
            )
        except SlackApiError as error:
            raise refusal(error) from None
        except (URLError, OSError, HTTPException, SlackClientError) as error:
            raise Unreachable("no_answer", type(error).__name__) from None
