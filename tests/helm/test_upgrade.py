"""An upgrade from the last released chart changes no immutable field."""

import json
import shutil
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
    schema = released_schema()
    before = {key(each): each for each in rendered(known(values, schema), chart=newest())}
    after = {key(each): each for each in rendered(values)}
    for each in before.keys() & after.keys():
        for field in IMMUTABLE.get(each[0], []):
            assert at(before[each], field) == at(after[each], field), f"{each}: {field}"
    kept = {"StatefulSet", "Service", "ServiceAccount"}
    deleted = {each for each in before.keys() - after.keys() if each[0] in kept}
    assert not deleted, "an upgrade deletes these objects"


def test_an_upgrade_that_reuses_the_values_of_the_released_chart_renders_the_same(tmp_path: Path) -> None:
    """With `--reuse-values`, the new chart has the defaults of the old one."""
    chart = tmp_path / "egress-diag"
    shutil.copytree(CHART, chart)
    with tarfile.open(newest()) as released:
        file = released.extractfile("egress-diag/values.yaml")
        assert file is not None
        (chart / "values.yaml").write_bytes(file.read())
    kinds = [{key(each) for each in rendered({}, chart=place)} for place in (chart, CHART)]
    assert kinds[0] == kinds[1]


def released_schema() -> Json:
    """The schema of the values of the newest released chart."""
    with tarfile.open(newest()) as chart:
        file = chart.extractfile("egress-diag/values.schema.json")
        assert file is not None
        found: Json = json.loads(file.read())
        return found


def known(values: Json, schema: Json) -> Json:
    """Only the values that the schema of the older chart contains."""
    places = schema.get("properties")
    if places is None:
        return values
    return {name: _known_value(value, places[name]) for name, value in values.items() if name in places}


def _known_value(value: Any, schema: Json) -> Any:
    if isinstance(value, dict):
        return known(value, schema)
    if isinstance(value, list):
        return [_known_value(each, schema.get("items", {})) for each in value]
    return value


def key(found: Json) -> tuple[str, str, str]:
    return found["kind"], found["metadata"].get("namespace", ""), found["metadata"]["name"]


def at(found: Any, path: str) -> Any:
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found
