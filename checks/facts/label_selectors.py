"""Matching of Kubernetes label selectors."""

from collections.abc import Mapping
from typing import Any

from checks.model.raw_values import Raw, at, items, mapping, text, texts


def selects(selector: Mapping[str, Any], labels_: Mapping[str, str]) -> bool:
    """Whether a LabelSelector (matchLabels and matchExpressions) matches the labels.

    An empty one matches all. A plain label map (a Service's or Istio's selector) counts as matchLabels.
    """
    if "matchLabels" not in selector and "matchExpressions" not in selector:
        for key, value in selector.items():  # noqa: SIM110 - no generator: every pod of a namespace is compared
            if labels_.get(str(key)) != str(value):
                return False
        return True
    for key, value in mapping(selector, "matchLabels").items():
        if labels_.get(str(key)) != str(value):
            return False
    return all(_expression(each, labels_) for each in items(selector, "matchExpressions"))


def _expression(expression: Raw, labels_: Mapping[str, str]) -> bool:
    key, values = text(expression, "key"), texts(expression, "values")
    match at(expression, "operator"):
        case "In":
            return labels_.get(key) in values
        case "NotIn":
            return labels_.get(key) not in values
        case "Exists":
            return key in labels_
        case "DoesNotExist":
            return key not in labels_
        case _:
            return False
