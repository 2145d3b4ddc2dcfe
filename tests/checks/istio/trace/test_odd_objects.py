"""Objects that Istio's validation refuses, or with null instead of a list, crash no check."""

import copy
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from checks.catalogue import catalogue
from checks.knowledge.istio_syntax import newer_syntax, syntax_table
from checks.model.findings import Status
from tests.clusters.compose import Cluster, named
from tests.recordings import diagnosed, question

CHECKS = [check for check in catalogue() if "EG505" <= check.code <= "EG512"]
STARTS = ("base", "tls-passthrough", "tls-origination", "mutual-tls-origination", "wildcard-host")
ODD: tuple[Any, ...] = (
    None,
    "",
    "x",
    0,
    -1,
    70000,
    True,
    [],
    [None],
    ["x"],
    {},
    {"x": None},
    "*",
    "https://x.com/",
    "a..b",
    "[::1]",
)
ROUNDS = 60


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every field below."""
    found = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in found:
        yield (*path, key)
        yield from places(each, (*path, key))


def bent(cluster: Cluster, dice: random.Random) -> tuple[Cluster, str]:
    """The cluster with one to three odd fields, and which."""
    objects = list(cluster.objects)
    istio = [
        i
        for i, each in enumerate(objects)
        if "istio.io" in each["apiVersion"] or each["kind"] in ("Secret", "ConfigMap")
    ]
    what = []
    for _ in range(dice.randint(1, 3)):
        index = dice.choice(istio)
        changed = copy.deepcopy(dict(objects[index]))
        path = dice.choice([p for p in places(changed) if p[0] in ("spec", "data", "metadata") and p not in _IDENTITY])
        parent: Any = changed
        for step in path[:-1]:
            parent = parent[step]
        parent[path[-1]] = copy.deepcopy(dice.choice(ODD))
        objects[index] = changed
        what.append(f"{changed['kind']} {path} = {parent[path[-1]]!r}")
    return replace(cluster, objects=tuple(objects)), "; ".join(what)


_IDENTITY = (("metadata",), ("metadata", "name"), ("metadata", "namespace"))


@pytest.mark.slow
@pytest.mark.parametrize("start", STARTS)
def test_no_field_makes_a_check_crash(start: str) -> None:
    dice = random.Random(start)
    for _ in range(ROUNDS):
        cluster, what = bent(named(start), dice)
        for host in (None, "edition.cnn.com:443"):
            run = diagnosed(cluster, question(cluster, "team-egress/egw", host), CHECKS)
            unknown = [f.summary for f in run.finish(0.0).findings if f.status is Status.UNKNOWN]
            crashed = [summary for summary in unknown if not is_newer(summary, cluster)]
            assert not crashed, f"{what}: {crashed}"


def is_newer(summary: str, cluster: Cluster) -> bool:
    """Whether a route is not checked because an object has a field or value that the API lacks.

    Source: docs/rulings.md#ruling-32.
    """
    reasons = {
        f"{place} of {each['kind']} {each['metadata']['namespace']}/{each['metadata']['name']}"
        for each in cluster.objects
        if "istio.io" in each["apiVersion"] and (place := newer_syntax(each["kind"], each.get("spec")))
    }
    found = re.fullmatch(
        rf"Not checked: the routes? of .+ (?:is|are) not certain \(not modelled: (.+) is newer than "
        rf"Istio {re.escape(syntax_table().version)}\)\.",
        summary,
    )
    return found is not None and found[1] in reasons
