"""A fault of a request's route.

It has a sentence, the field that shows it, the check that reports it, and the fix.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from checks.facts.changes import ObjectChange
from checks.facts.fact import KubernetesObject
from checks.istio.faults.definition.broken_request import BrokenRequest
from checks.model.findings import Action, Evidence, Involved
from checks.model.route import HopName

ROUTE_CHECK = "virtual-service-route-broken"
"""The check of routing rules; it also reports the faults that no other check reports."""


@dataclass(frozen=True, slots=True)
class Fix:
    """A possible fix: an ordered set of changes, which is proved before it is offered."""

    title: str
    changes: tuple[ObjectChange, ...] = ()
    url: str = ""
    steps: tuple[Action, ...] = ()
    """Steps after the changes that no trial can prove, such as labels, restarts and Secrets."""
    rest: str = ""
    """The clause about the work that the changes leave, "" if none."""
    instead: tuple[Action, ...] = ()
    """Steps of people that are possible instead of the changes; each is complete."""


class RouteFault(ABC):
    """One fault. Each kind is a class of its own: its texts, evidence and fixes belong to it.

    A fault is a hypothesis until its fix is proved, or until `certain`: then the proxy's decision names it."""

    name: ClassVar[str]
    """In JSON and tests, for example `not-exported-to-clients`."""
    hop: ClassVar[HopName]
    check: ClassVar[str]
    """The slug of the check that reports it."""
    certain: ClassVar[bool] = False
    """Whether the proxy's own decision proves it, without a fix."""
    remaining: ClassVar[bool] = False
    """Whether it is certain only if no other fault can be proved."""
    conditional: ClassVar[bool] = False
    """Whether it depends on what clients send and objects do not show, such as tokens."""
    undecided: ClassVar[bool] = False
    """Whether all proved fixes are offered: objects do not show which is the right one."""

    @abstractmethod
    def sentence(self) -> str:
        """The sentence that names the fault, without a full stop.

        The consequence for requests is added to it.
        """

    @abstractmethod
    def evidence(self) -> tuple[Evidence, ...]:
        """The fields that show it."""

    def fixes(self, broken: BrokenRequest) -> Iterator[Fix]:
        """Possible fixes, the smallest change first; none if only a person can decide."""
        yield from ()

    def shown(self) -> tuple[KubernetesObject, ...]:
        """The objects to show before anything is changed."""
        return ()

    def involved(self) -> tuple[Involved, ...]:
        """The objects that it is about, besides the host."""
        return ()
