"""The shared state of the sandbox's parts, and arguments and errors of Web API calls."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from bot.sandbox.model.block_rules import is_too_long, problems_of_message, table_problem
from bot.sandbox.model.faults import Faults
from bot.sandbox.model.functions import Execution
from bot.sandbox.model.grants import Grants
from bot.sandbox.model.state import App, Canvas, Channel, StoredMessage
from bot.sandbox.model.texts import JsonObject
from bot.sandbox.model.workspace import Workspace

TEXT_LIMIT = 40_000


class ApiError(Exception):
    """An error answer of the Web API: Slack's `error` code and the `extra` fields."""

    def __init__(self, error: str, **extra: object) -> None:
        super().__init__(error)
        self.error = error
        self.extra = extra


@dataclass(slots=True)
class Core:
    """The workspace with its faults, grants, tickets, uploads and workflow steps.

    `url` has no trailing slash.
    """

    app: App
    workspace: Workspace
    faults: Faults
    grants: Grants
    url: str = ""
    tickets: set[str] = field(default_factory=set)
    uploads: dict[str, str] = field(default_factory=dict)
    canvases: dict[str, Canvas] = field(default_factory=dict)
    executions: dict[str, Execution] = field(default_factory=dict)
    prompts: dict[tuple[str, str], tuple[JsonObject, ...]] = field(default_factory=dict)
    """The prompts of each thread in the assistant view, by channel and thread."""

    @property
    def scopes(self) -> frozenset[str]:
        """The current scopes of the bot token."""
        return self.app.scopes - self.faults.missing_scopes

    def need_scope(self, *any_of: str) -> None:
        """Raise ApiError unless the token has one of these scopes."""
        if any_of and not self.scopes.intersection(any_of):
            raise ApiError("missing_scope", needed=",".join(any_of), provided=",".join(sorted(self.scopes)))

    def channel(self, name: str) -> Channel:
        """The channel with this id or name, or the direct message with this user. Raises ApiError."""
        if not name:
            raise ApiError("channel_not_found")
        found = self.workspace.channels.get(name)
        if found is None and name in self.workspace.users:
            return self.workspace.direct_channel(name)
        if found is None:
            by_name = [
                channel for channel in self.workspace.channels.values() if channel.name == name.removeprefix("#")
            ]
            found = by_name[0] if by_name and by_name[0].im_user is None else None
        if found is None or (found.is_private and self.app.bot_user not in found.members):
            raise ApiError("channel_not_found")
        return found

    def writable_channel(self, name: str) -> Channel:
        """A channel in which the bot can post. Raises ApiError."""
        found = self.channel(name)
        if found.is_archived:
            raise ApiError("is_archived")
        if self.app.bot_user not in found.members:
            raise ApiError("not_in_channel")
        return found

    def readable_channel(self, name: str, purpose: str) -> Channel:
        """A channel that the bot is a member of and has the scope `KIND:PURPOSE` for.

        Raises ApiError.
        """
        found = self.channel(name)
        self.need_scope(f"{found.kind}:{purpose}")
        if self.app.bot_user not in found.members:
            raise ApiError("not_in_channel")
        return found

    def own_message(self, channel: str, ts: str, refusal: str) -> StoredMessage:
        """A message of the bot that everyone in the channel sees. Raises ApiError."""
        message = self.workspace.message(channel, ts)
        if message is None or message.only_for is not None:
            raise ApiError("message_not_found")
        if message.author != self.app.bot_user:
            raise ApiError(refusal)
        return message


class Args:
    """The arguments of a call, from JSON, a form or the query."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        """A string; other values are converted."""
        value = self.values.get(name)
        return default if value is None else str(value)

    def required(self, name: str) -> str:
        """A string that must not be missing or empty. Raises ApiError."""
        value = self.text(name)
        if not value:
            message = f"[ERROR] missing required field: {name}"
            raise ApiError("invalid_arguments", response_metadata={"messages": [message]})
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.values.get(name)
        return default if value is None else str(value).lower() in {"1", "true"}

    def number(self, name: str, default: int) -> int:
        try:
            return int(self.text(name, str(default)))
        except ValueError:
            raise ApiError("invalid_limit") from None

    def json(self, name: str, refusal: str) -> object:
        """A JSON value, which a form encodes as a string; None if it is missing. Raises ApiError."""
        value = self.values.get(name)
        if isinstance(value, str):
            try:
                return json.loads(value) if value else None
            except ValueError:
                raise ApiError(refusal) from None
        return value


def blocks_of(core: Core, args: Args) -> list[JsonObject] | None:
    """The validated blocks of a call; None if it has none. Raises ApiError."""
    blocks = args.json("blocks", "invalid_blocks_format")
    if blocks is None:
        return None
    if not isinstance(blocks, list):
        raise ApiError("invalid_blocks_format")
    return checked_blocks(core, blocks)


def checked_blocks(core: Core, blocks: list[JsonObject]) -> list[JsonObject]:
    """The blocks, if Slack would accept them.

    Raises ApiError with every problem and its position.
    """
    problems = problems_of_message(blocks, core.faults.refused_blocks)
    problems += [] if problems else _unknown_images(core, blocks)
    if problems:
        messages = [f"[ERROR] {problem}" for problem in problems]
        raise ApiError("invalid_blocks", errors=problems, response_metadata={"messages": messages})
    if problem := table_problem(blocks):
        raise ApiError("invalid_attachments", response_metadata={"messages": [problem]})
    if is_too_long(blocks):
        raise ApiError("msg_blocks_too_long")
    return blocks


def _unknown_images(core: Core, blocks: list[JsonObject]) -> list[str]:
    """The problems of images whose uploaded file does not exist."""
    return [
        f"invalid slack file [json-pointer:/blocks/{position}/slack_file]"
        for position, block in enumerate(blocks)
        if block["type"] == "image"
        and "id" in block.get("slack_file", {})
        and not core.workspace.file(block["slack_file"]["id"])
    ]


Handler: TypeAlias = Callable[[Core, Args], JsonObject]


@dataclass(frozen=True, slots=True)
class Method:
    """A method of the Web API.

    It requires one of the `scopes`, or the app-level token if `app_level`.
    """

    handler: Handler
    scopes: tuple[str, ...] = ()
    app_level: bool = False
