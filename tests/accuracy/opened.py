"""An incident's bundle, opened once for every tool."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from checks.sources.bundle import read_bundle
from checks.sources.recorded import Recording
from tests.accuracy.corpus import Answer
from tests.clusters.bundles import Cluster

_TOP = {"id", "name", "type", "location", "tags", "sku", "identity", "zones", "kind", "etag"}


@dataclass(frozen=True, slots=True)
class Opened:
    """A bundle as the product reads it, and the same facts as plain objects."""

    answer: Answer
    recording: Recording
    cluster: Cluster


def opened(answer: Answer) -> Opened:
    """Read the bundle. Raises BundleError."""
    recording = read_bundle(answer.bundle)
    cluster = Cluster(
        name=recording.cluster,
        captured_at=recording.captured_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        objects=tuple(map(dict, recording.objects)),
        managed_cluster=None if recording.managed_cluster is None else _as_rest(recording.managed_cluster),
        agent_pools=None if recording.agent_pools is None else tuple(map(_as_rest, recording.agent_pools)),
        resources=None if recording.resources is None else tuple(map(_as_rest, recording.resources)),
        logs=recording.logs,
        errors=tuple(map(dict, recording.errors)),
        absent_kinds=tuple(recording.absent_kinds),
        probes=tuple(map(dict, recording.probes)),
        metrics=None if recording.metrics is None else tuple(map(dict, recording.metrics)),
    )
    return Opened(answer, recording, cluster)


def _as_rest(body: Mapping[str, Any]) -> dict[str, Any]:
    """An answer of Azure as the REST API has it; azure-cli prints the properties at the top."""
    if "properties" in body:
        return dict(body)
    top = {key: value for key, value in body.items() if key in _TOP}
    return {**top, "properties": {key: value for key, value in body.items() if key not in _TOP}}
