"""The time of laying a proposal over a cluster is proportional to its objects."""

import json
from time import process_time
from typing import Any

import pytest

from checks.facts.istio_networking import ServiceEntry
from checks.facts.laying import laid_proposal
from checks.facts.proposal import proposal
from checks.facts.store import FactStore
from tests.checks.facts.test_overlay import store_of
from tests.clusters.compose import named

pytestmark = pytest.mark.slow


def entry(number: int, **spec: Any) -> dict[str, Any]:
    metadata = {"name": f"entry-{number}", "namespace": "team-egress"}
    written = {"hosts": [f"host-{number}.example.com"], "resolution": "DNS", **spec}
    return {"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": metadata, "spec": written}


def cluster_with(count: int) -> FactStore:
    store = store_of(named("base"))
    store.add(ServiceEntry, [ServiceEntry(entry(number)) for number in range(count)])
    return store


def seconds(count: int) -> float:
    """The processor time of changing and adding so many objects, the best of three."""
    manifests = [entry(number, location="MESH_EXTERNAL") for number in range(2 * count)]
    proposed = proposal([("a.json", json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))])
    found = []
    for _ in range(3):
        store = cluster_with(count)
        began = process_time()
        laid = laid_proposal(store, proposed)
        found.append(process_time() - began)
        assert len(laid.store.known(ServiceEntry)) == len(store.known(ServiceEntry)) + count
    return min(found)


def test_four_times_the_objects_take_less_than_eight_times_as_long() -> None:
    seconds(50)
    assert seconds(2000) < 8 * seconds(500)
