"""Doctor's requirements and their results. Pure.

A result is the state of a requirement, the observation and the fix.

The parts are entry points (group `egress_diag.doctor`): no process loads another's dependencies. Each part is a function
from `DoctorOptions` to lines; its module also has the tuple `REQUIREMENTS` of all that it checks.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Annotated, Any

from pydantic import Field, SerializerFunctionWrapHandler, TypeAdapter, WrapSerializer, with_config

_SCHEMA = "egress-diag/doctor/v1"


class State(StrEnum):
    """The result for one requirement. `risk`: it is met, with a warning."""

    WELL = "well"
    RISK = "risk"
    WRONG = "wrong"
    UNTRIED = "untried"
    """Not checked: neither met nor failed."""


MARKS = {State.WELL: "pass", State.RISK: "warning", State.WRONG: "fail", State.UNTRIED: "not checked"}

EXITS = {State.WELL: 0, State.RISK: 0, State.WRONG: 1, State.UNTRIED: 3}


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """The options of the command.

    `config` is the value of `--config`. `selected`: `--only` names this part, so missing credentials are a failure;
    otherwise they may belong to another process.
    """

    config: str | None = None
    selected: bool = False


@dataclass(frozen=True, slots=True)
class Requirement:
    """A condition to be met: `name` is stable and unique, `fix` is the default fix."""

    part: str
    name: str
    title: str
    fix: str

    def well(self, observed: str, subject: str = "") -> "DoctorLine":
        """The requirement is met."""
        return DoctorLine(self, State.WELL, observed, subject)

    def risk(self, observed: str, subject: str = "", fix: str = "") -> "DoctorLine":
        """The requirement is met, with a warning."""
        return DoctorLine(self, State.RISK, observed, subject, fix or self.fix)

    def wrong(self, observed: str, subject: str = "", fix: str = "") -> "DoctorLine":
        """The requirement is not met."""
        return DoctorLine(self, State.WRONG, observed, subject, fix or self.fix)

    def untried(self, observed: str, subject: str = "", fix: str = "") -> "DoctorLine":
        """The requirement was not checked; `observed` is the reason."""
        return DoctorLine(self, State.UNTRIED, observed, subject, fix)


@with_config(serialize_by_alias=True)
@dataclass(frozen=True, slots=True)
class DoctorLine:
    """The result of a requirement for one subject, with observation and fix.

    A subject is a cluster, a scope or a channel.
    """

    requirement: Requirement
    state: State
    observed: str
    subject: str = ""
    fix: Annotated[str, Field(alias="remedy")] = ""


def worst(lines: Iterable[DoctorLine]) -> State:
    """The overall state: wrong before untried before risk. Without any line, it is untried."""
    found = {line.state for line in lines}
    return next((s for s in (State.WRONG, State.UNTRIED, State.RISK, State.WELL) if s in found), State.UNTRIED)


def _line_document(line: DoctorLine, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
    written = fields(line)
    requirement = written.pop("requirement")
    return {
        "part": requirement["part"],
        "requirement": requirement["name"],
        "title": requirement["title"],
        "subject": written.pop("subject"),
        **written,
    }


def _document(lines: Sequence[DoctorLine], fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
    return {"schema": _SCHEMA, "result": worst(lines).value, "lines": fields(lines)}


DOCTOR_JSON: TypeAdapter[tuple[DoctorLine, ...]] = TypeAdapter(
    Annotated[tuple[Annotated[DoctorLine, WrapSerializer(_line_document)], ...], WrapSerializer(_document)]
)
"""The lines as a document; fields may be added, never renamed."""


def doctor_text(lines: Sequence[DoctorLine]) -> Iterator[str]:
    """The lines for a terminal, and a summary.

    One line for each requirement that is met, every other line in full.
    """
    for part, of_part in groupby(lines, key=lambda line: line.requirement.part):
        yield part
        for _, same in groupby(of_part, key=lambda line: (line.requirement, line.state)):
            yield from _lines_of(list(same))
    yield ""
    yield summary(lines)


def _lines_of(lines: list[DoctorLine]) -> Iterator[str]:
    if lines[0].state is State.WELL and len(lines) > 1:
        names = ", ".join(dict.fromkeys(line.subject for line in lines if line.subject))
        yield _head(lines[0], f"{len(lines)} ({_cut(names)})" if names else str(len(lines)))
        return
    for line in lines:
        yield _head(line, f"{line.subject}: {line.observed}" if line.subject else line.observed)
        if line.fix:
            yield from textwrap.wrap(
                line.fix, 110, initial_indent=" " * 14 + "fix: ", subsequent_indent=" " * 19, break_long_words=False
            )


def _head(line: DoctorLine, rest: str) -> str:
    return f"  {MARKS[line.state]:<11} {line.requirement.title}: {rest}"


def _cut(names: str) -> str:
    return names if len(names) <= 100 else f"{names[:97].rsplit(', ', 1)[0]}, …"


def summary(lines: Sequence[DoctorLine]) -> str:
    """The number of requirements in each state, as one line."""
    number = {state: sum(line.state is state for line in lines) for state in State}
    counts = [
        f"{number[state]} {words}"
        for state, words in (
            (State.WRONG, "failed"),
            (State.UNTRIED, "not checked"),
            (State.RISK, "with a warning"),
            (State.WELL, "passed"),
        )
        if number[state]
    ]
    return ", ".join(counts) or "no requirement was checked"
