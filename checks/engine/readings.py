"""Readings: the results of single reads of a cluster, and their storage.

They are in the order of their arrival.
"""

from dataclasses import dataclass
from typing import assert_never

from checks.facts.fact import Fact, Gap
from checks.facts.store import FactStore


@dataclass(frozen=True, slots=True)
class Found:
    """A read returned these facts."""

    kind: type[Fact]
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """A read failed."""

    kind: type[Fact]
    gap: Gap


@dataclass(frozen=True, slots=True)
class Absent:
    """The cluster does not have this CustomResourceDefinition."""

    kind: type[Fact]


@dataclass(frozen=True, slots=True)
class NotConfigured:
    """The configuration excludes this kind from reading."""

    kind: type[Fact]


@dataclass(frozen=True, slots=True)
class Closed:
    """All reads of this kind have ended."""

    kind: type[Fact]


Reading = Found | Failed | Absent | NotConfigured | Closed


def record(store: FactStore, reading: Reading) -> None:
    """Add a reading to the store."""
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
