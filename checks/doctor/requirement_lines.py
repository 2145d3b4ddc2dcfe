"""What `egress-diag doctor` says: a line for each requirement, what is wrong with it and how to mend it. Pure.

The parts that try things are found by entry point (group `egress_diag.doctor`), so that no process loads what belongs to
another: each is a function from `Asked` to lines, beside a tuple `REQUIREMENTS` of all that it knows.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any

SCHEMA = "egress-diag/doctor/v1"


class State(StrEnum):
    """How one requirement stands. `risk`: it works, and something should be known about it."""

    WELL = "well"
    RISK = "risk"
    WRONG = "wrong"
    UNTRIED = "untried"
    """It could not be tried from here: neither well nor wrong."""


MARKS = {State.WELL: "ok", State.RISK: "risk", State.WRONG: "WRONG", State.UNTRIED: "?"}

EXITS = {State.WELL: 0, State.RISK: 0, State.WRONG: 1, State.UNTRIED: 3}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command was asked. `config` is what `--config` said; `insisted`: this part was named by `--only`, so that
    credentials which are not here are missing, and not those of another process."""

    config: str | None = None
    insisted: bool = False


@dataclass(frozen=True, slots=True)
class Requirement:
    """Something that has to hold: `name` is stable and unique, `remedy` says how to mend it where nothing closer is known."""

    part: str
    name: str
    title: str
    remedy: str

    def well(self, observed: str, subject: str = "") -> "Line":
        """It holds."""
        return Line(self, State.WELL, observed, subject)

    def risk(self, observed: str, subject: str = "", remedy: str = "") -> "Line":
        """It holds, and something should be known about it."""
        return Line(self, State.RISK, observed, subject, remedy or self.remedy)

    def wrong(self, observed: str, subject: str = "", remedy: str = "") -> "Line":
        """It does not hold."""
        return Line(self, State.WRONG, observed, subject, remedy or self.remedy)

    def untried(self, observed: str, subject: str = "", remedy: str = "") -> "Line":
        """Whether it holds could not be tried; `observed` says why."""
        return Line(self, State.UNTRIED, observed, subject, remedy)


@dataclass(frozen=True, slots=True)
class Line:
    """How a requirement stands for one subject (a cluster, a scope, a channel), what was seen, and how to mend it."""

    requirement: Requirement
    state: State
    observed: str
    subject: str = ""
    remedy: str = ""


def worst(lines: Iterable[Line]) -> State:
    """The state of the whole: wrong before untried before risk. Nothing tried at all is untried."""
    found = {line.state for line in lines}
    return next((s for s in (State.WRONG, State.UNTRIED, State.RISK, State.WELL) if s in found), State.UNTRIED)


def to_json(lines: Sequence[Line]) -> dict[str, Any]:
    """The lines as a document; fields may be added, never renamed."""
    return {
        "schema": SCHEMA,
        "result": worst(lines).value,
        "lines": [
            {
                "part": line.requirement.part,
                "requirement": line.requirement.name,
                "title": line.requirement.title,
                "subject": line.subject,
                "state": line.state.value,
                "observed": line.observed,
                "remedy": line.remedy,
            }
            for line in lines
        ],
    }


def text(lines: Sequence[Line]) -> Iterator[str]:
    """The lines for a terminal: what is well in one line a requirement, everything else in full, then a summary."""
    for part, of_part in groupby(lines, key=lambda line: line.requirement.part):
        yield part
        for _, same in groupby(of_part, key=lambda line: (line.requirement, line.state)):
            yield from _told(list(same))
    yield ""
    yield summary(lines)


def _told(lines: list[Line]) -> Iterator[str]:
    if lines[0].state is State.WELL and len(lines) > 1:
        names = ", ".join(dict.fromkeys(line.subject for line in lines if line.subject))
        yield _head(lines[0], f"{len(lines)} ({_cut(names)})" if names else str(len(lines)))
        return
    for line in lines:
        yield _head(line, f"{line.subject}: {line.observed}" if line.subject else line.observed)
        if line.remedy:
            yield from textwrap.wrap(
                line.remedy, 110, initial_indent=" " * 8 + "mend: ", subsequent_indent=" " * 14, break_long_words=False
            )


def _head(line: Line, rest: str) -> str:
    return f"  {MARKS[line.state]:<5} {line.requirement.title}: {rest}"


def _cut(names: str) -> str:
    return names if len(names) <= 100 else f"{names[:97].rsplit(', ', 1)[0]}, …"


def summary(lines: Sequence[Line]) -> str:
    """One sentence on the whole."""
    number = {state: sum(line.state is state for line in lines) for state in State}
    told = [
        f"{number[state]} {words}"
        for state, words in (
            (State.WRONG, "wrong"),
            (State.UNTRIED, "could not be tried"),
            (State.RISK, "at risk"),
            (State.WELL, "well"),
        )
        if number[state]
    ]
    return ", ".join(told) or "nothing was tried"
