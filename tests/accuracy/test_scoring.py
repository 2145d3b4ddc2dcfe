"""The score of a diagnosis: causes, false alarms, steps."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.accuracy.corpus import Answer, Cause, Fix
from tests.accuracy.scoring import Diagnosed, Statement, Step, score

ONE = Answer(
    name="one",
    title="",
    kinds=("single",),
    source="",
    gateway="ns/gw",
    host=None,
    client=None,
    verdicts=("broken",),
    causes=(Cause(("selector", "server"), ("Gateway ns/g",), ""),),
    fixes=(Fix("", (r"patch gateway",)),),
    harmful=(r"delete namespace",),
    accepted=frozenset({"symptom"}),
    must_not=frozenset(),
    blind=False,
    folder=Path(),
)
TWO = replace(
    ONE,
    causes=(*ONE.causes, Cause(("entry",), ("ServiceEntry ns/s",), "")),
    fixes=(*ONE.fixes, Fix("", ("resolution",))),
)
FIELD = replace(ONE, fixes=(Fix("", (r"number: 80\b",)),))
HEALTHY = replace(ONE, causes=(), fixes=(), verdicts=("healthy",), accepted=frozenset())


def said(*slugs: str, steps: tuple[Step, ...] = (), verdict: str = "broken") -> Diagnosed:
    return Diagnosed(verdict, tuple(Statement((each,), (), each, steps) for each in slugs))


@pytest.mark.parametrize(
    ("answer", "slugs", "precision"),
    [
        (ONE, ("selector",), 1.0),
        (ONE, ("server",), 1.0),
        (ONE, ("selector", "server"), 1.0),
        (ONE, ("selector", "other"), 0.5),
        (ONE, ("selector", "symptom"), 1.0),
        (ONE, ("other",), 0.0),
        (ONE, (), 0.0),
        (TWO, ("selector",), 0.0),
        (TWO, ("entry", "selector"), 1.0),
        (TWO, ("entry", "selector", "other", "more"), 0.5),
    ],
)
def test_precision_counts_only_at_full_recall(answer: Answer, slugs: tuple[str, ...], precision: float) -> None:
    assert score(answer, said(*slugs)).precision == precision


def test_a_cause_is_named_by_an_object_at_fault() -> None:
    by_object = Diagnosed("broken", (Statement((), ("Gateway ns/g",), "IST0101"),))
    other = Diagnosed("broken", (Statement((), ("Gateway ns/other",), "IST0101"),))
    assert score(ONE, by_object).precision == 1.0
    assert score(ONE, other).missed == ("selector",)


def test_a_statement_without_a_fault_is_a_false_alarm() -> None:
    assert score(HEALTHY, said("selector")).alarm is True
    assert score(HEALTHY, said(verdict="healthy")).alarm is False
    assert score(replace(HEALTHY, accepted=frozenset({"selector"})), said("selector")).alarm is False
    forbidden = replace(HEALTHY, accepted=frozenset({"*"}), must_not=frozenset({"selector"}))
    assert score(forbidden, said("selector")).alarm is True
    assert score(ONE, said("selector")).alarm is None


PATCH, RESOLVE = Step("kubectl patch gateway g"), Step("set resolution: DNS")


@pytest.mark.parametrize(
    ("answer", "steps", "points"),
    [
        (ONE, (PATCH,), 100),
        (ONE, (Step("restart"), PATCH), 100),
        (ONE, (replace(PATCH, optional=True),), 65),
        (ONE, (replace(PATCH, reads_only=True),), 35),
        (ONE, (Step("restart"),), 35),
        (
            FIELD,
            (Step("""kubectl patch gateway g -p '[{"op":"add","path":"/spec/servers/0/port/number","value":80}]'"""),),
            100,
        ),
        (
            FIELD,
            (Step("""kubectl patch gateway g -p '[{"op":"test","path":"/spec/servers/0/port/number","value":80}]'"""),),
            35,
        ),
        (ONE, (Step("kubectl delete namespace ns"), PATCH), 0),
        (TWO, (PATCH,), 65),
        (TWO, (PATCH, RESOLVE), 100),
    ],
)
def test_steps_are_on_the_scale(answer: Answer, steps: tuple[Step, ...], points: int) -> None:
    assert score(answer, said("selector", "entry", steps=steps)).steps == points


def test_steps_of_a_missed_cause_do_not_help() -> None:
    assert score(ONE, said("other")).steps == 0


def test_steps_that_leave_the_gateway_broken_only_name_the_cause() -> None:
    assert score(ONE, replace(said("selector", steps=(PATCH,)), stays_broken=True)).steps == 35
