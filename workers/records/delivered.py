"""The messages that Slack shows for a document."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Delivered:
    """The message last posted for a slot of a document: its place, a digest of its content."""

    slot: str
    channel: str
    ts: str
    digest: str


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The messages posted for a document by slot, and the revision that they show."""

    slots: dict[str, Delivered] = field(default_factory=dict)
    revision: int = 0
