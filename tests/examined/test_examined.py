"""The example cluster of `../shared/bundles/healthy`, damaged in ways that an examiner might think of.

Each file here says what differs from it, as patches that are applied one after another (tests/clusters/compose.py), and
what a right diagnosis says (tests/incidents/judge.py). The predictions were written from the decision tables before the
checks were asked. The example bundles lie beside the checkout; without them these tests are skipped.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.clusters.bundles import read_yaml
from tests.clusters.compose import Cluster, Manifest, compose, read_bundle
from tests.clusters.merging import only
from tests.incidents.judge import shortcomings
from tests.recordings import diagnosed, question

HERE = Path(__file__).parent
HEALTHY = HERE.parents[2] / "shared" / "bundles" / "healthy"
FILES = sorted(HERE.glob("*.yaml"))
NEWER_EVENTS = "events.k8s.io/v1"

pytestmark = pytest.mark.skipif(not HEALTHY.is_dir(), reason="../shared/bundles/healthy is not beside the checkout")


def newer(event: Manifest) -> Manifest:
    """A core event as the newer API shows it."""
    return {
        "apiVersion": NEWER_EVENTS,
        "kind": "Event",
        "metadata": event["metadata"],
        "type": event["type"],
        "reason": event["reason"],
        "note": event["message"],
        "regarding": event["involvedObject"],
        "eventTime": None,
        "deprecatedCount": event["count"],
        "deprecatedFirstTimestamp": event["firstTimestamp"],
        "deprecatedLastTimestamp": event["lastTimestamp"],
        "deprecatedSource": event["source"],
        "reportingController": event["reportingComponent"],
    }


def damaged(content: dict[str, Any]) -> Cluster:
    """The example cluster after the file's patches."""
    only(content, {"title", "patches", "events_api", "expect"}, "examined cluster")
    cluster = read_bundle(HEALTHY)
    for patch in content["patches"]:
        cluster = compose(cluster, patch)
    if content.get("events_api") == NEWER_EVENTS:
        objects = tuple(newer(each) if each["kind"] == "Event" else each for each in cluster.objects)
        cluster = replace(cluster, objects=objects)
    return cluster


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_examined(path: Path) -> None:
    content = read_yaml(path)
    cluster, expect = damaged(content), content["expect"]
    report = diagnosed(cluster, question(cluster, expect["gateway"], expect.get("host"))).finish(0.0)
    assert list(shortcomings(report, expect)) == []


def test_the_cluster_that_is_damaged_is_healthy() -> None:
    cluster = read_bundle(HEALTHY)
    expect = read_yaml(HEALTHY / "expect.yaml")
    report = diagnosed(cluster, question(cluster, expect["gateway"])).finish(0.0)
    assert list(shortcomings(report, {**expect, "warning": [], "unknown": []})) == []
