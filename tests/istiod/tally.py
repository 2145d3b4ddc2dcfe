"""The judgements in a table: agreement by changed field, and the commonest differences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.istiod.judgement import Judged, Judgement

COMBINED = "(several changes)"
CANONICAL = "(canonical)"


@dataclass(slots=True)
class Row:
    """Counts over some requests."""

    requests: int = 0
    unjudged: int = 0  # the walker does not follow the configuration
    outcomes: int = 0  # the same outcome
    answers: int = 0  # the same outcome and the same answer
    undecided: int = 0  # the product has no outcome, although the objects decide it
    open: int = 0  # the objects do not decide the outcome: it depends on public DNS
    differences: Counter[str] = field(default_factory=Counter)

    def add(self, judgement: Judgement) -> None:
        """Counts one request."""
        self.requests += 1
        if judgement.unjudged:
            self.unjudged += 1
            return
        self.outcomes += judgement.same_outcome
        self.answers += judgement.same_answer
        self.undecided += judgement.undecided and not judgement.depends_on_dns
        self.open += judgement.depends_on_dns
        if not judgement.same_outcome:
            self.differences[f"{_expected(judgement)} → {judgement.resolved.outcome}"] += 1

    def percent(self, count: int) -> float:
        """The share of the requests that the walker followed."""
        followed = self.requests - self.unjudged
        return 100 * count / followed if followed else 100.0


class Tally:
    """All judgements, by field and by other properties."""

    def __init__(self) -> None:
        self.all = Row()
        self.fields: dict[str, Row] = {}
        self.groups: dict[str, Row] = {}
        self.meshes = self.refused = 0
        self.problems: list[str] = []
        self.unjudged: Counter[str] = Counter()
        self.details: Counter[str] = Counter()

    def add(self, judged: Judged) -> None:
        """Counts one mesh."""
        self.meshes += 1
        self.refused += bool(judged.refused)
        if judged.problem:
            self.problems.append(f"{judged.mesh.identity} ({', '.join(judged.mesh.fields)}): {judged.problem}")
        fields = judged.mesh.fields
        name = fields[0] if len(fields) == 1 else COMBINED if fields else CANONICAL
        for number, each in enumerate(judged.judgements):
            meant = "the configured request" if number < 2 else "other requests"
            rows = [self.fields.setdefault(name, Row())]
            rows += [
                self.groups.setdefault(key, Row())
                for key in (meant, f"canonical {judged.mesh.kind}", f"istiod: {each.expected.outcome}")
            ]
            for row in (self.all, *rows):
                row.add(each)
            if each.unjudged:
                self.unjudged[each.expected.detail] += 1
            elif not each.same_outcome:
                self.details[_difference(each)] += 1

    def lines(self) -> Iterator[str]:
        """The table."""
        yield f"{'':52} requests  outcome   answer  unknown  of known  differences (istiod → product)"
        for name, row in [("all", self.all), *sorted(self.groups.items())]:
            yield _line(name, row)
        yield ""
        for name, row in sorted(self.fields.items(), key=lambda pair: pair[1].percent(pair[1].outcomes)):
            yield _line(name, row)
        yield ""
        yield "most frequent differences:"
        yield from (f"{count:6}  {detail}" for detail, count in self.details.most_common(25))
        for detail, count in self.unjudged.most_common(10):
            yield f"not followed by the walker: {count} requests: {detail}"
        if self.all.open:
            yield f"depends on public DNS, in the objects there is no answer: {self.all.open} requests"
        yield from (f"not asked: {each}" for each in self.problems[:10])
        yield f"{self.meshes} meshes, {self.refused} with objects that the validating webhook refuses"


def _line(name: str, row: Row) -> str:
    differences = ", ".join(f"{count} {what}" for what, count in row.differences.most_common(3))
    shares = "".join(f"{row.percent(count):8.1f}%" for count in (row.outcomes, row.answers, row.undecided))
    known = row.requests - row.unjudged - row.undecided
    shares += f"{100 * row.outcomes / known if known else 100:9.1f}%"
    return f"{name[:52]:52} {row.requests:8}{shares}  {differences}"


def _expected(judgement: Judgement) -> str:
    return "depends on DNS" if judgement.depends_on_dns else judgement.expected.outcome


def _difference(judgement: Judgement) -> str:
    codes = judgement.expected.code or "arrives"
    question = judgement.question
    resolved = judgement.resolved
    answer = resolved.answer if resolved.outcome == "unknown" else ""
    return f"{question.scheme}: {_expected(judgement)} ({codes}) → {resolved.outcome} {answer[:80]}".rstrip()
