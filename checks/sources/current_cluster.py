"""The cluster of a kube context, without a configuration file.

The managed cluster is found from the nodes through the Azure identity that is signed in (docs/contract.md#gateway-argument).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from time import monotonic
from typing import Any

from checks.config.configuration import ClusterConfig, SavedAzure
from checks.facts.azure_json import canonical
from checks.facts.fact import AzureCall
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.nodes import Node
from checks.knowledge.failed_reads import NODES_NOT_READ, UNIDENTIFIED
from checks.sources.access import kubeconfig_access
from checks.sources.azure import AzureAccount, AzureReader
from checks.sources.expected_answers import managed_cluster
from checks.sources.kubeconfig import Kubeconfig
from checks.sources.kubernetes import KubernetesReader
from checks.sources.libraries import azure_library, kubernetes_library
from checks.sources.live import AzureHalf, LiveSource, NoAzure, Saved
from checks.sources.replies import Failure
from checks.sources.source import Answer

_NODES = 20
"""Nodes that are read to find the managed cluster: a virtual node has no virtual machine."""
_SECONDS = 20.0
_MOST_CLUSTERS = 5000


class UnreadAzure:
    """Azure facts of a cluster that was not found in Azure: each read fails for that reason."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure

    def azure(self, what: AzureCall, deadline: float) -> Answer:
        del deadline
        verb = "get" if what.resource == "managedClusters" else "list"
        return self.failure.gap("azure", verb, what.resource)

    def arm(self, resource_id: str, deadline: float) -> Answer:
        del deadline
        return self.failure.gap("azure", "get", resource_id)


@dataclass(frozen=True, slots=True)
class KubectlOptions:
    """The options that mean the same as those of kubectl, and where Azure facts come from.

    `kubeconfig`: one or more files, separated by `:`; `context`: None for the current one.
    """

    kubeconfig: str
    context: str | None = None
    azure: SavedAzure | bool = True
    """Saved files, or whether Azure is read."""


@dataclass(frozen=True, slots=True)
class CurrentCluster:
    """The entry of a kube context, and its open source."""

    entry: ClusterConfig
    source: LiveSource
    unidentified: Failure | None = None
    """The reason why the managed cluster was not found in Azure.

    None if it was found, or not looked for.
    """


def current_cluster(options: KubectlOptions, timeout: float) -> CurrentCluster:
    """Open the cluster of a kube context.

    `timeout`, in seconds, limits the search for the managed cluster. Raises SourceError if the kubeconfig cannot be used.
    """
    kubernetes_library()
    context = Kubeconfig(options.kubeconfig).context(options.context)
    reader = KubernetesReader(kubeconfig_access(options.kubeconfig, context.name))
    entry = ClusterConfig(
        name=context.name,
        kubeconfig=options.kubeconfig,
        context=context.name,
        azure="none",
        namespaces=(context.namespace,) if context.namespace else (),
    )
    account, half, names = _azure_half(reader, options, timeout)
    entry = entry.model_copy(update=names)
    source = LiveSource(reader, half, account).with_namespaces(*entry.namespaces)
    return CurrentCluster(entry, source, half.failure if isinstance(half, UnreadAzure) else None)


def _azure_half(
    reader: KubernetesReader, options: KubectlOptions, timeout: float
) -> tuple[AzureAccount | None, AzureHalf, dict[str, str]]:
    """The identity in Azure, the reads of Azure, and the managed cluster's names for the entry."""
    if isinstance(options.azure, SavedAzure):
        return None, Saved(options.azure), {}
    if not options.azure:
        return None, NoAzure(), {}
    found = _found(reader, monotonic() + min(_SECONDS, timeout / 2))
    if isinstance(found, Failure):
        return None, UnreadAzure(found), {}
    account, names = found
    return account, AzureReader(account, names["resource_group"], names["aks_name"]), {**names, "azure": "live"}


def _found(reader: KubernetesReader, deadline: float) -> tuple[AzureAccount, dict[str, str]] | Failure:
    """The Azure account and the names of the managed cluster; a Failure if it was not found."""
    try:
        nodes = reader.first_objects(Node.origin, _NODES, deadline)
    except Failure as failure:
        if failure.status == 403:
            return Failure(0, f"{UNIDENTIFIED} this identity may not read the nodes, which name it (403)")
        return Failure(
            failure.status if failure.credentials else 0,
            f"{NODES_NOT_READ} {failure}",
            credentials=failure.credentials,
        )
    groups = (Node(each).node_resource_group for each in nodes)
    subscription, group = next((each for each in groups if all(each)), ("", ""))
    if not group:
        return Failure(0, f"{UNIDENTIFIED} no node is a virtual machine in Azure (spec.providerID)")
    azure_library()
    account = AzureAccount(subscription)
    try:
        listed = account.call(deadline, _all_clusters)
    except Failure as failure:
        return failure
    for each in listed:
        if each.node_resource_group.lower() == group.lower():
            names = {"subscription_id": subscription, "resource_group": each.resource_group, "aks_name": each.name}
            return account, names
    return Failure(
        0,
        f"{UNIDENTIFIED} none that this identity can read in subscription {subscription} has node resource group {group}",
    )


def _all_clusters(client: Any, limits: Mapping[str, Any]) -> list[ManagedCluster]:
    listed = islice(client.managed_clusters.list(**limits), _MOST_CLUSTERS)
    return [ManagedCluster(canonical(managed_cluster(each.as_dict()))) for each in listed]
