"""Results of active steps beside the facts of a source."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from checks.facts.fact import AzureCall, CountersWanted, Listed, PodName
from checks.facts.probes import ProbeOutcome, ProbeResult
from checks.model.raw_values import Raw
from checks.sources.read_ahead import ReadMemory, read_memory_of
from checks.sources.source import Answer, Objects, OtherReads, Source

_PROBED_KEYS = ("prefix", "configuration", "configuration_uid", "configuration_generation")
PROBE_KEYS = ("kind", "gateway", "at", "pod", "outcome", "addresses", "seconds", "url", "detail", *_PROBED_KEYS)
"""The keys of an entry."""
_KINDS = ("probe-pod", "probe-gateway")


def probe_entry_problem(entry: object) -> tuple[str, str] | None:
    """(what is wrong with an entry of probes.yaml, what was expected), None if it is valid."""
    if not isinstance(entry, Mapping):
        return "not a mapping", f"the keys {', '.join(PROBE_KEYS)}"
    if unknown := [key for key in entry if key not in PROBE_KEYS]:
        return f'unknown key "{unknown[0]}"', ", ".join(PROBE_KEYS)
    result = ProbeResult(entry)
    if result.kind not in _KINDS:
        return f"kind is {entry.get('kind')!r}", " or ".join(_KINDS)
    if not all(result.key):
        return f"gateway is {entry.get('gateway')!r}", "NAMESPACE/NAME"
    if result.at is None:
        return f"at is {entry.get('at')!r}", "an RFC 3339 time"
    if result.outcome is None:
        return f"outcome is {entry.get('outcome')!r}", " or ".join(ProbeOutcome)
    if not isinstance(entry.get("addresses", []), list):
        return "addresses is not a list", "a list of IP addresses"
    return None


class ProbedSource:
    """A source with the results of active steps, over which EG413 and EG414 are evaluated."""

    def __init__(self, source: Source, results: Sequence[Raw]) -> None:
        self._source = source
        self._results = tuple(results)

    @property
    def read_memory(self) -> ReadMemory | None:
        return read_memory_of(self._source)

    def now(self) -> datetime:
        return self._source.now()

    def kubectl_context(self) -> str:
        return self._source.kubectl_context()

    def list_objects(self, what: Listed, deadline: float) -> Answer:
        return self._source.list_objects(what, deadline)

    def azure(self, what: AzureCall, deadline: float) -> Answer:
        return self._source.azure(what, deadline)

    def arm(self, resource_id: str, deadline: float) -> Answer:
        return self._source.arm(resource_id, deadline)

    def pod_log(self, pod: PodName, container: str, tail: int, deadline: float) -> Answer:
        return self._source.pod_log(pod, container, tail, deadline)

    def server_version(self, deadline: float) -> Answer:
        return self._source.server_version(deadline)

    def probe_results(self) -> Answer:
        match self._source.probe_results():
            case Objects(raw=found):
                return Objects((*found, *self._results))
            case _:
                return Objects(self._results)

    def proxy_counters(self, wanted: CountersWanted, deadline: float, others: OtherReads | None = None) -> Answer:
        return self._source.proxy_counters(wanted, deadline, others)
