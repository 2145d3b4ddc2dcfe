"""The source that replays a recorded cluster.

It is used for bundles and for the scenarios of the tests.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from checks.facts.azure_json import canonical
from checks.facts.barrier import Barrier
from checks.facts.fact import AzureCall, CountersWanted, Credentials, Gap, Listed, PodName
from checks.facts.kubernetes_kinds import kind_name
from checks.model.raw_values import Raw, at, number, text, texts
from checks.sources.source import Answer, NotCovered, NotInstalled, Objects, OtherReads


@dataclass(frozen=True)
class Recording:
    """The parsed content of a bundle (docs/contract.md#bundle).

    `managed_cluster` and `agent_pools` are None if no Azure facts were recorded, `resources` if no network resources were.
    """

    cluster: str
    captured_at: datetime
    objects: Sequence[Raw]
    managed_cluster: Raw | None = None
    agent_pools: Sequence[Raw] | None = None
    resources: Sequence[Raw] | None = None
    logs: Mapping[str, str] = field(default_factory=dict)
    """The text by `namespace/pod/container`."""
    errors: Sequence[Raw] = ()
    absent_kinds: Sequence[str] = ()
    server_version: str = ""
    probes: Sequence[Raw] = ()
    """The results of active steps."""
    context: str = ""
    """The kubectl context of the cluster, "" if it was not recorded."""
    metrics: Sequence[Raw] | None = None
    """The counters of proxies, None if they were not read."""

    @cached_property
    def by_kind(self) -> Mapping[tuple[str, str], Sequence[Raw]]:
        """The objects by (group, kind)."""
        found: dict[tuple[str, str], list[Raw]] = defaultdict(list)
        for each in self.objects:
            version = text(each, "apiVersion")
            found[(version.partition("/")[0] if "/" in version else "", text(each, "kind"))].append(each)
        return found

    @cached_property
    def resources_by_id(self) -> Mapping[str, Raw]:
        """The ARM resources by ID in lower case."""
        return {text(each, "id").lower(): each for each in self.resources or ()}


class RecordedSource:
    """Replays a recording; failed reads fail with the recorded status and message."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    def now(self) -> datetime:
        return self.recording.captured_at

    def kubectl_context(self) -> str:
        return self.recording.context

    def list_objects(self, what: Listed, deadline: float) -> Answer:
        del deadline
        missing = self._missing(what)
        if gap := next((gap for gap in missing if gap.hides_kind), None):
            return gap
        if what.resource in self.recording.absent_kinds:
            return NotInstalled()
        found = self.recording.by_kind.get((what.group, kind_name(what.resource)), ())
        if what.plural == "events":
            # A recording may contain events of either API; both are read as one kind.
            found = [*found, *self.recording.by_kind.get(("events.k8s.io", "Event"), ())]
        if missing:
            found = [each for each in found if not any(gap.covers(*_place(each)) for gap in missing)]
        return Objects(tuple(found), missing)

    def azure(self, what: AzureCall, deadline: float) -> Answer:
        del deadline
        if gap := self._error("azure", what.resource, "get" if what.resource == "managedClusters" else "list"):
            return gap
        if what.resource == "managedClusters":
            found = self.recording.managed_cluster
            return NotCovered() if found is None else Objects((found,))
        pools = self.recording.agent_pools
        if pools is None:
            # `az aks show` also contains the pools, so a bundle without agent-pools.json still has them.
            pools = at(canonical(self.recording.managed_cluster), "agentpoolprofiles")
        return NotCovered() if pools is None else Objects(tuple(pools))

    def arm(self, resource_id: str, deadline: float) -> Answer:
        del deadline
        if gap := self._error("azure", resource_id, "get"):
            return gap
        wanted = resource_id.lower()
        if wanted.endswith("/networkinterfaces"):
            listed = tuple(each for key, each in self.recording.resources_by_id.items() if key.startswith(f"{wanted}/"))
            return Objects(listed) if listed else NotCovered()
        found = self.recording.resources_by_id.get(wanted)
        return NotCovered() if found is None else Objects((found,))

    def pod_log(self, pod: PodName, container: str, tail: int, deadline: float) -> Answer:
        del deadline
        for source in ("logs", "kubernetes"):  # logs come from the API server: errors.yaml may use either source
            if gap := self._error(source, "pods/log", "get", pod.namespace, pod.name):
                return gap
        written = self.recording.logs.get(f"{pod.namespace}/{pod.name}/{container}", "")
        lines = "\n".join(written.splitlines()[-tail:])
        return Objects(({"namespace": pod.namespace, "pod": pod.name, "container": container, "text": lines},))

    def server_version(self, deadline: float) -> Answer:
        del deadline
        for error in self.recording.errors:
            if text(error, "source") != "kubernetes" or text(error, "namespace") or texts(error, "readable_in"):
                continue
            if text(error, "resource") in ("*", "version"):
                return _gap(error, "get", "version")
        return Objects(({"gitVersion": self.recording.server_version},))

    def probe_results(self) -> Answer:
        return Objects(tuple(self.recording.probes))

    def proxy_counters(self, wanted: CountersWanted, deadline: float, others: OtherReads | None = None) -> Answer:
        del wanted, deadline, others
        gaps = [
            replace(_gap(each, _verb(each), text(each, "resource")), name=text(each, "name") or None)
            for each in self.recording.errors
            if text(each, "source") == "metrics"
        ]
        if whole := next((each for each in gaps if each.name is None), None):
            return whole
        if self.recording.metrics is None and not gaps:
            return NotCovered()
        return Objects(tuple(self.recording.metrics or ()), tuple(gaps))

    def _missing(self, what: Listed) -> tuple[Gap, ...]:
        """The failed lists of this kind: one gap for all namespaces, or one for each namespace.

        An error for a namespace does not apply to cluster-scoped kinds, unless it names the kind. An error with
        `readable_in` applies to all other namespaces.
        """
        gaps: list[Gap] = []
        for error in self.recording.errors:
            resource = text(error, "resource").lower()
            if text(error, "source") != "kubernetes" or resource not in ("*", what.resource.lower()):
                continue
            gap = _gap(error, "list", what.resource)
            if gap.readable_in and what.namespace in gap.readable_in:
                continue
            if gap.readable_in and what.resource == "namespaces":
                gaps.append(gap)
            elif gap.readable_in and (what.namespace or not what.namespaced):
                return (replace(gap, readable_in=()),)
            elif gap.hides_kind or (not what.namespaced and resource != "*"):
                return (replace(gap, namespace=None),)
            elif what.namespaced:
                gaps.append(gap)
        return tuple(gaps)

    def _error(
        self, source: str, resource: str, verb: str, namespace: str | None = None, name: str | None = None
    ) -> Gap | None:
        for error in self.recording.errors:
            if text(error, "source") != source or text(error, "resource").lower() not in ("*", resource.lower()):
                continue
            if namespace is not None and namespace in texts(error, "readable_in"):
                continue
            where, which = text(error, "namespace"), text(error, "name")
            if (namespace is None or where in ("", namespace)) and (name is None or which in ("", name)):
                return _gap(error, verb, resource)
        return None


def _place(raw: Raw) -> tuple[str | None, str]:
    """The namespace of an object, None if it is in none, and its name."""
    return text(raw, "metadata", "namespace") or None, text(raw, "metadata", "name")


def _verb(error: Raw) -> str:
    return "query" if text(error, "resource") == "prometheus" else "get"


def _gap(error: Raw, verb: str, resource: str) -> Gap:
    return Gap(
        source=text(error, "source"),
        verb=verb,
        resource=resource,
        status=number(error, "status") or 0,
        message=text(error, "message"),
        namespace=text(error, "namespace") or None,
        credentials=next((each for each in Credentials if each == text(error, "credentials")), None),
        readable_in=texts(error, "readable_in"),
        barrier=next((each for each in Barrier if each == text(error, "barrier")), None),
    )
