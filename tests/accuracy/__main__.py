"""`make accuracy`: scores the tools over the open corpus, and writes docs/accuracy.md.

`python -m tests.accuracy [--without-istioctl] [--answers NAME=FOLDER] [--first] [INCIDENT…]`. With incidents, it prints
their scores and writes nothing. `--answers` adds the answers of another tool (docs/corpus.md#add-a-tool). `--first` adds
the scores of incidents `blind-…` that have none to first.json, which is never changed otherwise.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from checks import __version__
from tests.accuracy.corpus import Answer, answers
from tests.accuracy.foreign import Answers
from tests.accuracy.istioctl import Analyzers
from tests.accuracy.opened import Opened, opened
from tests.accuracy.page import OURS, page
from tests.accuracy.product import product
from tests.accuracy.results import FIRST, HERE, NEWEST, Scores, read_scores, write_scores
from tests.accuracy.runbook import runbook
from tests.accuracy.scoring import Diagnosed, Score, score
from tests.clusters.bundles import read_yaml

DOCUMENT = Path("docs/accuracy.md")
MISSES = HERE / "misses.yaml"
Tool = Callable[[Opened], Diagnosed]


def main() -> None:
    """Score, print, write."""
    options = _options()
    everything = list(answers())
    chosen = [each for each in everything if not options.incidents or each.name in options.incidents]
    if missing := set(options.incidents) - {each.name for each in chosen}:
        sys.exit(f"no incident {', '.join(sorted(missing))}")
    first = read_scores(FIRST)
    if options.first:
        chosen = [each for each in chosen if each.blind and each.name not in first[1].get(OURS, {})]
    with ExitStack() as stack:
        tools: dict[str, Tool] = {OURS: product, "runbook": runbook}
        if not options.without_istioctl:
            tools["istioctl"] = stack.enter_context(Analyzers()).diagnose
        tools |= {name: Answers(Path(folder)) for name, _, folder in (each.partition("=") for each in options.answers)}
        scores = scored(chosen, tools)
    run = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "egress-diag": __version__, "istioctl": "1.31"}
    if options.first:
        write_scores(FIRST, first[0] or run, _joined(first[1], scores))
    elif options.incidents:
        sys.stdout.writelines(f"{tool}: {each}\n" for tool, found in scores.items() for each in found.values())
    else:
        write_scores(NEWEST, run, scores)
        DOCUMENT.write_text(page(everything, run, scores, first, explanations()), encoding="utf-8")
        sys.stdout.write(f"written: {DOCUMENT}\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make accuracy")
    parser.add_argument("--without-istioctl", action="store_true", help="needs no Go")
    parser.add_argument("--answers", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--first", action="store_true", help="record the first run over new incidents")
    parser.add_argument("incidents", nargs="*")
    return parser.parse_args()


def scored(chosen: Sequence[Answer], tools: Mapping[str, Tool]) -> Scores:
    """Every tool over every incident; each bundle is opened once."""
    found: dict[str, dict[str, Score]] = {tool: {} for tool in tools}
    for answer, bundle in _opened(chosen):
        for tool, diagnose in tools.items():
            found[tool][answer.name] = score(answer, diagnose(bundle))
    return found


def _opened(chosen: Sequence[Answer]) -> Iterator[tuple[Answer, Opened]]:
    for each in chosen:
        yield each, opened(each)


def _joined(before: Scores, after: Scores) -> Scores:
    return {tool: {**before.get(tool, {}), **after.get(tool, {})} for tool in dict.fromkeys((*before, *after))}


def explanations() -> Mapping[str, str]:
    """Why egress-diag misses what it misses, by incident."""
    found: Mapping[str, str] = read_yaml(MISSES) or {}
    return found


if __name__ == "__main__":
    main()
