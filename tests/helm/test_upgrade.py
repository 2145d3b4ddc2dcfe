"""An upgrade from the last released chart changes no immutable field."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.chart import CHART, RELEASED, Json, rendered
from tests.helm.matrix import MATRIX

IMMUTABLE = {
    "Deployment": ["spec.selector"],
    "StatefulSet": ["spec.selector", "spec.serviceName", "spec.volumeClaimTemplates", "spec.podManagementPolicy"],
    "Service": ["spec.clusterIP"],
    "RoleBinding": ["roleRef"],
    "ClusterRoleBinding": ["roleRef"],
    "PodDisruptionBudget": [],
}
"""Immutable fields by kind; all other fields may change."""


def newest() -> Path:
    found = sorted(RELEASED.glob("*.tgz"), key=lambda path: [int(n) for n in version(path).split(".")])
    return found[-1]


def version(path: Path) -> str:
    return path.stem.rpartition("-")[2]


def test_the_version_of_the_chart_is_newer_than_the_released_one() -> None:
    ours = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    assert [int(n) for n in ours.split(".")] > [int(n) for n in version(newest()).split(".")]


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX.keys())
def test_immutable_fields_have_not_changed(values: Json) -> None:
    with tarfile.open(newest()) as chart:
        schema = json.loads(chart.extractfile("egress-diag/values.schema.json").read())  # type: ignore[union-attr]
    before = {key(each): each for each in rendered(known(values, schema), chart=newest())}
    after = {key(each): each for each in rendered(values)}
    for each in before.keys() & after.keys():
        for field in IMMUTABLE.get(each[0], []):
            assert at(before[each], field) == at(after[each], field), f"{each}: {field}"
    kept = {"StatefulSet", "Service", "ServiceAccount"}
    deleted = {each for each in before.keys() - after.keys() if each[0] in kept}
    assert not deleted, "an upgrade deletes these objects"


def known(values: Json, schema: Json) -> Json:
    """Only the values that the schema of the older chart contains."""
    places = schema.get("properties")
    if places is None:
        return values
    found = {name: value for name, value in values.items() if name in places}
    return {n: known(v, places[n]) if isinstance(v, dict) else v for n, v in found.items()}


def key(found: Json) -> tuple[str, str, str]:
    return found["kind"], found["metadata"].get("namespace", ""), found["metadata"]["name"]


def at(found: Any, path: str) -> Any:
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found
