"""A cluster as it was recorded: the source behind bundles, and behind every scenario of the tests."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from checks.facts.azure_json import canonical
from checks.facts.fact import AzureCall, Gap, Listed, PodName
from checks.facts.kubernetes_kinds import kind_name
from checks.model.raw_values import Raw, at, number, text
from checks.sources.source import Answer, NotInstalled, NotLookedAt, Objects


@dataclass(frozen=True)
class Recording:
    """What a bundle holds, parsed (docs/contract.md#bundle). `managed_cluster` and `agent_pools` are None where no Azure
    facts were recorded, `resources` where the network was not looked at."""

    cluster: str
    captured_at: datetime
    objects: Sequence[Raw]
    managed_cluster: Raw | None = None
    agent_pools: Sequence[Raw] | None = None
    resources: Sequence[Raw] | None = None
    logs: Mapping[str, str] = field(default_factory=dict)
    """Text by `namespace/pod/container`."""
    errors: Sequence[Raw] = ()
    absent_kinds: Sequence[str] = ()
    server_version: str = ""

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
        """The ARM resources by id in lower case."""
        return {text(each, "id").lower(): each for each in self.resources or ()}


class RecordedSource:
    """Replays a recording; failed reads fail again as they did."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    def now(self) -> datetime:
        return self.recording.captured_at

    def list_objects(self, what: Listed, deadline: float) -> Answer:
        del deadline
        missing = self._missing(what)
        if gap := next((gap for gap in missing if gap.namespace is None), None):
            return gap
        if what.resource in self.recording.absent_kinds:
            return NotInstalled()
        found = self.recording.by_kind.get((what.group, kind_name(what.resource)), ())
        if what.plural == "events":
            # People record events through either API; both read as one kind.
            found = [*found, *self.recording.by_kind.get(("events.k8s.io", "Event"), ())]
        if missing:
            closed = {gap.namespace for gap in missing}
            found = [each for each in found if text(each, "metadata", "namespace") not in closed]
        return Objects(tuple(found), missing)

    def azure(self, what: AzureCall, deadline: float) -> Answer:
        del deadline
        if gap := self._error("azure", what.resource, "get" if what.resource == "managedClusters" else "list"):
            return gap
        if what.resource == "managedClusters":
            found = self.recording.managed_cluster
            return NotLookedAt() if found is None else Objects((found,))
        pools = self.recording.agent_pools
        if pools is None:
            # `az aks show` carries the pools, too: a bundle without agent-pools.json still tells them.
            pools = at(canonical(self.recording.managed_cluster), "agentpoolprofiles")
        return NotLookedAt() if pools is None else Objects(tuple(pools))

    def arm(self, resource_id: str, deadline: float) -> Answer:
        del deadline
        if gap := self._error("azure", resource_id, "get"):
            return gap
        found = self.recording.resources_by_id.get(resource_id.lower())
        return NotLookedAt() if found is None else Objects((found,))

    def pod_log(self, pod: PodName, container: str, tail: int, deadline: float) -> Answer:
        del deadline
        for source in ("logs", "kubernetes"):  # logs come through the API server: people write them under either
            if gap := self._error(source, "pods/log", "get", pod.namespace, pod.name):
                return gap
        written = self.recording.logs.get(f"{pod.namespace}/{pod.name}/{container}", "")
        lines = "\n".join(written.splitlines()[-tail:])
        return Objects(({"namespace": pod.namespace, "pod": pod.name, "container": container, "text": lines},))

    def server_version(self, deadline: float) -> Answer:
        del deadline
        for error in self.recording.errors:
            if text(error, "source") != "kubernetes" or text(error, "namespace"):
                continue
            if text(error, "resource") in ("*", "version"):
                return _gap(error, "get", "version")
        return Objects(({"gitVersion": self.recording.server_version},))

    def _missing(self, what: Listed) -> tuple[Gap, ...]:
        """The failed lists of this kind: of every namespace (then that one only), or of single ones. A namespace says
        nothing about kinds that lie in none, unless the error names the kind."""
        gaps: list[Gap] = []
        for error in self.recording.errors:
            resource = text(error, "resource").lower()
            if text(error, "source") != "kubernetes" or resource not in ("*", what.resource.lower()):
                continue
            gap = _gap(error, "list", what.resource)
            if gap.namespace is None or (not what.namespaced and resource != "*"):
                return (replace(gap, namespace=None),)
            if what.namespaced:
                gaps.append(gap)
        return tuple(gaps)

    def _error(
        self, source: str, resource: str, verb: str, namespace: str | None = None, name: str | None = None
    ) -> Gap | None:
        for error in self.recording.errors:
            if text(error, "source") != source or text(error, "resource").lower() not in ("*", resource.lower()):
                continue
            where, which = text(error, "namespace"), text(error, "name")
            if (namespace is None or where in ("", namespace)) and (name is None or which in ("", name)):
                return _gap(error, verb, resource)
        return None


def _gap(error: Raw, verb: str, resource: str) -> Gap:
    return Gap(
        source=text(error, "source"),
        verb=verb,
        resource=resource,
        status=number(error, "status") or 0,
        message=text(error, "message"),
        namespace=text(error, "namespace") or None,
    )
