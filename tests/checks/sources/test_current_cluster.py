"""The on-call engineer has only a kubeconfig: its cluster, and the one in Azure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest
import yaml

from checks.facts.fact import AzureCall, Gap
from checks.facts.managed_cluster import ManagedCluster
from checks.facts.nodes import Node
from checks.sources.current_cluster import CurrentCluster, KubectlOptions, current_cluster
from checks.sources.kubeconfig import Kubeconfig
from checks.sources.source import NotCovered, Objects, SourceError
from tests.clusters.compose import Cluster, compose, named
from tests.loopback.azure import AzureServer
from tests.loopback.kube import KubeServer

MANAGED = ManagedCluster.origin


@pytest.fixture
def kube() -> Iterator[KubeServer]:
    with KubeServer(named("base")) as server:
        yield server


def found(kubeconfig: Path | str, context: str | None = None, *, azure: bool = True) -> CurrentCluster:
    return current_cluster(KubectlOptions(str(kubeconfig), context, azure), timeout=20)


def managed(cluster: CurrentCluster) -> object:
    return cluster.source.azure(MANAGED, monotonic() + 10)


def in_azure(cluster: Cluster, kube: KubeServer, folder: Path, patch: pytest.MonkeyPatch) -> AzureServer:
    azure = AzureServer(cluster, kube=kube)
    for name, value in azure.environment(folder).items():
        patch.setenv(name, value)
    return azure


def test_the_managed_cluster_is_found_from_the_node_resource_group(
    kube: KubeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with in_azure(named("base"), kube, tmp_path, monkeypatch):
        cluster = found(kube.kubeconfig(tmp_path))
        assert isinstance(managed(cluster), Objects)
    identity = cluster.entry.identity
    assert (identity.name, identity.context) == ("loopback", "loopback")
    assert (identity.aks_name, identity.resource_group) == ("aks1", "rg1")
    assert identity.subscription == "00000000-0000-0000-0000-000000000000"


def test_only_a_few_nodes_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster with 5,000 nodes would delay the first answer by seconds."""
    base = named("base")
    node = next(each for each in base.objects if each["kind"] == "Node")
    many = [{**node, "metadata": {**node["metadata"], "name": f"node-{number}"}} for number in range(600)]
    with (
        KubeServer(replace(base, objects=(*base.objects, *many))) as kube,
        in_azure(base, kube, tmp_path, monkeypatch),
    ):
        assert found(kube.kubeconfig(tmp_path)).entry.aks_name == "aks1"
        assert kube.requests["/api/v1/nodes"] == 1


def test_azure_has_no_cluster_with_this_node_resource_group(
    kube: KubeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = compose(
        named("base"), {"azure": {"managed_cluster": {"properties": {"nodeResourceGroup": "MC_rg1_other_westeurope"}}}}
    )
    with in_azure(other, kube, tmp_path, monkeypatch):
        answer = managed(found(kube.kubeconfig(tmp_path)))
    assert isinstance(answer, Gap)
    assert "has node resource group mc_rg1_aks1_westeurope" in answer.message
    # Not 404: the managed cluster exists, this identity may not read it.
    assert answer.status == 0


def test_nobody_is_signed_in_to_azure(kube: KubeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with in_azure(named("base"), kube, tmp_path, monkeypatch):
        for name in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"):
            monkeypatch.delenv(name, raising=False)
        cluster = found(kube.kubeconfig(tmp_path))
    answer = managed(cluster)
    assert isinstance(answer, Gap)
    assert (answer.status, answer.resource) == (401, "managedClusters")
    pools = cluster.source.azure(AzureCall("agentPools", ""), monotonic() + 10)
    assert isinstance(pools, Gap)
    assert pools.verb == "list"
    # Subnets, route tables and network security groups are unknown for the same reason.
    group = "/subscriptions/s/resourceGroups/rg1/providers/Microsoft.Network/networkSecurityGroups/nsg"
    rules = cluster.source.arm(group, monotonic() + 10)
    assert isinstance(rules, Gap)
    assert (rules.status, rules.message) == (answer.status, answer.message)


def test_the_nodes_may_not_be_read(tmp_path: Path) -> None:
    forbidden = compose(
        named("base"),
        {"errors": [{"source": "kubernetes", "resource": "nodes", "status": 403, "message": "forbidden"}]},
    )
    with KubeServer(forbidden) as kube:
        answer = managed(found(kube.kubeconfig(tmp_path)))
    assert isinstance(answer, Gap)
    assert (
        answer.message
        == "the managed cluster is not identified: this identity may not read the nodes, which name it (403)"
    )
    # Azure has forbidden nothing.
    assert answer.status == 0


def test_a_cluster_outside_azure(tmp_path: Path) -> None:
    base = named("base")
    bare = replace(
        base,
        objects=tuple(
            {**each, "spec": {**each["spec"], "providerID": "kind://docker/kind/node"}}
            if each["kind"] == "Node"
            else each
            for each in base.objects
        ),
    )
    with KubeServer(bare) as kube:
        answer = managed(found(kube.kubeconfig(tmp_path)))
    assert isinstance(answer, Gap)
    assert "no node is a virtual machine in Azure" in answer.message


def test_azure_none_reads_no_node_first(kube: KubeServer, tmp_path: Path) -> None:
    assert isinstance(managed(found(kube.kubeconfig(tmp_path), azure=False)), NotCovered)
    assert not kube.requests


def test_several_files_are_merged_as_kubectl_does(kube: KubeServer, tmp_path: Path) -> None:
    """The first file has the current context, the second its cluster and user."""
    whole = yaml.safe_load(Path(kube.kubeconfig(tmp_path)).read_text())
    first, second = tmp_path / "one", tmp_path / "two"
    first.write_text(yaml.safe_dump({"current-context": "loopback", "contexts": whole["contexts"]}))
    second.write_text(yaml.safe_dump({"clusters": whole["clusters"], "users": whole["users"], "current-context": "x"}))
    merged = f"{first}:{tmp_path / 'does-not-exist'}:{second}"
    assert Kubeconfig(merged).context(None).name == "loopback"
    cluster = found(merged, azure=False)
    assert isinstance(cluster.source.list_objects(Node.origin, monotonic() + 10), Objects)


def test_a_kubeconfig_without_a_current_context(kube: KubeServer, tmp_path: Path) -> None:
    whole = yaml.safe_load(Path(kube.kubeconfig(tmp_path)).read_text())
    del whole["current-context"]
    file = tmp_path / "k"
    file.write_text(yaml.safe_dump(whole))
    with pytest.raises(SourceError, match="has no current context; choose one with `kubectl config use-context NAME`"):
        found(file)
    assert found(file, "loopback", azure=False).entry.context == "loopback"
