"""docs/accuracy.md is what was measured, and what was measured is still so."""

import hashlib
import json
from pathlib import Path

import pytest

from checks.model.secrets.texts import PLACEHOLDER
from tests.accuracy.__main__ import DOCUMENT, explanations, scored
from tests.accuracy.corpus import KINDS, answers, read_answer
from tests.accuracy.foreign import Answers
from tests.accuracy.istioctl import PROGRAM, Analyzers
from tests.accuracy.opened import opened
from tests.accuracy.page import OURS, is_miss, page
from tests.accuracy.product import product, reported
from tests.accuracy.results import FIRST, NEWEST, read_scores
from tests.accuracy.runbook import runbook
from tests.accuracy.scoring import score

ALL = {each.name: each for each in answers()}
RUN, SCORES = read_scores(NEWEST)


def test_the_corpus_has_every_kind_and_at_least_200_incidents() -> None:
    assert len(ALL) >= 200
    assert {kind for each in ALL.values() for kind in each.kinds} == set(KINDS)
    assert all(("report" in each.kinds) == bool(each.source) for each in ALL.values())


def test_the_runbook_is_frozen() -> None:
    """It is not improved when it misses an incident.

    A new value here needs a change of the article.
    """
    sources = b"".join(path.read_bytes() for path in sorted((Path(__file__).parent / "runbook").glob("*.py")))
    assert hashlib.sha256(sources).hexdigest()[:16] == "e175239f00e630ab"


def test_every_cause_has_its_reason_and_its_fix() -> None:
    assert [each.name for each in ALL.values() if each.causes and not each.fixes] == []
    assert [each.name for each in ALL.values() for cause in each.causes if not cause.why] == []


def test_the_page_shows_the_newest_scores() -> None:
    """`make accuracy` writes both."""
    written = page(list(ALL.values()), RUN, SCORES, read_scores(FIRST), explanations())
    assert DOCUMENT.read_text(encoding="utf-8") == written


def test_every_incident_was_scored_for_every_tool() -> None:
    assert {tool: set(found) for tool, found in SCORES.items()} == {tool: set(ALL) for tool in SCORES}
    assert set(SCORES) == {OURS, "runbook", "istioctl"}


def test_every_miss_is_explained_and_nothing_else_is() -> None:
    assert set(explanations()) == {each.incident for each in SCORES[OURS].values() if is_miss(each)}


@pytest.mark.slow
def test_the_scores_are_still_so() -> None:
    """Run `make accuracy` after a change of checks; misses that are new need an explanation."""
    now = scored(list(ALL.values()), {OURS: product, "runbook": runbook})
    for tool, found in now.items():
        assert {each for each in found.values() if each != SCORES[tool][each.incident]} == set()


@pytest.mark.slow
def test_no_step_of_any_incident_contains_a_placeholder_for_a_secret() -> None:
    """Redaction once changed patches that contained no secret."""
    steps = [
        (name, action.title, action.command)
        for name, answer in ALL.items()
        for finding in reported(opened(answer)).findings
        for action in finding.actions
    ]
    assert [each for each in steps if PLACEHOLDER in each[2] or "contains a secret" in each[1]] == []


@pytest.mark.parametrize(
    "name", ["001-healthy", "031-gateway-selector-typo", "003-pod-subnet", "201-wrong-pool-and-wrong-selector"]
)
def test_the_scores_of_a_few_incidents_are_still_so(name: str) -> None:
    bundle = opened(ALL[name])
    assert score(ALL[name], product(bundle)) == SCORES[OURS][name]
    assert score(ALL[name], runbook(bundle)) == SCORES["runbook"][name]


@pytest.mark.skipif(not PROGRAM.executable.exists(), reason="make accuracy builds istioctl's analyzers")
def test_the_analyzers_read_runtime_objects() -> None:
    """IST0101 about a selector needs the pods, which istioctl leaves out of files."""
    with Analyzers() as analyzers:
        found = analyzers.diagnose(opened(ALL["031-gateway-selector-typo"]))
        assert [each.slugs for each in found.statements] == [("gateway-selector-mismatch",)]
        assert analyzers.diagnose(opened(ALL["001-healthy"])).verdict == "healthy"


def test_another_tool_is_added_by_files(tmp_path: Path) -> None:
    answer = ALL["031-gateway-selector-typo"]
    statement = {"objects": ["Gateway team-egress/istio-egressgateway"], "steps": ["kubectl patch gateway x: selector"]}
    answered = {"verdict": "broken", "statements": [statement]}
    (tmp_path / f"{answer.name}.json").write_text(json.dumps(answered), encoding="utf-8")
    tool = Answers(tmp_path)
    found = score(answer, tool(opened(answer)))
    assert (found.precision, found.verdict, found.steps) == (1.0, True, 100)
    assert score(ALL["003-pod-subnet"], tool(opened(ALL["003-pod-subnet"]))).missed == ("pod-subnet-cni",)


def test_an_unknown_kind_or_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "answer.yaml"
    path.write_text("title: t\nkinds: [odd]\ngateway: a/b\nverdict: healthy\n", encoding="utf-8")
    with pytest.raises(ValueError, match="odd"):
        read_answer(path)
