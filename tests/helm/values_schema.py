"""The schema of the chart's values."""

import json
from typing import Any

from tests.helm.chart import CHART, Json

SCHEMA: Json = json.loads((CHART / "values.schema.json").read_text())


def described(place: Json) -> Json:
    """The schema of a place, after its reference if it is one."""
    reference = place.get("$ref")
    if reference is None:
        return place
    found: Any = SCHEMA
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    result: Json = found
    return result


POD_KEYS = set(SCHEMA["properties"]["pod"]["properties"])
"""The settings of every pod, which each component also has."""
COMPONENTS = ("bot", "courier", "worker", "actions", "beat", "redis")
"""The components with pods of their own."""
