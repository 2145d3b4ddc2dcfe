"""Records which changed objects istiod's own validation refuses.

`python -m tests.checks.istio.validation.record` changes objects of generated meshes at random, and writes its answers.
"""

from __future__ import annotations

import copy
import json
import lzma
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.clusters.compose import named, names
from tests.istiod.asking import Json, Program, proxy
from tests.istiod.meshes.generator import mesh

RECORDED = Path(__file__).with_name("istiod.jsonl.xz")
KINDS = (
    "AuthorizationPolicy", "DestinationRule", "Gateway", "PeerAuthentication", "ServiceEntry", "Sidecar", "VirtualService",
)  # fmt: skip
_SEED, _OBJECTS, _MESHES = 11, 1500, 40
_TEXTS = (
    "", "*", "a_b.example", "*.example.com", "1.2.3.4", "10.0.0.0/8", "a.b.", "mesh", "x/y", "./*", "~", ".", " ", "MUTUAL",
    "SIMPLE", "STATIC", "DNS", "NONE", "HTTPS", "TCP", "HTTP", "foo.*.com",
)  # fmt: skip
_NUMBERS = (0, 70000, 80, 443)


def recorded() -> tuple[tuple[Json, str], ...]:
    """The objects, each with istiod's refusal ("" if it accepts the object)."""
    with lzma.open(RECORDED, "rt", encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    return tuple((each["object"], each["istiod"]) for each in found)


def record() -> None:
    """Ask istiod's own code about changed objects and write its answers."""
    chance = random.Random(_SEED)
    pool = list(_objects())
    changed = [_changed(chance, chance.choice(pool), number) for number in range(_OBJECTS)]
    base = named("base").objects
    sidecar = next(found for each in base if each["kind"] == "Pod" and (found := proxy(dict(each))) is not None)
    spaces = [dict(each) for each in base if each["kind"] == "Namespace"]
    program = Program()
    wanted = {
        "id": "validation",
        "root": "aks-istio-system",
        "revisions": {sidecar.revision: []},
        "objects": [*changed, *spaces],
        "proxies": [sidecar.wanted()],
    }
    refused = {each["name"]: each["message"] for each in program.ask(wanted)["invalid"]}
    program.close()
    with lzma.open(RECORDED, "wt", encoding="utf-8") as file:
        for each in changed:
            file.write(json.dumps({"object": each, "istiod": refused.get(each["metadata"]["name"], "")}) + "\n")


def _objects() -> Iterator[Json]:
    clusters = [mesh(7, number).cluster for number in range(_MESHES)] + [named(name) for name in names()]
    yield from (
        dict(each) for cluster in clusters for each in cluster.objects if each["kind"] in KINDS and _is_istio(each)
    )


def _is_istio(manifest: Any) -> bool:
    return "istio.io" in manifest["apiVersion"]


def _changed(chance: random.Random, manifest: Json, number: int) -> Json:
    spec = copy.deepcopy(manifest.get("spec") or {})
    for _ in range(chance.choice((1, 1, 2))):
        places = list(_places(spec))
        if places:
            _change(chance, *chance.choice(places))
    metadata = {"name": f"o{number}", "namespace": manifest["metadata"]["namespace"]}
    return {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], "metadata": metadata, "spec": spec}


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each (container, key) in a value."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def _change(chance: random.Random, container: Any, key: Any) -> None:
    value, kind = container[key], chance.random()
    if kind < 0.4:
        del container[key]
    elif isinstance(value, list) and value and kind < 0.6:
        container[key] = [*value, copy.deepcopy(value[0])]
    elif isinstance(value, list):
        container[key] = []
    elif isinstance(value, str):
        container[key] = chance.choice(_TEXTS)
    elif isinstance(value, int):
        container[key] = chance.choice(_NUMBERS)
    else:
        del container[key]


if __name__ == "__main__":
    record()
