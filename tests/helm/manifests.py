"""Strict validation of objects, by the models of the official client and by kubeconform."""

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from tests.helm.chart import KUBERNETES, Json, program

RESOURCES = Path(__file__).parent / "schemas"
"""Schemas of custom resources.

They contain the parts of KEDA's and the Prometheus operator's that the chart uses.
"""


def model(found: Json) -> Any:
    """The official client's class for an object, or None for a custom resource."""
    from kubernetes import client

    version = found["apiVersion"].rpartition("/")[2]
    return getattr(client, version.capitalize() + found["kind"], None)


@cache
def schema_file(folder: Path, api_version: str, kind: str) -> None:
    """Write a kind's schema, from the client's model, to the place where kubeconform reads it."""
    own = RESOURCES / schema_name(api_version, kind)
    text = own.read_text() if own.exists() else json.dumps(_generated(api_version, kind))
    (folder / schema_name(api_version, kind)).write_text(text)


def _generated(api_version: str, kind: str) -> Any:
    found = model({"apiVersion": api_version, "kind": kind})
    assert found is not None, f"no schema for {api_version} {kind}"
    return found.model_json_schema(by_alias=True)


def schema_name(api_version: str, kind: str) -> str:
    group, _, version = api_version.rpartition("/")
    # kubeconform names a group by its first label.
    parts = [kind.lower(), *([group.partition(".")[0]] if group else []), version]
    return "-".join(parts) + ".json"


def kubeconform(objects: list[Json], folder: Path) -> list[str]:
    """The errors of kubeconform for the objects."""
    for each in objects:
        schema_file(folder, each["apiVersion"], each["kind"])
    done = subprocess.run(
        [
            program("kubeconform"),
            "-strict",
            "-output=json",
            f"-kubernetes-version={KUBERNETES}",
            "-schema-location",
            f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json",
        ],
        input="\n---\n".join(json.dumps(each) for each in objects),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    found = json.loads(done.stdout)["resources"]
    return [f"{each['kind']} {each['name']}: {each['msg']}" for each in found if each["status"] != "statusValid"]
