"""Nodes and their taints."""

import re

from checks.facts.fact import KubernetesObject, Listed, derived
from checks.model.raw_values import Raw, items, moment, text

_AZURE_MACHINE = re.compile(r"azure:///subscriptions/([\w-]+)/resourceGroups/([\w.()-]+)/providers/", re.IGNORECASE)

_NETWORK_LABEL = "kubernetes.azure.com/network-"
_NETWORK_PARTS = ("subscription", "resourcegroup", "name", "subnet")


class Taint:
    """A node taint; `added` is None if the API server has not set it."""

    def __init__(self, raw: Raw) -> None:
        self.key = text(raw, "key")
        self.value = text(raw, "value")
        self.effect = text(raw, "effect")
        self.added = moment(raw, "timeAdded")


class Node(KubernetesObject):
    __slots__ = ()
    kind = "Node"
    origin = Listed("", "nodes", namespaced=False)

    @derived
    def pool(self) -> str:
        return self.labels.get("kubernetes.azure.com/agentpool", "") or self.labels.get("agentpool", "")

    @derived
    def mode(self) -> str:
        return self.labels.get("kubernetes.azure.com/mode", "").lower()

    @derived
    def ready(self) -> bool:
        return any(
            text(c, "type") == "Ready" and text(c, "status") == "True" for c in items(self.raw, "status", "conditions")
        )

    @derived
    def taints(self) -> tuple[Taint, ...]:
        return tuple(Taint(each) for each in items(self.raw, "spec", "taints"))

    @derived
    def internal_ip(self) -> str:
        """Its first address in the virtual network."""
        addresses = items(self.raw, "status", "addresses")
        return next((text(each, "address") for each in addresses if text(each, "type") == "InternalIP"), "")

    @derived
    def scale_set_machine(self) -> str:
        """The Azure id of its virtual machine in a scale set; "" for any other machine."""
        found = text(self.raw, "spec", "providerID").removeprefix("azure://")
        return found if "/virtualmachinescalesets/" in found.lower() else ""

    @derived
    def node_resource_group(self) -> tuple[str, str]:
        """The subscription and the resource group of its virtual machine.

        Both are "" for a machine outside Azure. Source: docs/domain/azure.md#managed-cluster-sample.
        """
        found = _AZURE_MACHINE.match(text(self.raw, "spec", "providerID"))
        return (found[1], found[2]) if found else ("", "")

    @derived
    def subnet_id(self) -> str:
        """The ID of its subnet, as the labels of Azure CNI name it; "" without them.

        Source: docs/domain/azure.md#network-labels. Labels can be changed: an ID to try, not a fact about Azure.
        """
        subscription, group, network, subnet = (
            self.labels.get(f"{_NETWORK_LABEL}{each}", "") for each in _NETWORK_PARTS
        )
        if not (subscription and group and network and subnet):
            return ""
        return (
            f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network/virtualNetworks/{network}"
            f"/subnets/{subnet}"
        )

    @derived
    def image_version(self) -> str:
        """The node image of AKS, for example `AKSUbuntu-2204gen2containerd-202611.03.0`."""
        return self.labels.get("kubernetes.azure.com/node-image-version", "")

    @derived
    def zone(self) -> str:
        return self.labels.get("topology.kubernetes.io/zone", "")

    @derived
    def os(self) -> str:
        return self.labels.get("kubernetes.io/os", "") or text(self.raw, "status", "nodeInfo", "operatingSystem")
