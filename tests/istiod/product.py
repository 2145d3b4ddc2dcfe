"""An answer to the judge's questions."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resolved:
    """The outcome of a request; `status` is None if it ends without an HTTP status."""

    outcome: str  # through, bypasses, fails, mixed or unknown
    status: int | None = None
    answer: str = ""
