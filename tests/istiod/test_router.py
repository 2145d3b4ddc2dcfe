"""The router against recorded answers of istiod: no Go."""

from collections import Counter

import pytest

from tests.istiod.meshes.by_hand import by_hand
from tests.istiod.recorded import Answered, answered, answered_by_hand, answered_gateway_api
from tests.istiod.router import RoutedProduct

WRONG, UNKNOWN = 0.0, 0.005
"""The largest shares of requests with another outcome and without one; they only ever fall."""


def test_the_router_agrees_with_recorded_answers() -> None:
    counted: Counter[str] = Counter()
    differing = []
    for mesh in (*answered(), *answered_gateway_api()):
        product = RoutedProduct(mesh.objects, mesh.questions[0].gateway)
        for question, expected in zip(mesh.questions, mesh.expected, strict=True):
            resolved = product.resolve(question)
            result = "unknown" if resolved.outcome == "unknown" else str(resolved.outcome == expected["outcome"])
            counted[result] += 1
            if result == "False":
                differing.append(
                    f"{mesh.identity} {question.url} from {question.client}: {expected['outcome']}, {resolved}"
                )
    total = counted.total()
    assert total > 1200
    assert counted["False"] / total <= WRONG, differing
    assert counted["unknown"] / total <= UNKNOWN


@pytest.mark.parametrize("mesh", list(answered_by_hand()), ids=lambda mesh: mesh.identity)
def test_the_router_agrees_about_meshes_written_by_hand(mesh: Answered) -> None:
    product = RoutedProduct(mesh.objects, mesh.questions[0].gateway)
    for question, expected in zip(mesh.questions, mesh.expected, strict=True):
        resolved = product.resolve(question)
        status = expected["status"] if expected["outcome"] == "fails" else resolved.status
        assert (resolved.outcome, resolved.status) == (expected["outcome"], status), question.url


def test_the_answers_are_about_the_meshes_as_they_are_written() -> None:
    written = {each.identity: (each.patch, each.questions) for each in by_hand()}
    assert {each.identity: (each.patch, each.questions) for each in answered_by_hand()} == written
