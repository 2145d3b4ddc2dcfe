"""The messages that Slack shows for a document, and the outcome of a delivery."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Delivered:
    """The message last posted for a slot of a document: its place, a digest of its content.

    An attempt is recorded before the post, because Slack's answer can be lost. Its `ts` is "?", then the time. The `ts` of a
    message that Slack refuses is empty.
    """

    slot: str
    channel: str
    ts: str
    digest: str

    @classmethod
    def attempt(cls, slot: str, channel: str, began: float) -> "Delivered":
        """A post that begins now; `began` is in seconds since 1970."""
        return cls(slot, channel, f"?{began:.6f}", "")

    @property
    def unanswered(self) -> bool:
        """Whether a post began and its answer is not known."""
        return self.ts.startswith("?")

    @property
    def began(self) -> str:
        """The time at which the post of an attempt began, as Slack writes times."""
        return self.ts.removeprefix("?")


@dataclass(frozen=True, slots=True)
class Deliveries:
    """The messages posted for a document by slot, and the revision that they show."""

    slots: dict[str, Delivered] = field(default_factory=dict)
    revision: int = 0


@dataclass(frozen=True, slots=True)
class DeliveryFailure:
    """Failed deliveries of a document, without success in between.

    `code` is the last error code, `count` the number of attempts. `since` and `last` are the times of the first and the last
    failure, in seconds since 1970.
    """

    code: str
    count: int
    since: float
    last: float

    @property
    def seconds(self) -> float:
        """Seconds from the first failure to the last."""
        return self.last - self.since


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """The outcome of a delivery: complete, or to repeat after `retry_seconds`.

    `limited` if Slack refuses until then; `refused` if the delivery was given up. A complete document is delivered again after
    `search_seconds`, because a lost post may still arrive.
    """

    retry_seconds: float | None = None
    limited: bool = False
    refused: bool = False
    search_seconds: float | None = None

    @property
    def label(self) -> str:
        """The outcome as a label of the metrics."""
        if self.retry_seconds is None:
            return "refused" if self.refused else "shown"
        return "limited" if self.limited else "again"
