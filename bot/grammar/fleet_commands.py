"""What people can ask of whole fleets, as values."""

from dataclasses import dataclass
from datetime import timedelta

from workers.runs.records import Target


@dataclass(frozen=True, slots=True)
class HandOver:
    """`handoff [8h] [@next] [note…]`: the shift's summary, as a draft first."""

    span: timedelta
    to: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class DigestList:
    """`digest` or `digest list`: this channel's digests."""


@dataclass(frozen=True, slots=True)
class DigestAdd:
    """`digest add`: the form."""


@dataclass(frozen=True, slots=True)
class DigestRemove:
    """`digest remove N`: the one with this number in the list, or this id; "" asks which."""

    which: str


@dataclass(frozen=True, slots=True)
class DigestNow:
    """`digest now`: one at once."""


@dataclass(frozen=True, slots=True)
class MuteFault:
    """`mute <cluster> <gateway> <check> <7d> <reason…>`."""

    target: Target
    check: str
    span: timedelta
    reason: str


@dataclass(frozen=True, slots=True)
class Unmute:
    """`unmute <cluster> <gateway> <check>`."""

    target: Target
    check: str


FleetCommand = HandOver | DigestList | DigestAdd | DigestRemove | DigestNow | MuteFault | Unmute
