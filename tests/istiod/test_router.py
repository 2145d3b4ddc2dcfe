"""The router against recorded answers of istiod: no Go."""

from collections import Counter

from tests.istiod.recorded import answered, answered_gateway_api
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
