"""Doctor's requirements and their results. Pure.

A result is the state of a requirement, the observation and the fix.

The parts are entry points (group `egress_diag.doctor`): no process loads another's dependencies. Each part is a function
from `DoctorOptions` to lines; its module also has the tuple `REQUIREMENTS` of all that it checks.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Annotated, Any

from pydantic import Field, SerializerFunctionWrapHandler, TypeAdapter, WrapSerializer, with_config

from checks.model.columns import after, wrapped

_SCHEMA = "egress-diag/doctor/v1"


class State(StrEnum):
    """The result for one requirement. `WARNED`: it is met, with a warning."""

    PASSED = "well"
    WARNED = "risk"
    FAILED = "wrong"
    NOT_CHECKED = "untried"
    """Not checked: neither met nor failed."""


MARKS = {State.PASSED: "pass", State.WARNED: "warning", State.FAILED: "fail", State.NOT_CHECKED: "not checked"}

EXITS = {State.PASSED: 0, State.WARNED: 0, State.FAILED: 1, State.NOT_CHECKED: 3}


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """The options of the command.

    `config` is the value of `--config`. `selected`: `--only` names this part, so missing credentials are a failure;
    otherwise they may belong to another process. `terminal`: there is no configuration, so that the kube context is tested,
    and of the other parts only what the environment names; `kubeconfig` and `context` as for kubectl.
    """

    config: str | None = None
    selected: bool = False
    terminal: bool = False
    kubeconfig: str | None = None
    context: str | None = None
    azure: bool = True
    namespace: str | None = None
    """The namespace of a gateway, whose permissions are also tested."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A condition to be met: `name` is stable and unique, `fix` is the default fix."""

    part: str
    name: str
    title: str
    fix: str

    def passed(self, observed: str, subject: str = "") -> "DoctorLine":
        """The requirement is met."""
        return DoctorLine(self, State.PASSED, observed, subject)

    def warned(self, observed: str, subject: str = "", fix: str = "") -> "DoctorLine":
        """The requirement is met, with a warning."""
        return DoctorLine(self, State.WARNED, observed, subject, fix or self.fix)

    def failed(self, observed: str, subject: str = "", fix: str = "") -> "DoctorLine":
        """The requirement is not met."""
        return DoctorLine(self, State.FAILED, observed, subject, fix or self.fix)

    def not_checked(self, observed: str, subject: str = "", fix: str = "") -> "DoctorLine":
        """The requirement was not checked; `observed` is the reason."""
        return DoctorLine(self, State.NOT_CHECKED, observed, subject, fix)


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
    cause: str = ""
    """The observation that several subjects share, "" if it is about this one alone."""
    lost: tuple[str, ...] = ()
    """The codes of the checks that cannot be made."""


def worst(lines: Iterable[DoctorLine]) -> State:
    """The overall state: failed before not checked before warned.

    Without lines, it is not checked.
    """
    found = {line.state for line in lines}
    return next(
        (s for s in (State.FAILED, State.NOT_CHECKED, State.WARNED, State.PASSED) if s in found), State.NOT_CHECKED
    )


def _line_document(line: DoctorLine, fields: SerializerFunctionWrapHandler) -> dict[str, Any]:
    written = fields(line)
    requirement = written.pop("requirement")
    del written["cause"], written["lost"]  # for the blocks of the text
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
        groups: dict[tuple[Hashable, ...], list[DoctorLine]] = {}
        for number, (key, same) in enumerate(groupby(of_part, key=_group)):
            # Lines with one cause are one block, wherever they are.
            groups.setdefault(key if key[-1] != "" else (*key, number), []).extend(same)
        for each in groups.values():
            yield from _lines_of(each)
    yield ""
    yield summary(lines)


def _group(line: DoctorLine) -> tuple[Hashable, ...]:
    return (line.requirement, line.state, line.fix if line.cause else "", line.cause)


def _lines_of(lines: list[DoctorLine]) -> Iterator[str]:
    if lines[0].cause and len(lines) > 1:
        codes = {code for line in lines for code in line.lost}
        subjects = _cut(", ".join(line.subject for line in lines))
        yield from _head(lines[0], f"{lines[0].cause}: {len(lines)} ({subjects}); {len(codes)} checks need them")
        yield from wrapped(lines[0].fix, " " * 14 + "fix: ", " " * 19)
        return
    if lines[0].state is State.PASSED and len(lines) > 1:
        names = ", ".join(dict.fromkeys(line.subject for line in lines if line.subject))
        yield from _head(lines[0], f"{len(lines)} ({_cut(names)})" if names else str(len(lines)))
        return
    for line in lines:
        yield from _head(line, f"{line.subject}: {line.observed}" if line.subject else line.observed)
        if line.fix:
            yield from wrapped(line.fix, " " * 14 + "fix: ", " " * 19)


def _head(line: DoctorLine, rest: str) -> list[str]:
    return after(f"  {MARKS[line.state]:<11} ", f"{line.requirement.title}: {rest}")


def lost_checks(codes: tuple[str, ...]) -> str:
    """The checks that cannot be made without a permission, as a clause."""
    if not codes:
        return "no check needs it"
    rest = f" and {len(codes) - 6} more" if len(codes) > 6 else ""
    return f"{', '.join(codes[:6])}{rest} cannot be checked"


def _cut(names: str) -> str:
    return names if len(names) <= 100 else f"{names[:97].rsplit(', ', 1)[0]}, …"


def summary(lines: Sequence[DoctorLine]) -> str:
    """The number of requirements in each state, as one line."""
    number = {state: sum(line.state is state for line in lines) for state in State}
    counts = [
        f"{number[state]} {words}"
        for state, words in (
            (State.FAILED, "failed"),
            (State.NOT_CHECKED, "not checked"),
            (State.WARNED, "with a warning"),
            (State.PASSED, "passed"),
        )
        if number[state]
    ]
    return ", ".join(counts) or "no requirement was checked"
