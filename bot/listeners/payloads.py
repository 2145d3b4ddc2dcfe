"""Slack's payloads as typed values, with only the fields that the bot reads.

Sources: https://docs.slack.dev/interactivity/implementing-slash-commands,
https://docs.slack.dev/reference/interaction-payloads, https://docs.slack.dev/apis/events-api.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from checks.model.redaction import redact


class MalformedPayload(Exception):
    """A payload without the fields of its kind; `command` if a person typed it."""

    def __init__(self, kind: str, problem: str, *, command: bool = False) -> None:
        super().__init__(f"{kind}: {problem}")
        self.kind = kind
        self.problem = problem
        self.command = command


def _encodable(text: str) -> str:
    text.encode()  # a lone surrogate raises UnicodeEncodeError, which is a ValueError
    return text


_Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
_Word = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{0,300}$")]
_Text = Annotated[str, AfterValidator(_encodable), Field(max_length=1024 * 1024)]
_Typed = Annotated[_Text, AfterValidator(redact)]
"""Text that a user typed, redacted.

A secret in it gets neither into answers nor into Redis or the audit.
"""
_Url = Annotated[str, StringConstraints(pattern=r"^(https?://[\x21-\x7e]{1,2000})?$")]


class Payload(BaseModel):
    """A payload, without the fields that the bot does not read."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @property
    def body(self) -> dict[str, Any]:
        """The payload as Bolt expects it."""
        return self.model_dump(exclude_none=True)


class CommandPayload(Payload):
    """A slash command."""

    command: Annotated[str, StringConstraints(pattern=r"^/[\x21-\x7e]{1,80}$")]
    user_id: _Id
    channel_id: _Id
    team_id: _Id | Literal[""] = ""
    trigger_id: _Word = ""
    response_url: _Url = ""
    text: _Typed = ""


class _Who(Payload):
    id: _Id


class _Option(Payload):
    value: _Text


class _Action(Payload):
    type: _Word = ""
    action_id: _Word
    block_id: _Word = ""
    action_ts: _Word = ""
    value: _Text | None = None
    selected_option: _Option | None = None


class _Container(Payload):
    message_ts: _Word | None = None
    thread_ts: _Word | None = None
    channel_id: _Id | None = None
    is_ephemeral: bool = False


class _Message(Payload):
    ts: _Word | None = None
    thread_ts: _Word | None = None


class _Element(Payload):
    value: _Typed | None = None
    selected_option: _Option | None = None
    selected_user: _Id | None = None


class _State(Payload):
    values: dict[_Word, dict[_Word, _Element]] = {}


class _Block(Payload):
    block_id: _Word = ""


class _View(Payload):
    id: _Id
    type: _Word = "modal"
    hash: _Word = ""
    callback_id: _Word = ""
    private_metadata: _Text = ""
    blocks: list[_Block] = []
    state: _State | None = None


class _Interaction(Payload):
    user: _Who
    team: _Who | None = None
    trigger_id: _Word = ""


class PressPayload(_Interaction):
    """A press of a button, or a choice in a menu, of a message, form or Home."""

    type: Literal["block_actions"]
    actions: Annotated[list[_Action], Field(min_length=1, max_length=100)]
    channel: _Who | None = None
    container: _Container | None = None
    message: _Message | None = None
    view: _View | None = None
    response_url: _Url = ""


class OptionsPayload(_Interaction):
    """Text typed into a field whose options the bot offers."""

    type: Literal["block_suggestion"]
    action_id: _Word
    block_id: _Word = ""
    value: _Typed = ""
    view: _View | None = None


class FormPayload(_Interaction):
    """A submitted form."""

    type: Literal["view_submission"]
    view: _View


class _Event(Payload):
    type: _Word
    user: _Id | None = None
    channel: _Id | None = None
    ts: _Word | None = None
    thread_ts: _Word | None = None
    text: _Typed = ""
    tab: _Word | None = None
    bot_id: _Word | None = None


class _Mention(_Event):
    type: Literal["app_mention"]
    channel: _Id
    ts: _Word


class _Written(_Event):
    """A message; the app subscribes only to direct messages."""

    type: Literal["message"]
    channel: _Id
    ts: _Word
    channel_type: _Word = ""
    subtype: _Word | None = None


class _HomeOpened(_Event):
    type: Literal["app_home_opened"]
    user: _Id


class _AssistantContext(Payload):
    """The channel that the person views; empty outside a channel."""

    channel_id: _Id | None = None


class _AssistantThread(Payload):
    user_id: _Id
    channel_id: _Id
    thread_ts: _Word
    context: _AssistantContext = _AssistantContext()


class _AssistantOpened(_Event):
    """A person has opened the assistant view, or started a new thread in it."""

    type: Literal["assistant_thread_started"]
    assistant_thread: _AssistantThread


class _Function(Payload):
    callback_id: _Word


class _StepInputs(Payload):
    """The inputs of the custom step, which the author of a workflow fills in."""

    cluster: _Typed = ""
    gateway: _Typed = ""
    host: _Typed | None = None
    channel: _Word = ""


class _FunctionExecuted(_Event):
    """A workflow executes the custom step of this app."""

    type: Literal["function_executed"]
    function: _Function
    function_execution_id: _Id
    inputs: _StepInputs


class EventPayload(Payload):
    """An event that the app has subscribed to."""

    type: Literal["event_callback"]
    event: Annotated[
        _Mention | _Written | _HomeOpened | _FunctionExecuted | _AssistantOpened, Field(discriminator="type")
    ]
    team_id: _Id | None = None


class ChallengePayload(Payload):
    """Slack's verification of the address."""

    type: Literal["url_verification"]
    challenge: _Text


class CertificateCheck(Payload):
    """Slack's verification of the certificate."""

    ssl_check: Literal["1"]


class UnusedPayload(Payload):
    """A payload of a kind that the bot does not use, for example of a form that was closed."""

    type: _Word = ""


_BY_TYPE: Mapping[str, type[Payload]] = {
    "block_actions": PressPayload,
    "block_suggestion": OptionsPayload,
    "view_submission": FormPayload,
    "event_callback": EventPayload,
    "url_verification": ChallengePayload,
}

_EVENTS = ("app_mention", "app_home_opened", "message", "function_executed", "assistant_thread_started")


def read_body(body: bytes, content_type: str) -> dict[str, Any]:
    """The payload in the body of a request: a JSON object, or a form with or without one.

    Raises MalformedPayload.
    """
    try:
        text = body.decode("utf-8")
        if content_type == "application/json" or text.lstrip().startswith(("{", "[")):
            found = orjson.loads(text)
        else:
            fields = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=200))
            found = orjson.loads(fields["payload"]) if "payload" in fields else fields
    except ValueError as error:
        raise MalformedPayload("body", type(error).__name__) from None
    if not isinstance(found, dict):
        raise MalformedPayload("body", "no object")
    return found


def read_payload(found: object) -> Payload:
    """The payload as a typed value. Raises MalformedPayload."""
    if not isinstance(found, dict):
        raise MalformedPayload("payload", "no object")
    kind, shape = _kind(found)
    try:
        return shape.model_validate(found)
    except ValidationError as wrong:
        errors = wrong.errors(include_input=False, include_url=False)[:3]
        problem = ", ".join(f"{_printable(each['loc'])} ({each['type']})" for each in errors)
        raise MalformedPayload(kind, problem, command=shape is CommandPayload) from None


def _printable(place: tuple[int | str, ...]) -> str:
    """The path of a field; parts of it may be keys that the sender chose."""
    return ".".join(re.sub(r"[^\w/-]", "?", str(part)) for part in place)[:80]


def _kind(found: Mapping[str, object]) -> tuple[str, type[Payload]]:
    if "command" in found:
        return "slash command", CommandPayload
    if found.get("ssl_check") == "1":
        return "ssl_check", CertificateCheck
    kind, event = found.get("type"), found.get("event")
    if not isinstance(kind, str):
        raise MalformedPayload("payload", "no type")
    if kind == "event_callback" and isinstance(event, dict):
        inner = event.get("type")
        if isinstance(inner, str) and inner not in _EVENTS:
            return _printable((inner,)), UnusedPayload
    return _printable((kind,)), _BY_TYPE.get(kind, UnusedPayload)
