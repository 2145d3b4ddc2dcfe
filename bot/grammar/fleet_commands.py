"""The commands for handoffs, digests and mutes, as values."""

from dataclasses import dataclass
from datetime import timedelta

from workers.records.run import Target


@dataclass(frozen=True, slots=True)
class HandOver:
    """`handoff [8h] [@next] [note…]`: draft the handoff of a shift."""

    span: timedelta
    to: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class DigestList:
    """`digest` or `digest list`: list the digests of the channel."""


@dataclass(frozen=True, slots=True)
class DigestAdd:
    """`digest add`: open the form to add a digest."""


@dataclass(frozen=True, slots=True)
class DigestRemove:
    """`digest remove N`: remove the digest with this number or id; without one, list them."""

    which: str


@dataclass(frozen=True, slots=True)
class DigestNow:
    """`digest now`: post a digest now."""


@dataclass(frozen=True, slots=True)
class MuteFault:
    """`mute <cluster> <gateway> <check> <7d> <reason…>`: mute a fault of a gateway."""

    target: Target
    check: str
    span: timedelta
    reason: str


@dataclass(frozen=True, slots=True)
class Unmute:
    """`unmute <cluster> <gateway> <check>`: end a mute."""

    target: Target
    check: str


FleetCommand = HandOver | DigestList | DigestAdd | DigestRemove | DigestNow | MuteFault | Unmute
