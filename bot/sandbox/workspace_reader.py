"""The content of a workspace as its users see it: messages, threads, forms and files."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from bot.sandbox.model.state import StoredFile, StoredMessage, View, WorkspaceChange
from bot.sandbox.model.workspace import Workspace

_T = TypeVar("_T")


class WorkspaceReader:
    """Reads a workspace as its users see it, for tests and the demo."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def messages(self, channel: str = "C0OPS", *, user: str | None = None) -> tuple[StoredMessage, ...]:
        """The top-level messages of a channel, oldest first.

        With `user`, the ephemeral messages to that person are included.
        """
        return tuple(m for m in self.workspace.messages(channel) if not m.is_reply and m.only_for in {None, user})

    def thread(
        self, parent: StoredMessage | str, ts: str | None = None, *, user: str | None = None
    ) -> tuple[StoredMessage, ...]:
        """The replies to a message, which is given as a message or as channel and ts."""
        channel = parent.channel if isinstance(parent, StoredMessage) else parent
        root = (parent.thread_ts or parent.ts) if isinstance(parent, StoredMessage) else ts
        found = self.workspace.messages(channel)
        return tuple(m for m in found if m.is_reply and m.thread_ts == root and m.only_for in {None, user})

    def ephemerals(self, *, user: str | None = None, channel: str | None = None) -> tuple[StoredMessage, ...]:
        """The ephemeral messages."""
        found = (m for m in self.workspace.all_messages() if m.only_for is not None)
        return tuple(m for m in found if user in {None, m.only_for} and channel in {None, m.channel})

    def latest(self, message: StoredMessage) -> StoredMessage | None:
        """The current state of a message; None if it was deleted."""
        return self.workspace.message(message.channel, message.ts)

    def view(self, user: str = "U0ALICE") -> View | None:
        """The top open modal of this person."""
        return (self.workspace.stack(user) or (None,))[-1]

    def views(self, user: str = "U0ALICE") -> tuple[View, ...]:
        """The open modals of this person, the top one last."""
        return self.workspace.stack(user)

    def home(self, user: str = "U0ALICE") -> View | None:
        """The App Home of this person."""
        return self.workspace.home(user)

    def files(self) -> tuple[StoredFile, ...]:
        """Every uploaded file, oldest first."""
        return self.workspace.files()

    def changes(self) -> tuple[WorkspaceChange, ...]:
        """The changes of messages, in order."""
        return tuple(change for change in self.workspace.changes() if change.message is not None)

    def wait_until(self, condition: Callable[[], _T | None], timeout: float = 90.0) -> _T:
        """Wait for the condition and return its first truthy value.

        The TimeoutError quotes the latest messages.
        """
        deadline = time.monotonic() + timeout
        while True:
            found = condition()
            if found:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                shown = [f"{m.channel} {m.ts} {m.shown}" for m in self.workspace.all_messages()]
                raise TimeoutError(
                    f"the condition was not met within {timeout} s; latest messages:\n" + "\n".join(shown[-20:])
                )
            with self.workspace.changed:
                self.workspace.changed.wait(min(left, 0.05))
