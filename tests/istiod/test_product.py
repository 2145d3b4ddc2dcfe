"""The product's routes against recorded answers of istiod: no Go."""

from tests.istiod.product import Product
from tests.istiod.recorded import answered

AGREEING = 0.6
"""The share of recorded requests that the product must resolve as istiod does; it only ever rises."""


def test_the_product_agrees_with_recorded_answers() -> None:
    same: list[bool] = []
    for mesh in answered():
        product = Product(mesh.objects, mesh.questions[0].gateway)
        for question, expected in zip(mesh.questions, mesh.expected, strict=True):
            same.append(product.resolve(question).outcome == expected["outcome"])
    assert len(same) > 500
    assert sum(same) / len(same) >= AGREEING
