"""Upgrades from the last released chart.

With own values, `--reuse-values` and `--reset-then-reuse-values`.
"""

import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.chart import CHART, LEAST, RELEASED, Json, merged, pod, refusal, rendered
from tests.helm.matrix import HERE, MATRIX

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


matrix = pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX.keys())


@pytest.fixture(scope="session")
def reusing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart with the released defaults, as helm renders it with `--reuse-values`."""
    chart = tmp_path_factory.mktemp("reusing") / "egress-diag"
    shutil.copytree(CHART, chart)
    (chart / "values.yaml").write_text(yaml.safe_dump(released_defaults()))
    return chart


@matrix
def test_no_upgrade_changes_an_immutable_field_or_deletes_what_keeps_data(values: Json, reusing: Path) -> None:
    """With own values, with `--reset-then-reuse-values` and with `--reuse-values`."""
    kept = known(values, released_schema())
    if needs_a_subject(kept):
        assert "no subject takes active steps in this cluster" in refusal(merged(LEAST, kept))
        return
    before = {key(each): each for each in rendered(kept, chart=newest())}
    moved = "existingClaim" in values.get("redis", {}).get("persistence", {})
    for after in ([] if moved else [rendered(values)]) + [rendered(kept), rendered(kept, chart=reusing)]:
        found = {key(each): each for each in after}
        for each in before.keys() & found.keys():
            for field in IMMUTABLE.get(each[0], []):
                assert at(before[each], field) == at(found[each], field), f"{each}: {field}"
        deleted = {
            each for each in before.keys() - found.keys() if each[0] in ("StatefulSet", "Service", "ServiceAccount")
        }
        assert not deleted, "an upgrade deletes these objects"


@matrix
def test_reused_values_render_what_new_ones_render(values: Json, reusing: Path) -> None:
    """With `--reuse-values`, no new key has a default.

    Before, this was a nil pointer for the action worker.
    """
    wanted = merged({"redis": {"existingSecret": "kept"}}, changed_defaults(), values)
    assert rendered(wanted, chart=reusing) == rendered(wanted)


def test_the_released_chart_lists_secrets_until_the_value_is_set(reusing: Path) -> None:
    """Only `--reuse-values` keeps the permission (docs/upgrade.md#from-010-to-020)."""
    kinds = [
        {
            each["metadata"]["name"].rpartition("-")[2]
            for each in rendered(HERE_ONLY, chart=chart)
            if each["kind"] == "ClusterRole"
        }
        for chart in (newest(), reusing, CHART)
    ]
    assert kinds == [{"read", "secrets"}, {"read", "secrets"}, {"read"}]


@matrix
def test_an_upgrade_does_not_restart_redis(values: Json) -> None:
    """With `image.pullSecrets` it does once (docs/upgrade.md#from-010-to-020)."""
    kept = merged(known(values, released_schema()), {"redis": {"existingSecret": "kept"}})
    if values.get("rbacOnly") or needs_a_subject(kept) or not values.get("redis", {}).get("enabled", True):
        return
    before, after = (pod(rendered(kept, chart=chart), "redis") for chart in (newest(), CHART))
    secrets = kept["image"].get("pullSecrets") if "image" in kept else None
    assert after["spec"].pop("imagePullSecrets", None) == secrets
    assert before == after


def needs_a_subject(kept: Json) -> bool:
    """Whether values of the released chart permit active steps.

    The present chart binds them to subjects of their own.
    """
    rbac = kept.get("rbac", {})
    return any(rbac.get(part, {}).get("namespaces") for part in ("probe", "restart"))


HERE_ONLY: Json = {"config": {"clusters": [HERE]}}


def released_defaults() -> Json:
    """The defaults of the newest released chart."""
    return _file("egress-diag/values.yaml")


def changed_defaults() -> Json:
    """The present default of each value that had another default."""
    return _changed(released_defaults(), yaml.safe_load((CHART / "values.yaml").read_text()))


def _changed(before: Json, after: Json) -> Json:
    found: Json = {}
    for name in before.keys() & after.keys():
        if isinstance(before[name], dict) and isinstance(after[name], dict):
            if below := _changed(before[name], after[name]):
                found[name] = below
        elif before[name] != after[name]:
            found[name] = after[name]
    return found


def released_schema() -> Json:
    """The schema of the values of the newest released chart."""
    return _file("egress-diag/values.schema.json")


def _file(name: str) -> Json:
    with tarfile.open(newest()) as chart:
        file = chart.extractfile(name)
        assert file is not None
        found: Json = yaml.safe_load(file.read())
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
