"""A traced route as a value: every hop of a request, what decided it, what competed and lost, and what becomes of it.

Only text and marks, so that a report can hold it, JSON can carry it, and every written form can be drawn from it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

_BY_JSON_NAME = ConfigDict(serialize_by_alias=True)


class HopName(StrEnum):
    """The hops of a request, in their order."""

    CLIENT = "client"
    SIDECAR = "sidecar"
    MESH_ROUTE = "route at the sidecar"
    SERVICE = "gateway Service"
    SERVER = "Gateway server"
    GATEWAY_ROUTE = "route at the gateway"
    ENTRY = "destination in the mesh"
    STATIC_EGRESS = "static egress"
    DESTINATION = "destination"


class Mark(StrEnum):
    """What becomes of the request at a hop."""

    PASSES = "passes"
    DOUBTS = "doubts"
    """It passes, and something about the hop may do harm."""
    BREAKS = "breaks"
    LEAVES = "leaves"
    """It goes on, but no longer towards this gateway."""
    UNKNOWN = "unknown"
    BEYOND = "beyond"
    """It never gets there."""


class Outcome(StrEnum):
    """What becomes of requests on a way."""

    THROUGH = "through"
    BYPASSES = "bypasses"
    ELSEWHERE = "elsewhere"
    """Another gateway or Service of the cluster takes them."""
    FAILS = "fails"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Decision:
    """One object and field that decided at a hop, what was chosen, and why it was this one."""

    resource: str
    field: str
    chosen: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Rival:
    """An object that competed at a hop and lost, and why."""

    resource: str
    why: str


@dataclass(frozen=True, slots=True)
class Hop:
    """One hop. `says` is one line; `cause` names the fault where it breaks or leaves, and `finding` the check's code that
    tells it in full."""

    name: Annotated[HopName, Field(alias="hop")]
    mark: Mark
    says: str = ""
    decided: tuple[Decision, ...] = ()
    rivals: tuple[Rival, ...] = ()
    doubts: tuple[str, ...] = ()
    cause: str = ""
    finding: str = ""
    __pydantic_config__: ClassVar[ConfigDict] = _BY_JSON_NAME


@dataclass(frozen=True, slots=True)
class Correction:
    """A corrected object: `manifest` is the whole of it as YAML that can be applied ("" where only a command mends it),
    `command` the smallest change, `elsewhere` what that changes for other hosts."""

    title: str
    resource: str
    command: str
    manifest: str
    elsewhere: str


@dataclass(frozen=True, slots=True)
class Way:
    """The way of one kind of request from clients that fare alike.

    `meant`: whether the gateway is set up for this scheme at all. `answer` is what the application sees, `address` the
    source address that the destination sees ("" where nothing arrives)."""

    scheme: str
    port: int
    clients: Annotated[tuple[str, ...], Field(alias="from")]
    outcome: Outcome
    meant: bool
    summary: str
    answer: str
    address: str
    hops: tuple[Hop, ...]
    corrections: tuple[Correction, ...] = ()
    revision: str = ""
    """The mesh revision of gateway pods for which it holds, where revisions differ."""
    __pydantic_config__: ClassVar[ConfigDict] = _BY_JSON_NAME

    @property
    def broken(self) -> Hop | None:
        """The first hop at which the request breaks or leaves the way."""
        return next((hop for hop in self.hops if hop.mark in (Mark.BREAKS, Mark.LEAVES)), None)

    @property
    def cause(self) -> str:
        """The fault at the hop that decides; "" where there is none."""
        return self.broken.cause if self.broken is not None else ""


@dataclass(frozen=True, slots=True)
class Route:
    """All ways of a host. `carries` are the hosts of the gateway, for when the asked one is unknown (`known` is False);
    `problem` says why nothing could be traced, with `nearest` names of what may have been meant."""

    host: str
    gateway: str
    summary: str
    ways: tuple[Way, ...] = ()
    known: bool = True
    carries: tuple[str, ...] = ()
    problem: str = ""
    nearest: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether every request that the gateway is set up for gets through it. Never true of what could not be read."""
        meant = [way for way in self.ways if way.meant]
        return bool(meant) and all(way.outcome is Outcome.THROUGH for way in meant)

    def first_broken(self) -> Iterator[tuple[Way, Hop]]:
        """Each way that was meant and does not get through, with the hop that decides."""
        for way in self.ways:
            if way.meant and way.broken is not None:
                yield way, way.broken
