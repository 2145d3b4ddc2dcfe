"""A request on its way: hops are added one by one until it breaks, leaves or arrives; what could not be read stays unknown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from checks.facts.fact import Fact, Unreadable
from checks.facts.view import Facts
from checks.istio.route.obstacles import Cause, name_of
from checks.istio.route.rules import RouteKind
from checks.knowledge.route_answers import ANSWERS, application_answer
from checks.model.route import Decision, Hop, HopName, Mark, Outcome, Rival


@dataclass(frozen=True, slots=True)
class Dial:
    """What an application dials: a scheme (`http`, `https`, `tcp`), the kind of rule that can take it, and the port."""

    scheme: str
    kind: RouteKind
    port: int
    host: str

    def __str__(self) -> str:
        usual = {"http": 80, "https": 443}.get(self.scheme) == self.port
        return f"{self.scheme}://{self.host}" + ("" if usual else f":{self.port}")


@dataclass(slots=True)
class Walk:
    """The hops so far and, once it has ended, how."""

    dial: Dial
    hops: list[Hop] = field(default_factory=list)
    outcome: Outcome | None = None
    cause: Cause | None = None
    answer: str = ""
    address: str = ""

    @property
    def ended(self) -> bool:
        return self.outcome is not None

    @property
    def unsure(self) -> bool:
        """Whether something on the way could not be read."""
        return any(hop.mark is Mark.UNKNOWN for hop in self.hops)

    def passes(
        self,
        name: HopName,
        says: str,
        decided: Sequence[Decision] = (),
        rivals: Iterable[Rival] = (),
        doubts: Iterable[str] = (),
    ) -> None:
        """The hop lets the request through."""
        worries = tuple(dict.fromkeys(doubts))
        mark = Mark.DOUBTS if worries else Mark.PASSES
        self.hops.append(Hop(name, mark, says, tuple(decided), tuple(rivals), worries))

    def breaks(
        self,
        name: HopName,
        cause: Cause,
        says: str,
        decided: Sequence[Decision] = (),
        rivals: Iterable[Rival] = (),
        said: str = "",
    ) -> None:
        """The request ends here; `said` replaces the usual answer of the fault."""
        fault = name_of(cause)
        self._stop(Outcome.FAILS, cause)
        self.address = ""
        self.answer = said or application_answer(fault, self.dial.scheme)
        self.hops.append(Hop(name, Mark.BREAKS, says, tuple(decided), tuple(rivals), (), fault, ANSWERS[fault].finding))

    def leaves(
        self,
        name: HopName,
        cause: Cause,
        says: str,
        address: str,
        decided: Sequence[Decision] = (),
        rivals: Iterable[Rival] = (),
        outcome: Outcome = Outcome.BYPASSES,
    ) -> None:
        """The request goes on from here to its destination, but past this gateway, with that address."""
        fault = name_of(cause)
        self._stop(outcome, cause)
        self.address = address
        self.answer = "the destination's answer, to another address than the gateway's"
        self.hops.append(Hop(name, Mark.LEAVES, says, tuple(decided), tuple(rivals), (), fault, ANSWERS[fault].finding))

    def unknown(self, name: HopName, why: Unreadable | str, decided: Sequence[Decision] = (), *, ends: bool) -> None:
        """The hop could not be judged; `ends` where nothing after it can be followed either."""
        reason = f"not checked: {why.gap}" if isinstance(why, Unreadable) else why
        self.hops.append(Hop(name, Mark.UNKNOWN, reason, tuple(decided)))
        if ends:
            self.outcome = Outcome.UNKNOWN

    def _stop(self, outcome: Outcome, cause: Cause) -> None:
        self.outcome = outcome
        self.cause = cause

    def finished(self) -> tuple[Hop, ...]:
        """All hops in order, those that the request never reaches as such."""
        reached = {hop.name for hop in self.hops}
        rest = [name for name in HopName if name not in reached]
        if self.outcome in (Outcome.BYPASSES, Outcome.ELSEWHERE):
            rest = [name for name in rest if name is not HopName.DESTINATION]
        order = list(HopName)
        beyond = [Hop(name, Mark.BEYOND) for name in rest]
        return tuple(sorted([*self.hops, *beyond], key=lambda hop: order.index(hop.name)))


def readable(facts: Facts, kinds: Iterable[type[Fact]]) -> Unreadable | None:
    """The first gap among these kinds, as the exception that a check would meet; None where all of them were read."""
    for kind in kinds:
        if (gap := facts.gap(kind)) is not None:
            return Unreadable(gap)
    return None
