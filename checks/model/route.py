"""The route of a host as a value.

It has every hop of a request, the objects that decided it, and the outcome. It holds only text and enums, and is the
source of the JSON, text, Markdown and Slack forms.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import AliasChoices, Field, with_config


class HopName(StrEnum):
    """The hops of a request, in order."""

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
    """The state of a request at a hop."""

    PASSES = "passes"
    DOUBTS = "doubts"
    """It passes, with a warning."""
    BREAKS = "breaks"
    LEAVES = "leaves"
    """It bypasses this gateway."""
    UNKNOWN = "unknown"
    BEYOND = "beyond"
    """Not reached."""


class Outcome(StrEnum):
    """The outcome of a request as people read it."""

    THROUGH = "through"
    BYPASSES = "bypasses"
    ELSEWHERE = "elsewhere"
    """It is routed to another gateway or Service of the cluster."""
    FAILS = "fails"
    MIXED = "mixed"
    """Only a part of the requests goes through the gateway.

    The part is determined by weight, revision or pod.
    """
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Decision:
    """An object and field that decided a hop, the chosen value, and the reason."""

    resource: str
    field: str
    chosen: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Rival:
    """An object that competed at a hop and was not used, and the reason."""

    resource: str
    why: str


@with_config(serialize_by_alias=True)
@dataclass(frozen=True, slots=True)
class Hop:
    """One hop of a request, with its result in one line.

    If the request fails or bypasses the gateway here, `cause` is the fault and `finding` the code of the check that
    reports it."""

    name: Annotated[HopName, Field(alias="hop")]
    mark: Mark
    result: Annotated[str, Field(alias="says")] = ""
    decided: tuple[Decision, ...] = ()
    rivals: tuple[Rival, ...] = ()
    doubts: tuple[str, ...] = ()
    cause: str = ""
    finding: str = ""


@dataclass(frozen=True, slots=True)
class Correction:
    """A corrected object.

    `manifest` is the complete YAML to apply ("" if only a command fixes it), `command` the smallest change, `elsewhere`
    its effect on other hosts, `undo` the command that takes it back, or a sentence if there is none.
    """

    title: str
    resource: str
    command: str
    manifest: str
    elsewhere: str
    undo: str = ""


@with_config(serialize_by_alias=True)
@dataclass(frozen=True, slots=True)
class TracedRequest:
    """One kind of request, from clients for which the outcome is the same.

    `meant`: whether the gateway is configured for this scheme. `answer` is the response that the application gets,
    `address` the source IP address that the destination sees ("" if the request does not arrive)."""

    scheme: str
    port: int
    clients: Annotated[tuple[str, ...], Field(alias="from")]
    outcome: Outcome
    meant: bool
    summary: str
    answer: str
    address: Annotated[
        str, Field(validation_alias=AliasChoices("source_address", "address"), serialization_alias="source_address")
    ]
    hops: tuple[Hop, ...]
    corrections: tuple[Correction, ...] = ()
    revision: str = ""
    """The mesh revision of the gateway pods, if the outcome differs between revisions."""

    @property
    def broken(self) -> Hop | None:
        """The first hop at which the request fails or bypasses the gateway, or None."""
        return next((hop for hop in self.hops if hop.mark in (Mark.BREAKS, Mark.LEAVES)), None)

    @property
    def cause(self) -> str:
        """The fault at the broken hop; "" without one."""
        return self.broken.cause if self.broken is not None else ""


@with_config(serialize_by_alias=True)
@dataclass(frozen=True, slots=True)
class Route:
    """All kinds of requests for a host.

    `known` is False if no object mentions the host; `gateway_hosts` are then the hosts that the gateway routes. `problem`
    is the reason why nothing was traced, `nearest` are similar names."""

    host: str
    gateway: str
    summary: str
    requests: Annotated[tuple[TracedRequest, ...], Field(validation_alias=AliasChoices("requests", "ways"))] = ()
    known: bool = True
    gateway_hosts: Annotated[tuple[str, ...], Field(alias="carries")] = ()
    problem: str = ""
    nearest: tuple[str, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The outcome of all requests.

        Mixed if they differ, unknown if one is unknown or nothing was traced.
        """
        found = {each.outcome for each in self.requests}
        if not found or Outcome.UNKNOWN in found:
            return Outcome.UNKNOWN
        return found.pop() if len(found) == 1 else Outcome.MIXED

    @property
    def routed(self) -> bool:
        """Whether every request for which the gateway is configured goes through it.

        False if that is unknown.
        """
        meant = [each for each in self.requests if each.meant]
        return bool(meant) and all(each.outcome is Outcome.THROUGH for each in meant)

    def first_broken(self) -> Iterator[tuple[TracedRequest, Hop]]:
        """Each broken request for which the gateway is configured, with its broken hop."""
        for each in self.requests:
            if each.meant and each.broken is not None:
                yield each, each.broken
