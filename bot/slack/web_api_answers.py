"""The answers of Slack's Web API that the bot reads, each with the fields that it needs.

An answer without them is not one of Slack's: a proxy may have written it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StrictBool, StringConstraints

_Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
_Moment = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}\.[0-9]{1,9}$")]
_Url = Annotated[str, StringConstraints(pattern=r"^https?://", max_length=4000)]


MOST_TEXT = 8000
"""Characters of a message that are read."""

MOST_DEPTH = 12
"""Levels of the parts of a message that are read."""


class SlackAnswer(BaseModel):
    """An answer of which no field is read."""

    model_config = ConfigDict(frozen=True)

    ok: StrictBool


class MessageAnswer(SlackAnswer):
    """The place of a posted or edited message."""

    channel: _Id
    ts: _Moment


class _OpenView(BaseModel):
    id: _Id


class ViewAnswer(SlackAnswer):
    """An opened form."""

    view: _OpenView


class UploadAnswer(SlackAnswer):
    """The address and id of a file to upload."""

    upload_url: _Url
    file_id: _Id


class PermalinkAnswer(SlackAnswer):
    """The permalink of a message."""

    permalink: _Url


class MembersAnswer(SlackAnswer):
    """The members of a user group."""

    users: list[_Id]


class IdentityAnswer(SlackAnswer):
    """The names of the bot and its workspace."""

    user: str = ""
    team: str = ""
    team_id: str = ""
    url: str = ""


class CanvasAnswer(SlackAnswer):
    """The ID of a new canvas."""

    canvas_id: _Id


class _Next(BaseModel):
    next_cursor: str | None = None


class MessagesAnswer(SlackAnswer):
    """A page of messages, by anyone and therefore of any shape."""

    messages: list[Any]
    response_metadata: _Next | None = None

    @property
    def next_cursor(self) -> str | None:
        """The cursor of the next page; None on the last one."""
        return (self.response_metadata.next_cursor or None) if self.response_metadata is not None else None

    def moments(self, event: str, about: Mapping[str, str]) -> Sequence[str]:
        """The `ts` of each message with this metadata."""
        wanted = {"event_type": event, "event_payload": dict(about)}
        return [
            each["ts"]
            for each in self.messages
            if isinstance(each, dict) and _contains(each.get("metadata"), wanted) and isinstance(each.get("ts"), str)
        ]

    def texts(self) -> Sequence[tuple[str, str]]:
        """The `ts` and all visible text of each message, also of its blocks and attachments."""
        found = ((each, each.get("ts")) for each in self.messages if isinstance(each, dict))
        return [(ts, "\n".join(_texts(each))[:MOST_TEXT]) for each, ts in found if isinstance(ts, str)]

    def by_apps(self, event: str) -> "MessagesAnswer":
        """Only the messages of other apps, which do not have our metadata."""
        mine = {"event_type": event}
        found = [
            each
            for each in self.messages
            if isinstance(each, dict)
            and (each.get("bot_id") or each.get("subtype") == "bot_message")
            and not _contains(each.get("metadata"), mine)
        ]
        return MessagesAnswer(ok=True, messages=found)

    def has_file(self, name: str) -> bool:
        """Whether a message has a file of this name."""
        files = (each.get("files") for each in self.messages if isinstance(each, dict))
        return any(_contains(file, {"name": name}) for found in files if isinstance(found, list) for file in found)


_TEXTS = ("pretext", "title", "text", "value", "fallback")
_PARTS = ("blocks", "attachments", "fields", "elements", "text")


def _texts(part: object, depth: int = 0) -> Iterator[str]:
    """The texts of a message and of its parts."""
    if isinstance(part, list):
        for each in part:
            yield from _texts(each, depth + 1)
    if not isinstance(part, dict) or depth > MOST_DEPTH:
        return
    yield from (each for name in _TEXTS if isinstance(each := part.get(name), str))
    for name in _PARTS:
        yield from _texts(part.get(name), depth + 1)


def _contains(value: object, wanted: Mapping[str, object]) -> bool:
    return isinstance(value, dict) and all(value.get(key) == expected for key, expected in wanted.items())
