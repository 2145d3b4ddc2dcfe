"""A healthy cluster, damaged in ways that an examiner might think of.

`tests/examined/cluster` is a whole bundle of a cluster that was built apart from `tests/clusters/base`. Each file beside it
lists the differences, as patches that are applied in order (tests/clusters/compose.py), and what a right diagnosis
reports (tests/incidents/judge.py). The expectations were written from the decision tables before any check ran.
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

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
HEALTHY = HERE / "cluster"
FILES = sorted(HERE.glob("*.yaml"))
NEWER_EVENTS = "events.k8s.io/v1"


def newer(event: Manifest) -> Manifest:
    """A core event in the form of events.k8s.io/v1."""
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
    """The healthy cluster after the file's patches."""
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
