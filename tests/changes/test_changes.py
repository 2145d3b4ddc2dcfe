"""Changes that break egress are reported as such, and harmless ones are not."""

import pytest

from tests.changes.cases import ChangeCase, change_cases
from tests.changes.istiod import recorded
from tests.changes.judged import answer, new_findings, routes

CASES = change_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.identity)
def test_the_answer_is_the_expected_one(case: ChangeCase) -> None:
    found = answer(case)
    assert found.breaks is case.expect["breaks"]
    if "verdict" in case.expect:
        assert found.verdict.value == case.expect["verdict"]
    if "routes" in case.expect:
        assert routes(found) == case.expect["routes"]
    if "appear" in case.expect:
        assert new_findings(found) == set(case.expect["appear"])


def test_there_are_ten_of_each() -> None:
    breaking = [each for each in CASES if each.expect["breaks"]]
    assert len(breaking) >= 10
    assert len(CASES) - len(breaking) >= 10


@pytest.mark.parametrize("case", [each for each in CASES if "istiod" in each.expect], ids=lambda case: case.identity)
def test_istiod_gives_the_same_answer(case: ChangeCase) -> None:
    answers = recorded()[case.identity]
    assert answers == case.expect["istiod"]
    product = {
        f"{url} from {name}": outcomes
        for request, outcomes in routes(answer(case)).items()
        for url, _, names in (request.partition(" from "),)
        for name in names.split(", ")
    }
    for request, outcomes in answers.items():
        now, _, then = outcomes.partition(" -> ")
        expected = outcomes if now != then else None
        assert product.get(request.rpartition("/")[0]) == expected


def test_at_least_five_are_judged_by_istiod() -> None:
    assert len(recorded()) >= 5
    assert set(recorded()) == {each.identity for each in CASES if "istiod" in each.expect}
