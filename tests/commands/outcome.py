"""The result of all printed commands, counted and listed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.commands.kubectl_lane import Tried
from tests.commands.real_kubectl import Answer

PROBLEMS = (Answer.REFUSED, Answer.UNCHANGED)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A printed text that a program refuses, or that changes nothing although it should."""

    where: str
    text: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}\n    {self.text}\n    {self.message}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answers of kubectl and its server, and the refusals of azure-cli and egress-diag.

    `azure` and `own` are the numbers of parsed commands; `unloaded` are recorded objects that the server does not accept.
    """

    tried: Sequence[Tried]
    azure: int
    own: int
    refusals: Sequence[Refusal]
    unloaded: Sequence[str]

    @property
    def problems(self) -> list[Refusal]:
        """All refusals, those of kubectl first."""
        kubectl = [
            Refusal(each.situation, each.printed.text, f"{each.result.answer.value}: {each.result.message}")
            for each in self.tried
            if each.result.answer in PROBLEMS
        ]
        return [*kubectl, *self.refusals]

    def lines(self) -> Iterator[str]:
        """The summary, one line for each program, after the refusals."""
        for each in self.problems:
            yield f"{each}\n"
        for name in self.unloaded:
            yield f"not loaded: {name}"
        counts = Counter(each.result.answer for each in self.tried)
        texts = {each.printed.text for each in self.tried}
        shown = ", ".join(f"{counts[answer]} {answer.value}" for answer in Answer if counts[answer])
        later = sum(each.after for each in self.tried)
        calls = f"{len(self.tried)} calls on different objects"
        yield f"kubectl: {len(texts)} commands, {calls}: {shown}; {later} after earlier steps"
        yield f"azure-cli: {self.azure} commands parsed; egress-diag: {self.own} commands parsed"
        yield f"refused: {len(self.problems)}"
