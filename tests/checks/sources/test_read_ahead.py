"""Azure reads begin before the reads that name their IDs have ended."""

from collections.abc import Mapping
from threading import Event
from time import monotonic
from typing import Any

import pytest

from checks.catalogue import catalogue
from checks.engine.readings import record
from checks.facts.agent_pools import AgentPool
from checks.facts.fact import AzureCall, CountersWanted, Credentials, Listed
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.namespaces import ConfigMap
from checks.facts.network_interfaces import NetworkInterface
from checks.facts.network_resources import RouteTable, Subnet
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.security_groups import NetworkSecurityGroup
from checks.facts.services import Service
from checks.facts.store import FactStore
from checks.model.findings import Report
from checks.sources.access import LazyAccess
from checks.sources.gathering import gather
from checks.sources.kubernetes import KubernetesReader
from checks.sources.live import LiveSource, NoAzure
from checks.sources.probed import ProbedSource
from checks.sources.read_ahead import MOST_IDS, MOST_REMEMBERED, ReadMemory, read_memory_of
from checks.sources.recorded import RecordedSource
from checks.sources.recording import RecordingSource
from checks.sources.run import run
from checks.sources.source import Answer, OtherReads
from tests.clusters.compose import compose, named
from tests.incidents.test_traffic import FLOWS, with_traffic
from tests.recordings import question, recording

NETWORK = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg1/providers/Microsoft.Network"
SUBNETS = f"{NETWORK}/virtualNetworks/vnet1/subnets"
LABELS = {
    "kubernetes.azure.com/network-subscription": "00000000-0000-0000-0000-000000000000",
    "kubernetes.azure.com/network-resourcegroup": "RG1",
    "kubernetes.azure.com/network-name": "vnet1",
}


class Live(ProbedSource):
    """A live cluster.

    With `waits`, Azure names the node pools only after the read of this resource has begun.
    """

    def __init__(self, patch: Mapping[str, Any], memory: ReadMemory | None, waits: str = "") -> None:
        super().__init__(RecordedSource(recording(compose(named("base"), patch))), ())
        self._memory = memory
        self._waits = waits.lower()
        self._asked = Event()
        self.ids: list[str] = []

    @property
    def read_memory(self) -> ReadMemory | None:
        return self._memory

    def azure(self, what: AzureCall, deadline: float) -> Answer:
        if self._waits and what.resource == "agentPools":
            assert self._asked.wait(20), f"{self._waits} was not read before the node pools are known"
        return super().azure(what, deadline)

    def arm(self, resource_id: str, deadline: float) -> Answer:
        self.ids.append(resource_id.lower())
        if resource_id.lower() == self._waits:
            self._asked.set()
        return super().arm(resource_id, deadline)


def gathered(source: Live, gateway: str = "team-egress/egw") -> FactStore:
    store = FactStore(source.now())
    for reading in gather(source, [Subnet, RouteTable, AgentPool], store, monotonic() + 60, gateway=gateway):
        record(store, reading)
    return store


def subnets(store: FactStore) -> list[str]:
    return sorted(each.name for each in store.known(Subnet))


def labelled(subnet: str) -> dict[str, Any]:
    labels = {**LABELS, "kubernetes.azure.com/network-subnet": subnet}
    return {"change": [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "aks-gwpool-0", "labels": labels}}]}


def test_the_subnets_of_the_last_run_are_read_before_the_node_pools_are_known() -> None:
    memory = ReadMemory()
    first = gathered(Live({}, memory))
    again = Live({}, memory, waits=f"{SUBNETS}/gw")
    assert subnets(gathered(again)) == subnets(first) == ["gw", "nodes"]
    assert len(again.ids) == len(set(again.ids)) == 2


def test_the_memory_of_another_gateway_expects_nothing() -> None:
    memory = ReadMemory()
    gathered(Live({}, memory), "team-egress/egw")
    assert memory.expected("team-egress/other") == ()
    assert len(memory.expected("team-egress/egw")) == 2


def test_a_subnet_that_the_pool_has_left_is_no_fact_and_is_forgotten() -> None:
    memory = ReadMemory()
    old = f"{SUBNETS}/old"
    memory.remember("team-egress/egw", [old])
    resource = {"id": old, "properties": {"addressPrefix": "10.9.0.0/24"}}
    source = Live({"azure": {"resources": {old: resource}}}, memory)
    assert subnets(gathered(source)) == ["gw", "nodes"]
    assert old.lower() in source.ids
    assert old.lower() not in memory.expected("team-egress/egw")


def test_the_labels_of_a_node_name_a_subnet_that_is_read_early_whatever_their_case() -> None:
    source = Live(labelled("gw"), ReadMemory(), waits=f"{SUBNETS}/gw")
    assert subnets(gathered_with_nodes(source)) == ["gw", "nodes"]
    assert sorted(source.ids) == sorted({f"{SUBNETS}/gw".lower(), f"{SUBNETS}/nodes".lower()})


def test_a_label_that_names_another_subnet_changes_nothing() -> None:
    store = gathered_with_nodes(Live(labelled("absent"), ReadMemory()))
    assert subnets(store) == ["gw", "nodes"]
    assert store.gaps(Subnet) == ()


def gathered_with_nodes(source: Live) -> FactStore:
    store = FactStore(source.now())
    for reading in gather(source, [Subnet, Node], store, monotonic() + 60, gateway="team-egress/egw"):
        record(store, reading)
    return store


@pytest.mark.parametrize("missing", [*LABELS, "kubernetes.azure.com/network-subnet"])
def test_labels_without_a_part_name_no_subnet(missing: str) -> None:
    labels = {**LABELS, "kubernetes.azure.com/network-subnet": "gw"}
    del labels[missing]
    assert Node({"metadata": {"name": "a", "labels": labels}}).subnet_id == ""


def test_a_recording_keeps_only_what_the_run_asked_for() -> None:
    live = Live({}, ReadMemory())
    assert read_memory_of(live) is not None
    assert read_memory_of(RecordingSource(live, "weu")) is None
    assert read_memory_of(RecordedSource(recording(named("base")))) is None


def test_a_memory_is_bounded() -> None:
    memory = ReadMemory()
    memory.remember("a/long", [f"/id/{number}" for number in range(MOST_IDS + 5)])
    assert len(memory.expected("a/long")) == MOST_IDS
    for number in range(MOST_REMEMBERED):
        memory.remember(f"a/{number}", ["/id"])
    assert memory.expected("a/long") == ()
    assert memory.expected("a/0") == ("/id",)


def test_a_source_that_reads_further_namespaces_shares_the_memory() -> None:
    access = LazyAccess(lambda *_: None, Credentials.KUBECONFIG)
    live = LiveSource(KubernetesReader(access), NoAzure())
    assert live.with_namespaces("payments") is not live
    assert live.with_namespaces("payments").read_memory is live.read_memory


def test_the_reads_behind_which_most_others_wait_begin_first() -> None:
    """Security groups are read after interfaces, and those after the nodes."""
    begun: list[str] = []

    class Noted(RecordedSource):
        def list_objects(self, what: Listed, deadline: float) -> Answer:
            begun.append(what.plural)
            return super().list_objects(what, deadline)

    source = Noted(recording(named("base")))
    store = FactStore(source.now())
    for reading in gather(
        source, [ConfigMap, Pod, NetworkSecurityGroup, NetworkInterface, Service], store, monotonic() + 60
    ):
        record(store, reading)
    # Those of the nodes' interfaces, of the machines' interfaces, then the others by name.
    assert begun == ["gatewayvmconfigurations", "nodes", "configmaps", "pods", "services"]
    assert store.known(NetworkSecurityGroup)


def test_a_read_of_azure_does_not_wait_for_a_list() -> None:
    """The lists of a fleet check wait for each other, eight at a time."""
    asked = Event()

    class Slow(ProbedSource):
        def azure(self, what: AzureCall, deadline: float) -> Answer:
            asked.set()
            return super().azure(what, deadline)

        def list_objects(self, what: Listed, deadline: float) -> Answer:
            assert asked.wait(20), "the managed cluster was not read while a list was"
            return super().list_objects(what, deadline)

    source = Slow(RecordedSource(recording(named("base"))), ())
    store = FactStore(source.now())
    for reading in gather(source, [ConfigMap, ManagedCluster], store, monotonic() + 60, concurrency=1):
        record(store, reading)
    assert store.known(ManagedCluster)
    assert store.known(ConfigMap)


class Counting(ProbedSource):
    """A live cluster that Azure describes only after a read of counters has begun."""

    def __init__(self, patch: Mapping[str, Any], memory: ReadMemory | None) -> None:
        cluster = with_traffic(compose(named("base"), patch), FLOWS)
        super().__init__(RecordedSource(recording(cluster)), ())
        self._memory = memory
        self.wanted: list[CountersWanted] = []
        self._begun = Event()

    @property
    def read_memory(self) -> ReadMemory | None:
        return self._memory

    def azure(self, what: AzureCall, deadline: float) -> Answer:
        if what.resource == "managedClusters" and self._memory is not None:
            assert self._begun.wait(20), "the counters were not read before Azure named the gateway"
        return super().azure(what, deadline)

    def proxy_counters(self, wanted: CountersWanted, deadline: float, others: OtherReads | None = None) -> Answer:
        self.wanted.append(wanted)
        self._begun.set()
        return super().proxy_counters(wanted, deadline, others)


def traffic(source: Counting) -> str:
    *_, report = run(source, question(named("base"), "team-egress/egw"), catalogue(), 60)
    assert isinstance(report, Report)
    assert report.traffic is not None
    return report.traffic.summary


def test_counters_are_read_before_azure_names_the_gateway() -> None:
    source = Counting({}, ReadMemory())
    assert traffic(source) == "1,204 requests in 5 min, none failed"
    assert len(source.wanted) == 1


def test_counters_of_other_revisions_than_expected_are_read_again() -> None:
    mesh = {"properties": {"serviceMeshProfile": {"istio": {"revisions": ["asm-1-30", "asm-1-99"]}}}}
    source = Counting({"azure": {"managed_cluster": mesh}}, ReadMemory())
    assert traffic(source) == "1,204 requests in 5 min, none failed"
    assert [each.groups[0].workloads for each in source.wanted] == [
        ("egw-asm-1-30",),
        ("egw-asm-1-30", "egw-asm-1-99"),
    ]


def test_a_source_that_must_read_nothing_ahead_reads_counters_once() -> None:
    source = Counting({}, None)
    assert traffic(source) == "1,204 requests in 5 min, none failed"
    assert len(source.wanted) == 1
