"""The score of one diagnosis (docs/corpus.md, The score). Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.accuracy.corpus import Answer, Cause
from tests.accuracy.written_fields import with_written_fields

FIXES, LATER, NAMES, NOTHING = 100, 65, 35, 0
"""The scale of the steps.

They fix it; they fix a part or are optional; only the cause is named; they do not help, or they harm.
"""


@dataclass(frozen=True, slots=True)
class Step:
    """A step that a tool advises.

    `optional`: it replaces other steps, and is carried out only by choice.
    """

    text: str
    optional: bool = False
    reads_only: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """One cause that a tool states.

    `slugs` are the checks of the catalogue that mean the same. `objects` are `KIND namespace/name`: a tool that does not know
    the catalogue names a cause also by an object at fault. The product leaves them empty, so that only its slugs count.
    """

    slugs: tuple[str, ...]
    objects: tuple[str, ...]
    text: str
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """The answer of a tool about one incident.

    `verdict` is one of the five verdicts. `stays_broken`: the tool's own steps, carried out on a copy of the facts, leave the
    gateway broken.
    """

    verdict: str
    statements: tuple[Statement, ...]
    stays_broken: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """The score of one tool for one incident; None where it does not apply."""

    incident: str
    precision: float | None
    """Incidents with causes: the share of the statements that are causes.

    0 if a cause is missing.
    """
    alarm: bool | None
    """Incidents without causes: whether something is stated to be wrong."""
    verdict: bool
    steps: int | None
    """Incidents with causes that can be fixed: 100, 65, 35 or 0."""
    missed: tuple[str, ...]
    extra: tuple[str, ...]
    found: str


def score(answer: Answer, diagnosed: Diagnosed) -> Score:
    """Compare a diagnosis with the answer."""
    named = [(each, answer.cause_of(each.slugs, each.objects)) for each in diagnosed.statements]
    hit: dict[Cause, None] = {cause: None for _, cause in named if cause is not None}
    extra = [each for each, cause in named if cause is None and not answer.accepts(each.slugs)]
    missed = tuple(each.slugs[0] for each in answer.causes if each not in hit)
    precision = None if not answer.causes else 0.0 if missed else len(hit) / (len(hit) + len(extra))
    return Score(
        incident=answer.name,
        precision=precision,
        alarm=None if answer.causes else bool(extra),
        verdict=diagnosed.verdict in answer.verdicts,
        steps=_steps(answer, diagnosed, bool(hit)) if answer.causes and answer.fixes else None,
        missed=missed,
        extra=tuple(each.slugs[0] if each.slugs else each.text for each in extra),
        found=diagnosed.error or diagnosed.verdict,
    )


def _steps(answer: Answer, diagnosed: Diagnosed, named: bool) -> int:
    steps = [step for each in diagnosed.statements for step in each.steps if not step.reads_only]
    printed = [each for each in steps if not each.optional]
    if any(re.search(pattern, each.text, re.IGNORECASE) for pattern in answer.harmful for each in printed):
        return NOTHING
    needed = min(len(answer.causes), len(answer.fixes))
    covered, possible = (sum(1 for _ in _covered(answer, each)) for each in (printed, steps))
    if covered >= needed:
        return NAMES if diagnosed.stays_broken else FIXES
    if possible:
        return NAMES if diagnosed.stays_broken else LATER
    return NAMES if named else NOTHING


def _covered(answer: Answer, steps: list[Step]) -> Iterator[int]:
    """The fixes of the answer that a step contains."""
    for number, fix in enumerate(answer.fixes):
        if any(fix.matches(with_written_fields(each.text)) for each in steps):
            yield number
