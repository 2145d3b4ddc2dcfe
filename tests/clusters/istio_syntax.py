"""Writes the table of Istio's fields and values from its CustomResourceDefinitions.

`python -m tests.clusters.istio_syntax` renews it (docs/tables.md).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from checks.knowledge import istio_syntax
from tests.clusters.schemas import Schema, read_schemas

CRDS = Path(__file__).parents[3] / "shared" / "crds"
KINDS = (
    ("networking.istio.io", "DestinationRule"),
    ("networking.istio.io", "Gateway"),
    ("networking.istio.io", "ServiceEntry"),
    ("networking.istio.io", "Sidecar"),
    ("networking.istio.io", "VirtualService"),
    ("security.istio.io", "AuthorizationPolicy"),
)


def syntax(schemas: Iterable[Schema]) -> Any:
    """The fields of an object with their own, the values of an enum, or {} for anything else."""
    fields: dict[str, list[Schema]] = {}
    values: set[str] = set()
    for schema in schemas:
        for part in (schema, schema.get("items", {})):
            values |= set(map(str, part.get("enum", ())))
            for name, each in (part.get("properties") or {}).items():
                fields.setdefault(name, []).append(each)
            if isinstance(part.get("additionalProperties"), dict):
                fields.setdefault("*", []).append(part["additionalProperties"])
    if values:
        return sorted(values)
    return {name: syntax(found) for name, found in sorted(fields.items())}


def table(folder: Path) -> dict[str, Any]:
    """The kinds of the table, read from a folder of CustomResourceDefinitions."""
    found = read_schemas(folder)
    return {
        kind: syntax(
            schema["properties"]["spec"]
            for (version, name), schema in found.items()
            if name == kind and version.startswith(f"{group}/")
        )
        for group, kind in KINDS
    }


def main() -> None:
    """Write the kinds into the table, from the folder that the first argument names."""
    kept = orjson.loads(istio_syntax.TABLE.read_bytes()) if istio_syntax.TABLE.is_file() else {"version": "1.31"}
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else CRDS
    written = orjson.dumps({**kept, "kinds": table(folder)}, option=orjson.OPT_INDENT_2)
    Path(str(istio_syntax.TABLE)).write_bytes(written + b"\n")


if __name__ == "__main__":
    main()
