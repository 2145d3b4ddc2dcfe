"""Rendering of the chart with the real helm."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.dockerfile import ROOT

CHART = ROOT / "helm/egress-diag"
RELEASED = Path(__file__).parent / "released"
KUBERNETES = "1.34.0"

Json = dict[str, Any]
Values = Mapping[str, Any]

LEAST: Json = {"image": {"repository": "registry.example/egress-diag"}, "slack": {"existingSecret": "slack"}}
"""The required values."""


def program(name: str) -> str:
    """A Go program from PATH, GOBIN or the virtual environment; without it the test is skipped."""
    places = [os.environ.get("PATH", ""), os.environ.get("GOBIN", ""), str(ROOT / ".venv/bin")]  # noqa: TID251 - the tool's
    found = shutil.which(name, path=os.pathsep.join(filter(None, places)))
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def merged(*layers: Values) -> Json:
    """Merge values as helm merges several files."""
    found: Json = {}
    for layer in layers:
        for key, value in layer.items():
            old = found.get(key)
            found[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return found


def helm(*arguments: str, values: Values | None = None) -> subprocess.CompletedProcess[str]:
    """Run helm with values on standard input, without a cluster or the user's configuration."""
    command = [program("helm"), *arguments, *(["--values", "-"] if values is not None else [])]
    return subprocess.run(
        command,
        input=json.dumps(values) if values is not None else "",
        env={"PATH": os.defpath, "HOME": "/nonexistent", "KUBECONFIG": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def rendered(values: Values, *, chart: Path = CHART, namespace: str = "egress-diag") -> list[Json]:
    """All objects of a release with these values and the required ones, including the test pod."""
    wanted = json.dumps(merged(LEAST, values), sort_keys=True)
    return [json.loads(each) for each in _rendered(wanted, chart, namespace)]


@cache
def _rendered(values: str, chart: Path, namespace: str) -> tuple[str, ...]:
    place = ("egress-diag", str(chart), "--namespace", namespace, "--kube-version", KUBERNETES)
    done = helm("template", *place, values=json.loads(values))
    assert done.returncode == 0, done.stderr
    return tuple(json.dumps(each) for each in yaml.safe_load_all(done.stdout) if each)


def refusal(values: Values) -> str:
    """The error of helm for these values; fails if helm accepts them."""
    done = helm("template", "egress-diag", str(CHART), "--kube-version", KUBERNETES, values=values)
    assert done.returncode != 0, "helm accepted these values"
    return done.stderr


def of_kind(objects: Iterable[Json], kind: str) -> list[Json]:
    """All objects of a kind."""
    return [each for each in objects if each["kind"] == kind]


def named(objects: Iterable[Json], kind: str, name: str) -> Json:
    """The only object of a kind with a name."""
    found = [each for each in of_kind(objects, kind) if each["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} objects {kind} {name}"
    return found[0]


def pods(objects: Iterable[Json]) -> Iterator[tuple[str, Json]]:
    """Component and pod (metadata and spec) of every workload."""
    for each in objects:
        pod = each if each["kind"] == "Pod" else each.get("spec", {}).get("template")
        if each["kind"] in ("Pod", "Deployment", "StatefulSet"):
            yield pod["metadata"]["labels"]["app.kubernetes.io/component"], pod


def pod(objects: Iterable[Json], component: str) -> Json:
    """The pod of a component."""
    return dict(pods(objects))[component]
