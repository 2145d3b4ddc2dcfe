"""What reading a cluster brings, one answer at a time, and how each gets into the store. Pure."""

from dataclasses import dataclass
from typing import assert_never

from checks.facts.fact import Fact, Gap
from checks.facts.store import FactStore


@dataclass(frozen=True, slots=True)
class Found:
    """One read brought these facts."""

    kind: type[Fact]
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """One read failed."""

    kind: type[Fact]
    gap: Gap


@dataclass(frozen=True, slots=True)
class Absent:
    """The cluster does not have this kind."""

    kind: type[Fact]


@dataclass(frozen=True, slots=True)
class NotConfigured:
    """This kind is not looked at by configuration."""

    kind: type[Fact]


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing more of this kind will come."""

    kind: type[Fact]


Reading = Found | Failed | Absent | NotConfigured | Closed


def record(store: FactStore, reading: Reading) -> None:
    """Puts one reading into the store."""
    match reading:
        case Found(kind, facts):
            store.add(kind, facts)
        case Failed(kind, gap):
            store.add_gap(kind, gap)
        case Absent(kind):
            store.add_absent(kind)
        case NotConfigured(kind):
            store.add_not_configured(kind)
        case Closed(kind):
            store.close(kind)
        case _:
            assert_never(reading)
