"""The client of Slack's Web API: every call has a timeout, every refusal is a typed error."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from pydantic import ValidationError
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse
from slack_sdk.webhook import WebhookClient

from bot.slack.error_codes import ERROR_CLASSES
from bot.slack.errors import (
    ChannelRefused,
    ChannelUnavailable,
    InvalidBlocks,
    MessageDeleted,
    MessageRefused,
    MissingScope,
    NotEditable,
    NotInChannel,
    RateLimited,
    SlackRefusal,
    TemporaryRefusal,
    TokenRefused,
    TokenRevoked,
    TooLong,
    UnknownAnswer,
    UnknownGroup,
    Unreachable,
    refusal,
)
from bot.slack.metrics import SLACK_CALLS
from bot.slack.outgoing import without_secrets
from bot.slack.plain_answers import refusal_of_response, refusal_of_upload
from bot.slack.settings import SlackSettings
from bot.slack.web_api_answers import (
    CanvasAnswer,
    IdentityAnswer,
    MembersAnswer,
    MessageAnswer,
    MessagesAnswer,
    PermalinkAnswer,
    SlackAnswer,
    UploadAnswer,
    ViewAnswer,
)
from checks.model.redaction import redact

__all__ = [
    "METADATA_EVENT",
    "ChannelRefused",
    "ChannelUnavailable",
    "InvalidBlocks",
    "MessageDeleted",
    "MessageRefused",
    "MissingScope",
    "NotEditable",
    "NotInChannel",
    "Posted",
    "RateLimited",
    "Slack",
    "SlackRefusal",
    "TemporaryRefusal",
    "TokenRefused",
    "TokenRevoked",
    "TooLong",
    "UnknownAnswer",
    "UnknownGroup",
    "Unreachable",
    "call_slack",
]

_A = TypeVar("_A", bound=SlackAnswer)

METADATA_EVENT = "egress_diag"
"""The event type in the metadata of our messages, by which they are found again."""

_JSON = ("assistant.", "canvases.", "chat.delete", "chat.post", "chat.update", "files.complete", "functions.", "views.")
"""The beginnings of the methods whose arguments are sent as JSON."""

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
        self._identity: IdentityAnswer | None = None

    def post(
        self, channel: str, text: str, blocks: Sequence[Mapping[str, Any]], thread: str | None, about: Mapping[str, str]
    ) -> Posted:
        """Post a message. `about` becomes its metadata, by which `find` finds it."""
        answer = self._call(
            "chat.postMessage",
            MessageAnswer,
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
        return Posted(answer.channel, answer.ts)

    def update(self, where: Posted, text: str, blocks: Sequence[Mapping[str, Any]], about: Mapping[str, str]) -> Posted:
        """Replace the content of a message."""
        answer = self._call(
            "chat.update",
            MessageAnswer,
            channel=where.channel,
            ts=where.ts,
            text=text,
            blocks=list(blocks),
            parse="none",
            link_names=False,
            metadata={"event_type": METADATA_EVENT, "event_payload": dict(about)},
        )
        return Posted(answer.channel, answer.ts)

    def delete(self, where: Posted) -> None:
        """Delete a message."""
        self._call("chat.delete", SlackAnswer, channel=where.channel, ts=where.ts)

    def ephemeral(
        self, channel: str, user: str, text: str, blocks: Sequence[Mapping[str, Any]], thread: str | None = None
    ) -> None:
        """Post a message in a channel or thread that only one person sees."""
        self._call(
            "chat.postEphemeral",
            SlackAnswer,
            channel=channel,
            user=user,
            text=text,
            blocks=list(blocks) or None,
            thread_ts=thread,
        )

    def open_view(self, trigger: str, view: Mapping[str, Any]) -> str:
        """Open a form and return its id. The trigger expires after three seconds."""
        return self._call("views.open", ViewAnswer, trigger_id=trigger, view=dict(view)).view.id

    def update_view(self, view_id: str, view: Mapping[str, Any]) -> None:
        """Replace the content of an open form."""
        self._call("views.update", SlackAnswer, view_id=view_id, view=dict(view))

    def publish_home(self, user: str, view: Mapping[str, Any]) -> None:
        """Publish a person's App Home."""
        self._call("views.publish", SlackAnswer, user_id=user, view=dict(view))

    def upload(
        self, channel: str | None, thread: str | None, name: str, title: str, content: bytes, alt: str = ""
    ) -> str:
        """Upload a file and return its id. Without a channel, a later message shows it."""
        upload = self._call(
            "files.getUploadURLExternal",
            UploadAnswer,
            filename=name,
            length=len(content),
            alt_txt=alt[:1000] or None,
        )
        request = Request(upload.upload_url, data=content, method="POST")  # noqa: S310 - Slack's own address
        request.add_header("Content-Type", "application/octet-stream")
        try:
            with urlopen(request, timeout=self.client.timeout) as answer:  # noqa: S310 - as above
                refused = refusal_of_upload(
                    answer.status, answer.read(1_000).decode(errors="replace"), dict(answer.headers)
                )
        except HTTPError as error:
            refused = refusal_of_upload(error.code, "", dict(error.headers))
        except (URLError, OSError, HTTPException) as error:
            raise Unreachable("no_answer", type(error).__name__) from None
        if refused is not None:
            raise refused
        file = {"id": upload.file_id, "title": title}
        self._call("files.completeUploadExternal", SlackAnswer, files=[file], channel_id=channel, thread_ts=thread)
        return file["id"]

    def find_file(self, channel: str, thread: str, name: str, since: str) -> bool:
        """Whether the thread has a file of this name since the moment `since` (a Slack ts)."""
        answer = self._call(
            "conversations.replies", MessagesAnswer, channel=channel, ts=thread, oldest=since, limit=200
        )
        return answer.has_file(name)

    def permalink(self, where: Posted) -> str:
        """The permalink of a message."""
        return self._call("chat.getPermalink", PermalinkAnswer, channel=where.channel, message_ts=where.ts).permalink

    def find(self, channel: str, thread: str | None, about: Mapping[str, str], since: str) -> Sequence[Posted]:
        """Our messages with this metadata, oldest first.

        They were posted after the moment `since` (a Slack ts). Raises MissingScope without the history scope of the channel.
        """
        method = "conversations.history" if thread is None else "conversations.replies"
        found: list[str] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            answer = self._call(
                method,
                MessagesAnswer,
                channel=channel,
                ts=thread,
                oldest=since,
                limit=200,
                cursor=cursor,
                include_all_metadata=True,
            )
            found += answer.moments(METADATA_EVENT, about)
            cursor = answer.next_cursor
            if cursor is None:
                break
        return [Posted(channel, ts) for ts in sorted(found, key=float)]

    def head_text(self, channel: str, thread: str) -> str:
        """All text of the first message of a thread; "" if it was deleted."""
        answer = self._call("conversations.replies", MessagesAnswer, channel=channel, ts=thread, limit=1)
        return redact(next((text for ts, text in answer.texts() if ts == thread), ""))

    def recent_of_apps(self, channel: str, since: str) -> Sequence[tuple[str, str]]:
        """The messages of other apps in a channel since a moment (a Slack ts), newest first.

        Each is its `ts` and all its text.
        """
        answer = self._call(
            "conversations.history", MessagesAnswer, channel=channel, oldest=since, limit=50, include_all_metadata=True
        )
        return answer.by_apps(METADATA_EVENT).texts()

    def respond(self, response_url: str, text: str, blocks: Sequence[Mapping[str, Any]]) -> None:
        """Answer through the response URL of a command, to the person alone.

        Slack accepts five answers within 30 minutes.
        """
        try:
            answer = WebhookClient(response_url, timeout=10, retry_handlers=[]).send(
                **without_secrets({"text": text, "blocks": list(blocks) or None}), response_type="ephemeral"
            )
        except (URLError, OSError, HTTPException, SlackClientError) as error:
            raise Unreachable("no_answer", type(error).__name__) from None
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise UnknownAnswer("malformed_answer", type(error).__name__) from None
        if refused := refusal_of_response(answer.status_code, answer.body, answer.headers):
            raise refused

    def create_canvas(self, title: str, markdown: str) -> str:
        """Create a canvas of the bot and return its ID."""
        content = {"type": "markdown", "markdown": markdown}
        return self._call("canvases.create", CanvasAnswer, title=title, document_content=content).canvas_id

    def share_canvas(self, canvas: str, channel: str) -> None:
        """Let the members of a channel read a canvas."""
        self._call("canvases.access.set", SlackAnswer, canvas_id=canvas, access_level="read", channel_ids=[channel])

    def edit_canvas(self, canvas: str, markdown: str) -> None:
        """Replace the content of a canvas."""
        content = {"type": "markdown", "markdown": markdown}
        change = {"operation": "replace", "document_content": content}
        self._call("canvases.edit", SlackAnswer, canvas_id=canvas, changes=[change])

    def suggest(self, thread: Posted, title: str, prompts: Sequence[Mapping[str, str]]) -> None:
        """Show at most four prompts in a thread of the assistant view.

        Each has `title` and `message`.
        """
        self._call(
            "assistant.threads.setSuggestedPrompts",
            SlackAnswer,
            channel_id=thread.channel,
            thread_ts=thread.ts,
            title=title,
            prompts=[dict(each) for each in prompts],
        )

    def complete_step(self, execution: str, outputs: Mapping[str, str]) -> None:
        """End the step of a workflow with its outputs."""
        self._call("functions.completeSuccess", SlackAnswer, function_execution_id=execution, outputs=dict(outputs))

    def fail_step(self, execution: str, problem: str) -> None:
        """End the step of a workflow with an error, which its owner sees."""
        self._call("functions.completeError", SlackAnswer, function_execution_id=execution, error=problem)

    def group_members(self, group: str) -> frozenset[str]:
        """The members of a user group."""
        return frozenset(self._call("usergroups.users.list", MembersAnswer, usergroup=group).users)

    def auth(self) -> IdentityAnswer:
        """The identity of the bot, by `auth.test`."""
        return self._call("auth.test", IdentityAnswer)

    def team(self) -> str:
        """The ID of the bot's workspace; a token belongs to one."""
        return self.identity().team_id

    def identity(self) -> IdentityAnswer:
        """The bot and its workspace, asked once."""
        if self._identity is None:
            self._identity = self.auth()
        return self._identity

    def _call(self, method: str, shape: type[_A], **arguments: Any) -> _A:
        try:
            answer = call_slack(self.client, method, arguments)
            found = shape.model_validate(answer.data)
        except SlackRefusal as refused:
            known = refused.code in ERROR_CLASSES or refused.code.startswith("http_")
            SLACK_CALLS.labels(method, refused.code if known else "unknown").inc()
            raise
        except ValidationError as wrong:
            SLACK_CALLS.labels(method, "malformed_answer").inc()
            fields = ", ".join(".".join(map(str, each["loc"])) for each in wrong.errors()[:3])
            raise UnknownAnswer("malformed_answer", fields) from None
        SLACK_CALLS.labels(method, "ok").inc()
        return found


def call_slack(client: WebClient, method: str, arguments: Mapping[str, Any]) -> SlackResponse:
    """The answer of Slack to a call. Raises SlackRefusal."""
    given = without_secrets({key: value for key, value in arguments.items() if value is not None})
    in_json = method.startswith(_JSON)
    try:
        return client.api_call(method, json=given) if in_json else client.api_call(method, params=given)
    except SlackApiError as error:
        raise refusal(error) from None
    except (URLError, OSError, HTTPException, SlackClientError) as error:
        raise Unreachable("no_answer", type(error).__name__) from None
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # The SDK expects a JSON object in the answer's character set; a proxy may answer with anything.
        raise UnknownAnswer("malformed_answer", type(error).__name__) from None
