"""docs/accuracy.md, from the scores. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tests.accuracy.corpus import KINDS, Answer
from tests.accuracy.results import Scores
from tests.accuracy.scoring import FIXES, Score
from tests.bench.measure import table

OURS = "egress-diag"

_ARTICLE = "https://learn.microsoft.com/troubleshoot/azure/azure-kubernetes/extensions/istio-add-on-egress-gateway"

_HEAD = """<!-- Written by `make accuracy`. Do not edit. -->

# Accuracy

How often a diagnosis is right, over the [open corpus](corpus.md): {count} incidents as bundles, each with the right answer. All
tools read the same bundles in the same run. The corpus page defines [the score](corpus.md#the-score) and its limits, and
[how to add a tool](corpus.md#add-a-tool).

{run}

- **precision**: average precision at full recall over the incidents with causes. A missed cause makes an incident 0, and an
  extra one lowers it.
- **false alarms**: incidents without a fault (healthy, starting, unreadable) for which the tool names one.
- **verdict**: incidents with the right verdict (broken, degraded, starting, inconclusive, healthy).
- **steps**: would the advised steps have fixed it? 100 yes, 65 in part or as an alternative, 35 only the cause is named,
  0 no.

The *regression tests* are the incidents that egress-diag was developed with. It passes them by construction, so only their
comparison with other tools says something. The incidents with *answers first* were written, with their answers, by an author
without access to egress-diag, before any tool was asked."""

_TOOLS = f"""## The tools

- **egress-diag**: `egress-diag diagnose --bundle`. Only a check's own name counts as naming a cause.
- **runbook**: [Microsoft's troubleshooting article]({_ARTICLE}), followed literally as a script
  ([tests/accuracy/runbook](../tests/accuracy/runbook/__init__.py)). It is frozen as the article has it. Steps that send
  requests count only if their results were recorded. A person who knows more than the article finds more.
- **istioctl**: the analyzers of `istioctl analyze` of Istio 1.31, called as a library with Pods, Services, Deployments,
  Secrets and Namespaces in memory, for all namespaces; errors and warnings count. It reads neither Azure nor the static egress
  gateway, and does not claim to check them: see the kind *istio*. A message names a cause also by the object that it is about,
  and its text counts as a step."""


def page(
    answers: Sequence[Answer],
    run: Mapping[str, str],
    newest: Scores,
    first: tuple[Mapping[str, str], Scores],
    explained: Mapping[str, str],
) -> str:
    """The page. `explained` has a sentence for each miss of egress-diag."""  # fmt: skip
    described = "; ".join(f"{name}: {value}" for name, value in run.items())
    return (
        "\n\n".join(
            [
                _HEAD.format(count=len(answers), run=f"{described}."),
                table(
                    ("incidents", "tool", "precision", "false alarms", "verdict", "steps"),
                    _rows(answers, newest, first),
                ),
                *_first(first),
                "## By kind",
                "Precision · false alarms · steps. An incident has several kinds.",
                table(("kind", "incidents", *newest), _by_kind(answers, newest)),
                _TOOLS,
                "## Misses of egress-diag",
                "\n".join(_misses(newest[OURS].values(), explained)) or "None.",
                "## Misses of the other tools",
                "Incidents with a missed or extra cause, or a false alarm. Missed causes, then “+” and extra statements.",
                *(_others(tool, newest[tool].values()) for tool in newest if tool != OURS),
            ]
        )
        + "\n"
    )


def _rows(
    answers: Sequence[Answer], newest: Scores, first: tuple[Mapping[str, str], Scores]
) -> Iterator[Sequence[str]]:
    blind = {each.name for each in answers if each.blind}
    for title, chosen in (
        ("all", {each.name for each in answers}),
        ("regression tests", {each.name for each in answers} - blind),
    ):
        for tool, scores in newest.items():
            found = [each for each in scores.values() if each.incident in chosen]
            yield (f"{title} ({len(found)})", tool, *_figures(found))
    for title, scores_of in (("answers first, first run", first[1]), ("answers first, now", newest)):
        for tool, scores in scores_of.items():
            if found := [each for each in scores.values() if each.incident in blind]:
                yield (f"{title} ({len(found)})", tool, *_figures(found))


def _first(first: tuple[Mapping[str, str], Scores]) -> Iterator[str]:
    if first[0]:
        described = "; ".join(f"{name}: {value}" for name, value in first[0].items())
        yield f"The first run ({described}) was made before any check was changed for these incidents."


def _figures(found: Sequence[Score]) -> tuple[str, str, str, str]:
    right = sum(each.verdict for each in found)
    return (_precision(found), _alarms(found), f"{right} of {len(found)}", _steps(found))


def _precision(found: Iterable[Score]) -> str:
    values = [each.precision for each in found if each.precision is not None]
    return f"{100 * sum(values) / len(values):.1f} %" if values else "–"


def _alarms(found: Iterable[Score]) -> str:
    values = [each.alarm for each in found if each.alarm is not None]
    return f"{sum(values)} of {len(values)}" if values else "–"


def _steps(found: Iterable[Score]) -> str:
    values = [each.steps for each in found if each.steps is not None]
    return f"{sum(values) / len(values):.0f}" if values else "–"


def _by_kind(answers: Sequence[Answer], newest: Scores) -> Iterator[Sequence[str]]:
    for kind in KINDS:
        chosen = {each.name for each in answers if kind in each.kinds}
        cells = []
        for scores in newest.values():
            found = [each for each in scores.values() if each.incident in chosen]
            cells.append(" · ".join((_precision(found), _alarms(found), _steps(found))))
        yield (kind, str(len(chosen)), *cells)


def is_miss(found: Score) -> bool:
    """Whether something of a score is not perfect."""
    perfect_steps = found.steps is None or found.steps == FIXES
    return found.precision not in (None, 1.0) or bool(found.alarm) or not found.verdict or not perfect_steps


def _misses(found: Iterable[Score], explained: Mapping[str, str]) -> Iterator[str]:
    for each in found:
        if is_miss(each):
            yield f"- `{each.incident}`: {_what(each)}. {explained.get(each.incident, 'Not explained.')}"


def _what(found: Score) -> str:
    parts = []
    if found.missed:
        parts.append(f"missed {', '.join(found.missed)}")
    if found.extra:
        parts.append(f"extra {', '.join(found.extra)}")
    if not found.verdict:
        parts.append(f"verdict {found.found}")
    if found.steps is not None and found.steps != FIXES:
        parts.append(f"steps {found.steps}")
    return "; ".join(parts)


def _others(tool: str, found: Iterable[Score]) -> str:
    wrong = [each for each in found if each.precision not in (None, 1.0) or each.alarm]
    lines = [f"`{each.incident}` ({_signs(each)})" for each in wrong]
    return f"**{tool}** ({len(wrong)}): " + "; ".join(lines) + "."


def _signs(found: Score) -> str:
    extra = [each if len(each) < 40 else each.partition("]")[0].replace(" [", " ") for each in found.extra]
    counted = [f"{each} ×{extra.count(each)}" if extra.count(each) > 1 else each for each in dict.fromkeys(extra)]
    return " ".join([*found.missed, *(f"+{each}" for each in counted)])
