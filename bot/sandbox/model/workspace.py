"""The mutable state of the sandbox: people, channels, messages, forms and files."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal

from bot.sandbox.model.clock import Clock
from bot.sandbox.model.state import (
    App,
    Channel,
    Revision,
    StoredFile,
    StoredMessage,
    User,
    UserGroup,
    View,
    WorkspaceChange,
)
from bot.sandbox.model.texts import JsonObject

SLACKBOT = "USLACKBOT"
TEAM_ID = "T0SANDBOX"
TEAM_DOMAIN = "sandbox"

Listener = Callable[[WorkspaceChange], None]


class Workspace:
    """People, channels, messages, forms and files, and all changes in order.

    Safe from any thread: each method holds the lock and returns immutable values.
    """

    def __init__(
        self,
        *,
        app: App,
        users: Iterable[User],
        groups: Iterable[UserGroup] = (),
        channels: Iterable[Channel] = (),
        clock: Clock | None = None,
    ) -> None:
        self.app = app
        self.clock = clock or Clock()
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        bot = User(app.bot_user, app.name, app.name, is_bot=True)
        self.users = {user.id: user for user in (*users, bot, User(SLACKBOT, "slackbot", "Slackbot", is_bot=True))}
        self.groups = {group.id: group for group in groups}
        self.channels = {channel.id: channel for channel in channels}
        self._messages: dict[str, dict[str, StoredMessage]] = {}
        self._deleted: set[tuple[str, str]] = set()
        self._views: dict[str, View] = {}
        self._stacks: dict[str, list[str]] = {}
        self._homes: dict[str, View] = {}
        self._files: dict[str, StoredFile] = {}
        self._changes: list[WorkspaceChange] = []
        self._listeners: list[Listener] = []
        self._last_ts = 0

    # -- changes ------------------------------------------------------------------------------------------------------

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` on every change, from the thread that made it.

        Return the function that unsubscribes it.
        """
        with self.lock:
            self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _note(self, kind: _Kind, message: StoredMessage | None = None, subject: str = "") -> None:
        change = WorkspaceChange(self.clock(), kind, message, subject)
        self._changes.append(change)
        for listener in tuple(self._listeners):
            listener(change)
        self.changed.notify_all()

    def changes(self) -> tuple[WorkspaceChange, ...]:
        with self.lock:
            return tuple(self._changes)

    # -- channels -----------------------------------------------------------------------------------------------------

    def put_channel(self, channel: Channel) -> None:
        """Add or replace a channel."""
        with self.lock:
            self.channels[channel.id] = channel
            self._note("channel", subject=channel.id)

    def direct_channel(self, user: str) -> Channel:
        """The direct message channel of the bot and `user`, which is opened if needed."""
        with self.lock:
            for channel in self.channels.values():
                if channel.im_user == user:
                    return channel
            name = self.users[user].name
            opened = Channel("D0" + user[2:], name, frozenset({user, self.app.bot_user}), im_user=user)
            self.put_channel(opened)
            return opened

    # -- messages -----------------------------------------------------------------------------------------------------

    def new_ts(self) -> str:
        """A new, unique message id in Slack's form: seconds and microseconds."""
        with self.lock:
            self._last_ts = max(self._last_ts + 1, int(self.clock() * 1_000_000))
            return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def post(self, message: StoredMessage) -> StoredMessage:
        """Store a new message."""
        with self.lock:
            self._messages.setdefault(message.channel, {})[message.ts] = message
            self._note("posted", message)
            return message

    def update(self, message: StoredMessage, *, edited: bool = False, **fields: object) -> StoredMessage:
        """Replace fields of a message, and keep its earlier content."""
        with self.lock:
            earlier = Revision(self.clock(), message.text, message.blocks)
            if edited:
                fields["edited_ts"] = self.new_ts()
            new = replace(message, revisions=(*message.revisions, earlier), **fields)  # type: ignore[arg-type]  # checked by callers
            self._messages[message.channel][message.ts] = new
            self._note("updated", new)
            return new

    def react(self, message: StoredMessage, reaction: tuple[str, str]) -> None:
        """Add a reaction (name, user). The message is not marked as edited."""
        with self.lock:
            new = replace(message, reactions=(*message.reactions, reaction))
            self._messages[message.channel][message.ts] = new
            self._note("updated", new)

    def delete(self, message: StoredMessage) -> None:
        with self.lock:
            del self._messages[message.channel][message.ts]
            self._deleted.add((message.channel, message.ts))
            self._note("deleted", message)

    def message(self, channel: str, ts: str) -> StoredMessage | None:
        with self.lock:
            return self._messages.get(channel, {}).get(ts)

    def messages(self, channel: str) -> tuple[StoredMessage, ...]:
        """All messages of a channel with replies and ephemeral messages, oldest first."""
        with self.lock:
            return tuple(self._messages.get(channel, {}).values())

    def all_messages(self) -> tuple[StoredMessage, ...]:
        with self.lock:
            return tuple(m for channel in self._messages.values() for m in channel.values())

    def replies(self, channel: str, ts: str) -> tuple[StoredMessage, ...]:
        """The replies of a thread without ephemeral messages, oldest first."""
        return tuple(m for m in self.messages(channel) if m.is_reply and m.thread_ts == ts and m.only_for is None)

    def notice(self, channel: str, user: str, text: str, *, thread_ts: str | None = None) -> StoredMessage:
        """Show one person a message of Slackbot, such as that a command failed."""
        return self.post(
            StoredMessage(
                channel=channel, ts=self.new_ts(), author=SLACKBOT, text=text, only_for=user, thread_ts=thread_ts
            )
        )

    # -- views --------------------------------------------------------------------------------------------------------

    def put_view(self, view: View) -> None:
        """Store or replace a view; a new modal goes on top of its user's stack."""
        with self.lock:
            self._views[view.id] = view
            if view.type == "home":
                self._homes[view.user] = view
            elif view.id not in self._stacks.setdefault(view.user, []):
                self._stacks[view.user].append(view.id)
            self._note("view", subject=view.user)

    def view(self, view_id: str) -> View | None:
        with self.lock:
            return self._views.get(view_id)

    def all_views(self) -> tuple[View, ...]:
        with self.lock:
            return tuple(self._views.values())

    def stack(self, user: str) -> tuple[View, ...]:
        """The open modals of `user`, the top one last."""
        with self.lock:
            return tuple(self._views[view_id] for view_id in self._stacks.get(user, ()))

    def home(self, user: str) -> View | None:
        with self.lock:
            return self._homes.get(user)

    def close_view(self, view: View, *, whole_stack: bool = False) -> tuple[View, ...]:
        """Close a modal, or all modals; return the closed ones, top first."""
        with self.lock:
            stack = self._stacks.get(view.user, [])
            ids = list(stack) if whole_stack else [view.id] if view.id in stack else []
            closed = tuple(self._views.pop(view_id) for view_id in reversed(ids))
            self._stacks[view.user] = [view_id for view_id in stack if view_id not in ids]
            self._note("view", subject=view.user)
            return closed

    # -- files --------------------------------------------------------------------------------------------------------

    def put_file(self, file: StoredFile) -> StoredFile:
        with self.lock:
            self._files[file.id] = file
            self._note("file", subject=file.id)
            return file

    def file(self, file_id: str) -> StoredFile | None:
        with self.lock:
            return self._files.get(file_id)

    def files(self) -> tuple[StoredFile, ...]:
        with self.lock:
            return tuple(self._files.values())


_Kind = Literal["posted", "updated", "deleted", "view", "channel", "file", "notice"]


def new_id(prefix: str) -> str:
    """A new, unique id in Slack's form."""
    return prefix + secrets.token_hex(5).upper()


def with_ids(blocks: Iterable[JsonObject]) -> tuple[JsonObject, ...]:
    """The blocks with generated ids for blocks and elements that have none, as Slack does."""
    return tuple(_identified(block) for block in blocks)


def _identified(block: JsonObject) -> JsonObject:
    filled: JsonObject = {**block, "block_id": block.get("block_id") or secrets.token_hex(3)}
    for key in ("accessory", "element"):
        if _is_interactive(block.get(key)):
            filled[key] = {**block[key], "action_id": block[key].get("action_id") or secrets.token_hex(3)}
    if block.get("type") == "actions":
        filled["elements"] = [
            {**element, "action_id": element.get("action_id") or secrets.token_hex(3)} for element in block["elements"]
        ]
    return filled


def _is_interactive(element: object) -> bool:
    return isinstance(element, dict) and element.get("type") not in {None, "image"}
