"""The article's commands one after the other, compared with one `diagnose`, on loopback.

The runbook sends the requests of the article's commands in their order, one request per command, with added latency. It
does not count kubectl's discovery, the start-up time of az or the reader's time, so the comparison favours the runbook.
Both use the same clients and servers.
"""

import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from time import monotonic, perf_counter
from typing import Literal

import trustme

from checks.catalogue import catalogue
from checks.config.configuration import ClusterConfig
from checks.config.metrics_configuration import PrometheusMetrics
from checks.engine.check import Check
from checks.engine.diagnosis import needed
from checks.facts import logs, static_egress
from checks.facts.admission_webhooks import MutatingWebhookConfiguration, ValidatingWebhookConfiguration
from checks.facts.agent_pools import AgentPool
from checks.facts.azure_json import canonical
from checks.facts.events import Event
from checks.facts.fact import ArmResource, AzureCall, Fact, Listed, PodLog, PodName
from checks.facts.istio_networking import DestinationRule, Gateway, ServiceEntry, VirtualService
from checks.facts.istio_policies import AuthorizationPolicy, Telemetry
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.namespaces import ConfigMap, Namespace, Secret
from checks.facts.nodes import Node
from checks.facts.pods import Pod
from checks.facts.services import EndpointSlice, Service
from checks.facts.workloads import DaemonSet, Deployment, ReplicaSet
from checks.model.findings import Report
from checks.model.question import ClusterIdentity, Question
from checks.sources.live import close_sources, open_source
from checks.sources.read_ahead import ReadMemory, read_memory_of
from checks.sources.run import run
from checks.sources.source import Source
from tests.bench.measure import Sample, shown, table, timed
from tests.clusters.compose import Cluster, compose, named
from tests.loopback.azure import AzureServer
from tests.loopback.kube import Fault, KubeServer

Metrics = PrometheusMetrics | Literal["none", "pods"]
KUBERNETES = 0.050
AZURE = 0.250
RUNS = 5

CORE = tuple(
    f"EG{number}"
    for number in (
        101,
        102,
        103,
        104,
        106,
        201,
        203,
        301,
        303,
        304,
        305,
        307,
        308,
        401,
        403,
        404,
        405,
        407,
        410,
        502,
        505,
        508,
        509,
    )
)
"""The codes of the core checks.

The others also read the network of the gateway node pool, in chains of Azure calls.
"""

GET: tuple[tuple[str, type[Fact]], ...] = (
    ("PRE-2 get staticgatewayconfiguration", static_egress.StaticGatewayConfiguration),
    ("PROV-1 get deployment", Deployment),
    ("PROV-1 get service", Service),
    ("PROV-1 get endpointslices", EndpointSlice),
    ("PROV-2 get mutatingwebhookconfigurations", MutatingWebhookConfiguration),
    ("PROV-2 get validatingwebhookconfigurations", ValidatingWebhookConfiguration),
    ("PROV-2 get namespace", Namespace),
    ("PROV-2 get replicasets", ReplicaSet),
    ("PROV-2 get events", Event),
    ("PROV-4 get daemonsets", DaemonSet),
    ("PROV-4 get pods", Pod),
    ("PROV-4 get nodes", Node),
    ("SEG-1 get pod annotation", Pod),
    ("SEG-2 get staticgatewayconfiguration", static_egress.StaticGatewayConfiguration),
    ("SEG-2 describe: configuration", static_egress.StaticGatewayConfiguration),
    ("SEG-2 describe: events", Event),
    ("SEG-8 get gatewaylbconfiguration", static_egress.GatewayLBConfiguration),
    ("SEG-8 get gatewayvmconfiguration", static_egress.GatewayVMConfiguration),
    ("SEG-8 get gatewaystatuses", static_egress.GatewayStatus),
    ("SEG-8 get podendpoints", static_egress.PodEndpoint),
    ("IST-1 get telemetries", Telemetry),
    ("IST-1 get configmaps", ConfigMap),
    ("IST-2 get pods of istiod", Pod),
    ("IST-3 get gateways", Gateway),
    ("IST-3 get service", Service),
    ("IST-4 get serviceentries", ServiceEntry),
    ("IST-4 get virtualservices", VirtualService),
    ("IST-4 get destinationrules", DestinationRule),
    ("IST-5 get secret", Secret),
    ("IST-6 get authorizationpolicies", AuthorizationPolicy),
)
LOGS = (logs.CniManagerLog, logs.GatewayDaemonLog, logs.ProxyLog, logs.IstiodLog)
POOLS = 3
"""`az aks nodepool show` for each pool (NET-2), and again for the gateway's (SEG-3).

The gateway's is the gateway node pool.
"""


@contextmanager
def served(metrics: Metrics = "none", faults: Sequence[Fault] = ()) -> Iterator[tuple[Source, Question]]:
    """The base cluster behind loopback servers with latency, and the source that reads it."""
    cluster = _with_network_labels(named("base"))
    with (
        tempfile.TemporaryDirectory() as folder,
        KubeServer(cluster, latency=KUBERNETES, authority=trustme.CA(), faults=faults) as kube,
        AzureServer(cluster, kube=kube, latency=AZURE) as account,
    ):
        before = dict(os.environ)
        os.environ.update(account.environment(Path(folder)))
        try:
            entry = ClusterConfig(name="base", metrics=metrics, **account.entry)
            wanted = Question(ClusterIdentity("base", *list(account.entry.values())[2:]), "egw", "team-egress")
            yield open_source(entry), wanted
        finally:
            close_sources()
            os.environ.clear()
            os.environ.update(before)


def _with_network_labels(cluster: Cluster) -> Cluster:
    """The cluster with Azure CNI's labels for the subnet of each node.

    Source: docs/domain/azure.md#network-labels.
    """
    gateway_pools = {each.name for each in map(AgentPool, map(canonical, cluster.agent_pools or ())) if each.is_gateway}
    changes = []
    for each in cluster.objects:
        if each["kind"] == "Node":
            pool = each["metadata"]["labels"]["agentpool"]
            labels = {
                "kubernetes.azure.com/network-subscription": "00000000-0000-0000-0000-000000000000",
                "kubernetes.azure.com/network-resourcegroup": "rg1",
                "kubernetes.azure.com/network-name": "vnet1",
                "kubernetes.azure.com/network-subnet": "gw" if pool in gateway_pools else "nodes",
            }
            metadata = {"name": each["metadata"]["name"], "labels": labels}
            changes.append({"apiVersion": "v1", "kind": "Node", "metadata": metadata})
    return compose(cluster, {"change": changes})


def commands(source: Source, *, network: bool) -> list[Callable[[], object]]:
    """The article's commands, one request each."""
    until = monotonic() + 3600
    wanted: list[Callable[[], object]] = [
        lambda: source.azure(_call(ManagedCluster), until),
        lambda: source.azure(_call(AgentPool), until),
        *[lambda: source.azure(_call(AgentPool), until)] * (POOLS + 1),
        lambda: source.azure(_call(ManagedCluster), until),
        lambda: source.azure(_call(ManagedCluster), until),
    ]
    for _, kind in GET:
        origin = kind.origin
        assert isinstance(origin, Listed)
        wanted.append(lambda origin=origin: source.list_objects(origin, until))  # type: ignore[misc]
    for pod, log in _pods():
        wanted.append(lambda pod=pod, log=log: source.pod_log(pod, log.container, log.tail, until))  # type: ignore[misc]
    if network:
        ids = [str(each["id"]) for each in named("base").resources or ()]
        wanted += [lambda each=each: source.arm(each, until) for each in ids]  # type: ignore[misc]
    return wanted


def _call(kind: type[Fact]) -> AzureCall:
    assert isinstance(kind.origin, AzureCall)
    return kind.origin


@cache
def _pods() -> tuple[tuple[PodName, PodLog], ...]:
    by_container = {kind.origin.container: kind.origin for kind in LOGS}
    found = []
    for key in named("base").logs:
        namespace, pod, container = key.split("/")
        if container in by_container:
            found.append((PodName(namespace, pod), by_container[container]))
    return tuple(found)


def longest_chain(checks: tuple[Check, ...], ids: Collection[str], *, seen: bool = False) -> tuple[float, str]:
    """The longest chain of dependent reads of the cluster, in seconds of added latency.

    `ids` are those of the Azure resources that a run reads: a kind without one, such as a NAT gateway, needs no read.
    Logs of the gateway need the managed cluster, which names the gateway. An expected read begins earlier: with `seen`, all
    reads of IDs that the last run needed. A kind ends when its expected read and the reads that confirm it have ended.
    """

    def cost(kind: type[Fact]) -> tuple[float, str]:
        origin = kind.origin
        own = AZURE if isinstance(origin, AzureCall | ArmResource) else KUBERNETES
        if isinstance(origin, ArmResource) and not any(
            f"/{origin.resource.rsplit('/')[-1].lower()}" in each for each in ids
        ):
            own = 0.0
        earlier = list(origin.after) if isinstance(origin, ArmResource | PodLog) else []
        if isinstance(origin, PodLog):
            earlier.append(ManagedCluster)
        named = max((cost(each) for each in earlier), default=(0.0, ""))
        begun = named
        if isinstance(origin, ArmResource):
            expected = [(0.0, "")] if seen else [max(map(cost, origin.expected_after))] if origin.expected_after else []
            begun = min([named, *expected])
        words = [each for each in (begun[1], kind.__name__ if own else "") if each]
        read = (begun[0] + own, " → ".join(words))
        return max(read, named)

    return max(cost(kind) for kind in needed(checks))


def measure() -> str:
    """The section of docs/benchmarks.md."""
    rows = []
    chains = []
    first = Sample((0.0,))
    few = tuple(check for check in catalogue() if check.code in CORE)
    for name, checks, network, seen in (
        (f"{len(CORE)} core checks", few, False, False),
        ("the whole catalogue, a new cluster", catalogue(), True, False),
        ("the whole catalogue, a cluster that was seen before", catalogue(), True, True),
    ):
        with served() as (source, wanted):
            steps = commands(source, network=network)
            book = timed(lambda steps=steps: [step() for step in steps], RUNS)  # type: ignore[misc]
            one = timed(lambda checks=checks, seen=seen: _diagnose(source, wanted, checks, seen=seen), RUNS)  # type: ignore[misc]
            chain, words = longest_chain(checks, _memory(source).expected(_key(wanted)), seen=seen)
            rows.append(
                (name, f"{len(steps)} requests, {book}", one, f"{book.median / one.median:.1f}×", shown(chain),
                 f"{one.median / chain:.2f}×")
            )  # fmt: skip
            chains.append(f"- {name}: {words}")
            first = first_finding(source, wanted)
    head = ("", "runbook, one command after the other", "`diagnose`", "speed-up", "longest chain", "diagnose ÷ chain")
    return "\n".join(
        [
            "## The manual runbook compared with `diagnose`",
            "",
            (
                f"{KUBERNETES * 1000:.0f} ms of added latency per Kubernetes call, {AZURE * 1000:.0f} ms per Azure call; both "
                f"have credentials already. Median (range) of {RUNS} runs. A new cluster is one of which nothing is "
                "remembered; of a cluster that was seen before, the IDs of its Azure resources are, and no contents."
            ),
            "",
            table(head, rows),
            "",
            "The longest chains of reads that depend on one another:",
            "",
            *chains,
            "",
            f"The first finding of a live run appeared after {first}.",
        ]
    )


def _diagnose(source: Source, wanted: Question, checks: tuple[Check, ...], *, seen: bool) -> Report:
    if not seen:
        _memory(source).remember(_key(wanted), ())
    *_, report = run(source, wanted, checks, 60)
    assert isinstance(report, Report)
    return report


def _memory(source: Source) -> ReadMemory:
    memory = read_memory_of(source)
    assert memory is not None
    return memory


def _key(wanted: Question) -> str:
    return f"{wanted.namespace}/{wanted.gateway}"


def first_finding(source: Source, wanted: Question) -> Sample:
    """From the start of a run to its first evaluated check."""
    seconds = []
    for _ in range(RUNS):
        began = perf_counter()
        steps = run(source, wanted, catalogue(), 60)
        next(steps)
        seconds.append(perf_counter() - began)
        for _step in steps:
            continue
    return Sample(tuple(seconds))
