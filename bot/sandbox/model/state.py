"""The objects of the sandbox's workspace: people, channels, messages, forms, files.

All are immutable values. Only `Workspace`, which has the history of each message, changes, under its lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.sandbox.model.functions import DIAGNOSE_STEP, FunctionDefinition
from bot.sandbox.model.texts import JsonObject, elements_of, texts_of

# The scopes of the bot's manifest; `connections:write` belongs to the app-level token.
DEFAULT_SCOPES = frozenset(
    {
        "app_mentions:read",
        "assistant:write",
        "canvases:write",
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "files:write",
        "groups:history",
        "groups:read",
        "im:history",
        "im:write",
        "reactions:write",
        "usergroups:read",
        "users:read",
    }
)


@dataclass(frozen=True, slots=True)
class App:
    """The installed app, as on Slack's settings pages.

    The tokens and the signing secret are example values.
    """

    app_id: str = "A0EGRESS"
    name: str = "egress-diag"
    command: str = "/egress-diag"
    bot_user: str = "U0BOT"
    bot_id: str = "B0BOT"
    bot_token: str = "xoxb-sandbox-bot-token"
    app_token: str = "xapp-1-A0EGRESS-sandbox-app-token"
    signing_secret: str = "sandbox-signing-secret"
    scopes: frozenset[str] = DEFAULT_SCOPES
    events: frozenset[str] = frozenset(
        {"app_mention", "app_home_opened", "assistant_thread_started", "function_executed", "message.im"}
    )
    canvases: bool = False
    """Whether the workspace offers canvases outside a channel's tab, as paid plans do."""
    functions: tuple[FunctionDefinition, ...] = (DIAGNOSE_STEP,)


@dataclass(frozen=True, slots=True)
class User:
    """A member of the workspace; `tz` is an IANA name."""

    id: str
    name: str
    real_name: str
    is_bot: bool = False
    tz: str = "Europe/Madrid"


@dataclass(frozen=True, slots=True)
class UserGroup:
    """A user group such as @egress-oncall."""

    id: str
    handle: str
    name: str
    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel, or a direct message between the bot and `im_user`."""

    id: str
    name: str
    members: frozenset[str] = frozenset()
    topic: str = ""
    is_private: bool = False
    is_archived: bool = False
    im_user: str | None = None

    @property
    def kind(self) -> Literal["channels", "groups", "im"]:
        """The kind of conversation, as in the names of Slack's scopes."""
        if self.im_user is not None:
            return "im"
        return "groups" if self.is_private else "channels"


@dataclass(frozen=True, slots=True)
class Revision:
    """An earlier content of a message. `at` is the time of its replacement (Unix seconds)."""

    at: float
    text: str
    blocks: tuple[JsonObject, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message in its current state.

    `only_for` is the only person who sees an ephemeral message.
    """

    channel: str
    ts: str
    author: str
    text: str
    blocks: tuple[JsonObject, ...] = ()
    attachments: tuple[JsonObject, ...] = ()
    """Secondary attachments, as older apps post them."""
    thread_ts: str | None = None
    only_for: str | None = None
    metadata: JsonObject | None = None
    edited_ts: str | None = None
    broadcast: bool = False
    files: tuple[str, ...] = ()
    reactions: tuple[tuple[str, str], ...] = ()
    revisions: tuple[Revision, ...] = ()

    @property
    def is_reply(self) -> bool:
        """Whether it is a reply in a thread."""
        return self.thread_ts is not None and self.thread_ts != self.ts

    @property
    def shown(self) -> str:
        """The visible text: one line per text object of the blocks; without blocks, the plain text."""
        return "\n".join(texts_of(self.blocks)) if self.blocks else self.text

    @property
    def buttons(self) -> tuple[str, ...]:
        """The action ids of the interactive elements, in reading order."""
        return tuple(element["action_id"] for _, element in elements_of(self.blocks))


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A modal or an App Home as `user` sees it; `body` is the view that the bot sent."""

    id: str
    user: str
    type: str
    hash: str
    body: JsonObject
    root_id: str
    previous_id: str | None = None
    answers: JsonObject | None = None

    @property
    def callback_id(self) -> str:
        return str(self.body.get("callback_id", ""))

    @property
    def private_metadata(self) -> str:
        return str(self.body.get("private_metadata", ""))

    @property
    def title(self) -> str:
        return str(self.body.get("title", {}).get("text", ""))

    @property
    def blocks(self) -> tuple[JsonObject, ...]:
        return tuple(self.body.get("blocks", ()))

    @property
    def shown(self) -> str:
        """The title, then one line for each text object of the blocks."""
        return "\n".join([self.title, *texts_of(self.blocks)]).strip()

    @property
    def buttons(self) -> tuple[str, ...]:
        """The action ids of the interactive elements."""
        return tuple(element["action_id"] for _, element in elements_of(self.blocks))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """An uploaded file; it is visible in `channels`, once it is shared."""

    id: str
    name: str
    size: int
    title: str = ""
    alt_text: str = ""
    content: bytes | None = None
    owner: str = ""
    channels: tuple[str, ...] = ()
    created: float = 0.0


@dataclass(frozen=True, slots=True)
class Canvas:
    """A document of the bot; the members of `channels` can read it."""

    id: str
    title: str
    markdown: str
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorkspaceChange:
    """A change of a message, or of the view, channel or file with the id `subject`."""

    at: float
    kind: Literal["posted", "updated", "deleted", "view", "channel", "file", "notice"]
    message: StoredMessage | None = None
    subject: str = ""
