"""Validation against CustomResourceDefinitions, for the rules that the API server enforces."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

Schema = Mapping[str, Any]

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
}


@functools.cache
def read_schemas(folder: Path) -> dict[tuple[str, str], Schema]:
    """The schema of every served version in a folder of CRDs, by (apiVersion, kind)."""
    schemas: dict[tuple[str, str], Schema] = {}
    for path in sorted(folder.glob("*.yaml")):
        spec = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)["spec"]  # noqa: S506 (a safe loader)
        for version in spec["versions"]:
            key = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
            schemas[key] = version["schema"]["openAPIV3Schema"]
    return schemas


def violations(value: Any, schema: Schema, path: str = "") -> Iterator[str]:
    """The violations of the schema, each as `path: message`.

    An unknown field is a violation: the API server would drop it.
    """
    if value is None and schema.get("nullable"):
        return
    kind = schema.get("type")
    if schema.get("x-kubernetes-int-or-string"):
        if not isinstance(value, int | str):
            yield f"{path}: neither an integer nor a string"
        return
    if kind and (not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")):
        yield f"{path}: {value!r} is not of type {kind}"
        return
    yield from _scalar(value, schema, path)
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from violations(item, schema.get("items", {}), f"{path}[{number}]")
    if isinstance(value, dict):
        yield from _object(value, schema, path)
    yield from _combined(value, schema, path)


def _scalar(value: Any, schema: Schema, path: str) -> Iterator[str]:
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is not one of {', '.join(map(str, schema['enum']))}"
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield f"{path}: {value!r} does not match {schema['pattern']}"
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            yield f"{path}: {value!r} has the wrong length"
    if isinstance(value, int | float) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{path}: {value} is out of range"


def _object(value: Mapping[str, Any], schema: Schema, path: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}: {name} is missing"
    properties, additional = schema.get("properties"), schema.get("additionalProperties")
    free = schema.get("x-kubernetes-preserve-unknown-fields") or (properties is None and additional is None)
    for name, item in value.items():
        if properties and name in properties:
            yield from violations(item, properties[name], f"{path}.{name}")
        elif isinstance(additional, dict):
            yield from violations(item, additional, f"{path}.{name}")
        elif not free and not (path == "" and name in ("apiVersion", "kind", "metadata")):
            yield f"{path}: {name} is unknown"


def _combined(value: Any, schema: Schema, path: str) -> Iterator[str]:
    """Validate oneOf, anyOf and not, which Istio's CRDs use for unions of required fields."""

    def matches(branch: Schema) -> bool:
        free = {"x-kubernetes-preserve-unknown-fields": True}
        return not any(True for _ in violations(value, {**free, **branch}, path))

    for branch in schema.get("allOf", ()):
        yield from violations(value, {**branch, "x-kubernetes-preserve-unknown-fields": True}, path)
    if "oneOf" in schema and sum(map(matches, schema["oneOf"])) != 1:
        yield f"{path}: does not match exactly one of the alternatives"
    if "anyOf" in schema and not any(map(matches, schema["anyOf"])):
        yield f"{path}: matches none of the alternatives"
    if "not" in schema and matches(schema["not"]):
        yield f"{path}: matches a schema under `not`"
