"""One word has one meaning: a name says the same wherever it stands."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.sources import statements_of

ROOT = Path(__file__).parents[2]
LAYERS = ("bot", "workers", "checks")
EVERYWHERE = frozenset({"log"})
"""Each module's own logger."""

SAME_SUBJECT = {
    "azure": "reading Azure",
    "configuration": "what users configure: of egress-diag, and of the mesh",
    "exports": "exportTo",
    "gateway_api": "the objects of the Gateway API, and their fixes",
    "gateways": "Istio's Gateways",
    "kubernetes": "reading the API server",
    "own_traffic": "the bot's own traffic",
    "parts": "the parts of doctor, and of a mesh",
    "routes": "routes of the Gateway API, and the routes that istiod generates from them",
    "services": "Services: as the API returns them, and as the mesh's registries hold them",
    "workloads": "the workloads that own pods",
}
"""Module names that stand in several packages of `checks`, and the subject that they share."""


def files(layer: str) -> Iterator[Path]:
    return iter(sorted((ROOT / layer).rglob("*.py")))


def public_names(file: Path) -> Iterator[str]:
    for node in statements_of(file):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (each.id for each in targets if isinstance(each, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case _:
                pass


def test_no_public_name_is_defined_in_two_modules() -> None:
    places: dict[str, set[str]] = defaultdict(set)
    for layer in LAYERS:
        for file in files(layer):
            for name in public_names(file):
                places[name].add(str(file.relative_to(ROOT)))
    assert len(places) > 2000
    several = {
        name: where
        for name, where in places.items()
        if len(where) > 1 and not name.startswith("_") and name not in EVERYWHERE
    }
    assert several == {}


def test_modules_of_checks_share_a_name_only_if_they_share_a_subject() -> None:
    places: dict[str, list[Path]] = defaultdict(list)
    for file in files("checks"):
        places[file.stem].append(file)
    several = {name for name, found in places.items() if len(found) > 1 and name != "__init__"}
    assert several == set(SAME_SUBJECT)
